"""SVGs as Chromium draws them with our fonts; `python -m tests.real.chromium` keeps the pictures."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import quote
from xml.etree.ElementTree import tostring

from PIL import Image

from lernbatch import drawing
from lernbatch.drawing import svg
from tests.drawing import beside_browser as browser

FONTS = Path(drawing.__file__).parent / "fonts"
_FACES = [  # family, weight, style, file, characters
    ("Noto Sans", "400", "normal", "NotoSans-Regular.ttf", "U+0-8FF,U+1E00-20FF"),
    ("Noto Sans", "700", "normal", "NotoSans-Bold.ttf", "U+0-8FF,U+1E00-20FF"),
    ("Noto Sans", "400", "italic", "NotoSans-Italic.ttf", "U+0-8FF,U+1E00-20FF"),
    ("Noto Sans", "700", "italic", "NotoSans-BoldItalic.ttf", "U+0-8FF,U+1E00-20FF"),
    ("Noto Serif", "400", "normal", "NotoSerif-Regular.ttf", "U+0-20FF"),
    ("Noto Serif", "700", "normal", "NotoSerif-Bold.ttf", "U+0-20FF"),
    ("Noto Serif", "400", "italic", "NotoSerif-Italic.ttf", "U+0-20FF"),
    ("Noto Serif", "700", "italic", "NotoSerif-BoldItalic.ttf", "U+0-20FF"),
    ("Noto Sans", "400", "normal", "NotoSansDevanagari-Regular.ttf", "U+900-97F"),
    ("Noto Sans", "400", "normal", "NotoSansTamil-Regular.ttf", "U+B80-BFF"),
]
_STAND_INS = [  # families that are not ours, as what they are drawn in
    ("Playfair Display", "400", "normal", "NotoSerif-Regular.ttf", "U+0-20FF"),
    ("Open Sans", "600", "normal", "NotoSans-Bold.ttf", "U+0-20FF"),
    ("Times New Roman", "400", "italic", "NotoSerif-Italic.ttf", "U+0-20FF"),
    ("Great Vibes", "400", "normal", "DancingScript-Regular.otf", "U+0-20FF"),
    ("Montserrat-Bold", "400", "normal", "NotoSans-Bold.ttf", "U+0-20FF"),
    ("Georgia-BoldItalic", "400", "normal", "NotoSerif-BoldItalic.ttf", "U+0-20FF"),
    ("Unheard Of", "400", "normal", "NotoSans-Regular.ttf", "U+0-20FF"),
]
_FLAGS = """
--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
--disable-component-update --disable-sync --hide-scrollbars --allow-file-access-from-files
--force-device-scale-factor=1 --virtual-time-budget=5000
--host-resolver-rules=MAP,*,~NOTFOUND
"""


def program() -> str | None:
    """Chromium's program, where there is one."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def drawn(source: bytes, values: dict[str, dict[str, str]] | None = None) -> Image.Image:
    """The template as Chromium draws it once its values are put in, a dot a unit."""
    name = (values or browser.VALUES)["credentialSubject"]["recipientName"]
    root = svg.parse(source.replace(b"{{credentialSubject.recipientName}}", name.encode()))
    width, height = map(round, svg.size(root))
    root.set("width", str(width))
    root.set("height", str(height))
    faces = "".join(
        f"@font-face{{font-family:'{family}';font-weight:{weight};font-style:{style};unicode-range:{characters};"
        f"src:url(file://{quote(str(FONTS / file))})}}"
        for family, weight, style, file, characters in [*_FACES, *_STAND_INS]
    )
    page = (
        f'<html xmlns="http://www.w3.org/1999/xhtml"><head><style>{faces} body{{margin:0;background:#fff}} '
        "svg{display:block} body>svg{font-family:'Noto Sans'}</style></head><body>"
        f"{tostring(root, encoding='unicode')}</body></html>"
    )
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "page.xhtml").write_text(page)
        shot = Path(folder) / "shot.png"
        command = [str(program()), *_FLAGS.split(), f"--user-data-dir={folder}/profile", f"--screenshot={shot}"]
        command += [f"--window-size={width + 40},{height + 200}", f"file://{folder}/page.xhtml"]
        environment = {**os.environ, "HOME": folder}
        subprocess.run(command, capture_output=True, check=True, timeout=300, env=environment)
        with Image.open(io.BytesIO(shot.read_bytes())) as image:
            return image.convert("RGB").crop((0, 0, width, height))


def main() -> None:
    for name, path in browser.TEMPLATES.items():
        drawn(path.read_bytes()).save(browser.FOLDER / "browser" / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
