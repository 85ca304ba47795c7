"""Pictures inside a template: each is read, checked and brought into a form that every viewer draws, or is named."""

from __future__ import annotations

import binascii
import io
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from urllib.parse import unquote_to_bytes
from xml.etree.ElementTree import Element

from lernbatch.drawing.svg import SVG, XLINK_HREF, BadPicture, href, local

# The kinds that are looked for. Pillow knows more, of which some run programs.
_KINDS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "DIB", "ICO", "AVIF", "TIFF")
_DRAWN = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif", "WEBP": "image/webp"}
_MAX_DOTS = 40_000_000
SVG_TYPE = "image/svg+xml"
_DATA = re.compile(r"\s*data:([^,]*),(.*)", re.IGNORECASE | re.DOTALL)


def embed(root: Element, embedded: Mapping[str, str], drawn: Callable[[bytes], bytes]) -> list[str]:
    """Leave no address but of the SVG's own elements and of pictures that are in it, in place; what was left out.

    `embedded`: addresses of pictures → the same pictures as data URLs. `drawn`: an SVG as it is drawn.
    Addresses on the web that are not in `embedded` are left out without a word: whoever fetches says why not.
    """
    said: list[str] = []
    for parent in list(root.iter()):
        for element in list(parent):
            address, key = href(element), "href" if "href" in element.attrib else XLINK_HREF
            for name in ("href", XLINK_HREF, "src"):
                element.attrib.pop(name, None)
            if element.tag != f"{SVG}image":
                if address.startswith("#"):
                    element.set(key, address)
                elif address:
                    said.append(f"The address {address[:80]!r} of {local(element.tag)} is left out.")
                continue
            try:
                source, picture = embedded.get(address, address), ""
                if source and not source.startswith(("http://", "https://")):
                    content = content_of(source)
                    is_svg = type_of(content) == SVG_TYPE
                    picture = data_url(SVG_TYPE, drawn(content)) if is_svg else data_url(*as_drawable(content))
            except BadPicture as bad:
                said.append(f"The picture {address[:60]!r} is left out: {bad}")
                picture = ""
            if picture:
                element.set(key, picture)
            else:
                parent.remove(element)
    return said


def content_of(address: str) -> bytes:
    """The bytes of a data URL, however it is spelled. Raises: BadPicture."""
    parts = _DATA.fullmatch(address)
    if parts is None:
        raise BadPicture("it is not inside the SVG, and not on the web.")
    parameters, data = parts.groups()
    if not re.search(r";\s*base64\s*$", parameters, re.IGNORECASE):
        return unquote_to_bytes(data)
    packed = re.sub(rb"\s+", b"", unquote_to_bytes(data)).translate(bytes.maketrans(b"-_", b"+/")).rstrip(b"=")
    try:
        return b64decode(packed + b"=" * (-len(packed) % 4), validate=True)
    except binascii.Error as broken:
        raise BadPicture("its base64 cannot be read.") from broken


def type_of(content: bytes) -> str | None:
    """The media type of a picture as its bytes say it, whatever its name says; None for what is none."""
    if re.match(rb"(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?\s*<", content) or content[:4] in (
        b"\xff\xfe<\0",
        b"\xfe\xff\0<",
    ):
        return SVG_TYPE
    from PIL import Image  # loaded where there is a picture

    try:
        with Image.open(io.BytesIO(content), formats=_KINDS) as image:
            return Image.MIME.get(image.format or "")
    except (OSError, ValueError, Image.DecompressionBombError):
        return None


def as_drawable(content: bytes) -> tuple[str, bytes]:
    """Media type and bytes of the picture, as PNG where not every viewer draws its own kind. Raises: BadPicture."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content), formats=_KINDS) as image:
            if image.width * image.height > _MAX_DOTS:
                raise BadPicture(f"it has more than {_MAX_DOTS} dots.")
            image.load()
            if image.format in _DRAWN and image.mode != "CMYK":
                return _DRAWN[image.format], content
            out = io.BytesIO()
            image.convert("RGBA" if image.has_transparency_data else "RGB").save(out, "PNG")
            return "image/png", out.getvalue()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as broken:
        raise BadPicture("it is no picture that can be read.") from broken


def data_url(media_type: str, content: bytes) -> str:
    return f"data:{media_type};base64,{b64encode(content).decode()}"
