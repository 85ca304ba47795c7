"""The description of the API: for programs, and as a page with Swagger UI, which needs nothing from elsewhere."""

from __future__ import annotations

from functools import cache

import msgspec

from lernbatch import __version__
from lernbatch.web import openapi
from lernbatch.web.routing import Route
from lernbatch.web.static_files import StaticFile, StaticFiles

FILES = StaticFiles("lernbatch.ops", "static", "docs/")  # beside the page, wherever a proxy has put it
# Its scripts and styles come from us and it asks nobody but us; the marks in its style sheet are data.
SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


@cache
def description(routes: tuple[Route, ...], url: str) -> StaticFile:
    """OpenAPI's JSON of these routes; `url`: where the service is reached. The first time takes half a second."""
    return StaticFile("openapi.json", "application/json", msgspec.json.encode(openapi.document(routes, url)))


@cache
def page() -> str:
    """The page that shows it."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # loaded where a page is shown

    pages = Environment(loader=PackageLoader("lernbatch.ops"), autoescape=True, undefined=StrictUndefined)
    return pages.get_template("docs.html").render(static=FILES.url, version=__version__)
