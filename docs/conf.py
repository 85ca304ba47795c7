"""Settings of the documentation site: `make docs` builds it with Sphinx, from the Markdown pages of this folder."""

from lernbatch import __version__

project = "Lernbatch"
version = release = __version__
copyright = "the Lernbatch authors"
extensions = ["myst_parser"]
myst_enable_extensions = ["attrs_inline"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = f"Lernbatch {version}"
exclude_patterns = ["_build"]
# The contract's and the guide's examples have placeholders, which a lexer of HTTP or JSON does not take.
suppress_warnings = ["misc.highlighting_failure"]
# Pages link to source files of the repository; on the site such a link has no page.
myst_url_schemes = ("http", "https", "mailto")
