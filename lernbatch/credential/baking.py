"""The signed credential inside a picture of its certificate: put there, and found again.

A PDF has it as an attached file (see drawing.picture); PNG and SVG as Open Badges 3.0, §5.3, bakes it.
"""

from __future__ import annotations

import io
import struct
import sys
import zlib
from collections.abc import Iterator
from xml.etree.ElementTree import Element, ParseError, register_namespace, tostring

import msgspec
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from lernbatch import apart
from lernbatch.credential.strict_json import Unverifiable

MAX_BYTES = 32 * 1024 * 1024
SECONDS, MEMORY = 20, 1024**3  # of a process that reads the file of a stranger
FILE_NAME = "credential.json"  # in a PDF
_KEYWORD = b"openbadgecredential"  # of a text in a PNG
_NAMESPACE = "https://purl.imsglobal.org/ob/v3p0"
_ELEMENT = f"{{{_NAMESPACE}}}credential"  # in an SVG
_PNG, _PDF = b"\x89PNG\r\n\x1a\n", b"%PDF-"
register_namespace("openbadges", _NAMESPACE)


def to_png(picture: bytes, credential: bytes) -> bytes:
    """The PNG with the credential as an uncompressed iTXt chunk before its end."""
    said = _KEYWORD + b"\0\0\0\0\0" + credential  # no compression, no language, no translated keyword
    end = picture.rindex(b"IEND") - 4
    return picture[:end] + _chunk(b"iTXt", said) + picture[end:]


def to_svg(picture: bytes, credential: bytes) -> bytes:
    """The SVG with the credential as its first element, which draws nothing."""
    root = fromstring(picture)
    element = Element(_ELEMENT)
    element.text = credential.decode()
    root.insert(0, element)
    baked: bytes = tostring(root, encoding="utf-8")
    return baked


class Extract(msgspec.Struct):
    """What such a process found: the credential, or why there is none."""

    credential: bytes = b""
    why_not: str | None = None


def credential_apart(data: bytes) -> bytes:
    """The credential in a stranger's file; a picture is read in a process of its own. Blocks. Raises: Unverifiable."""
    if not _is_picture(data):
        return data
    written = apart.run("lernbatch.credential.baking", data)
    if written is None:
        raise Unverifiable("Reading it takes more time or memory than a file may.")
    extract = msgspec.msgpack.decode(written, type=Extract)
    if extract.why_not is not None:
        raise Unverifiable(extract.why_not)
    return extract.credential


def _is_picture(data: bytes) -> bool:
    return data.startswith((_PDF, _PNG)) or data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def credential_in(data: bytes) -> tuple[bytes, bool]:
    """The credential in a file, and whether the file is a picture around it. Raises: Unverifiable, with a sentence."""
    if len(data) > MAX_BYTES:
        raise Unverifiable(f"The file is larger than {MAX_BYTES // 1024 // 1024} MB.")
    if not _is_picture(data):
        return data, False
    if data.startswith(_PDF):
        return _only(in_pdf(data), "PDF"), True
    if data.startswith(_PNG):
        return _only(list(in_png(data)), "PNG"), True
    return _only(in_svg(data), "SVG"), True


def _only(credentials: list[bytes], kind: str) -> bytes:
    if len(credentials) != 1:
        count = f"{len(credentials)} credentials" if credentials else "no credential"
        raise Unverifiable(f"The {kind} has {count} in it.")
    return credentials[0]


def in_pdf(data: bytes) -> list[bytes]:
    """The attached files of a PDF that are called as a credential's is. Raises: Unverifiable."""
    import pypdf  # takes half a second, and few ever need it

    try:
        attachments = pypdf.PdfReader(io.BytesIO(data)).attachments
        return list(attachments[FILE_NAME]) if FILE_NAME in attachments else []
    except Exception as broken:  # a PDF from outside makes its reader raise whatever its pieces do
        raise Unverifiable(f"The PDF cannot be read: {broken!r}.") from broken


def in_png(data: bytes) -> Iterator[bytes]:
    """The credentials in the chunks of a PNG. Source: Open Badges 3.0, §5.3.1. Raises: Unverifiable."""
    place = len(_PNG)
    while place + 12 <= len(data):
        (length,) = struct.unpack(">I", data[place : place + 4])
        kind, content = data[place + 4 : place + 8], data[place + 8 : place + 8 + length]
        if kind == b"iTXt" and content.startswith(_KEYWORD + b"\0"):
            if data[place : place + 12 + length] != _chunk(kind, content):
                raise Unverifiable("The PNG's credential does not fit its check sum.")
            rest = content[len(_KEYWORD) + 1 :]  # flag and method of compression, language, translated keyword, text
            parts = rest[2:].split(b"\0", 2)
            if len(parts) < 3 or rest[0]:
                raise Unverifiable("The PNG's credential is compressed or cut short.")
            yield parts[2]
        place += 12 + length


def in_svg(data: bytes) -> list[bytes]:
    """The credentials in the elements of an SVG. Source: Open Badges 3.0, §5.3.2. Raises: Unverifiable."""
    try:
        root = fromstring(data, forbid_dtd=False, forbid_entities=True, forbid_external=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as broken:
        raise Unverifiable(f"The SVG cannot be read: {broken}.") from broken
    return [(element.get("verify") or element.text or "").strip().encode() for element in root.iter(_ELEMENT)]


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def main() -> None:
    """Find the credential in the picture that comes by the standard input."""
    apart.bound(SECONDS, MEMORY)
    try:
        extract = Extract(credential_in(sys.stdin.buffer.read())[0])
    except Unverifiable as why:
        extract = Extract(why_not=str(why))
    except MemoryError:
        sys.exit(apart.OUT_OF_MEMORY)
    sys.stdout.buffer.write(msgspec.msgpack.encode(extract))


if __name__ == "__main__":
    main()
