"""Certificates as pictures: nine scripts as they were looked at, and the PDF with its credential."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from base64 import b64decode
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pypdf
import pytest

from lernbatch.drawing import picture, qr
from tests.drawing import scripts

MADE_AT = datetime(2026, 7, 1, 10, 0, 0, 123, tzinfo=UTC)


def pixels(png: bytes) -> tuple[tuple[int, int], bytes]:
    """Size and RGBA bytes of a PNG of eight bits a channel."""
    place, packed = 8, b""
    width, height = struct.unpack(">II", png[16:24])
    while place < len(png):
        (length,) = struct.unpack(">I", png[place : place + 4])
        if png[place + 4 : place + 8] == b"IDAT":
            packed += png[place + 8 : place + 8 + length]
        place += 12 + length
    channels = {2: 3, 6: 4}[png[25]]
    raw, stride = zlib.decompress(packed), width * channels
    rows, above = bytearray(), bytearray(stride)
    for start in range(0, len(raw), stride + 1):
        above = _unfiltered(raw[start], bytearray(raw[start + 1 : start + 1 + stride]), above, channels)
        rows += above
    return (width, height), bytes(rows)


def _unfiltered(kind: int, row: bytearray, above: bytearray, channels: int) -> bytearray:
    for i in range(len(row)):
        left = row[i - channels] if i >= channels else 0
        corner = above[i - channels] if i >= channels else 0
        if kind == 4:
            guess = left + above[i] - corner
            nearest = min((left, above[i], corner), key=lambda value: abs(guess - value))
        else:
            nearest = (0, left, above[i], (left + above[i]) // 2)[kind]
        row[i] = (row[i] + nearest) & 255
    return row


@pytest.mark.parametrize("script", scripts.SAMPLES)
def test_a_certificate_looks_as_it_did_when_somebody_looked(script: str) -> None:
    drawn = picture.png(scripts.draw(script), 54)
    golden = (scripts.FOLDER / f"{script}.png").read_bytes()
    if drawn != golden:  # another processor may round a shade differently; a changed letter changes hundreds
        assert pixels(drawn)[0] == pixels(golden)[0]
        assert sum(abs(a - b) > 40 for a, b in zip(pixels(drawn)[1], pixels(golden)[1], strict=True)) < 50


def test_a_pdf_carries_its_credential_and_no_font() -> None:
    made = picture.pdf(scripts.draw("tamil"), b'{"signed":true}', "Merit", "State Board", MADE_AT)
    read = pypdf.PdfReader(io.BytesIO(made))
    assert read.attachments["credential.json"] == [b'{"signed":true}']
    assert (round(float(read.pages[0].mediabox.width)), round(float(read.pages[0].mediabox.height))) == (842, 595)
    assert read.metadata is not None
    assert (read.metadata.title, read.metadata.author) == ("Merit", "State Board")
    assert b"/Font" not in made


def test_a_title_is_no_typesetting_code() -> None:
    evil = '"] #panic("x") [$'
    read = pypdf.PdfReader(io.BytesIO(picture.pdf(scripts.draw("latin"), b"{}", evil, evil, MADE_AT)))
    assert read.metadata is not None
    assert read.metadata.title == evil


def test_the_same_certificate_is_the_same_file() -> None:
    one, two = (picture.pdf(scripts.draw("urdu"), b"{}", "t", "a", MADE_AT) for _ in range(2))
    assert one == two


def test_the_code_links_to_the_page_or_holds_the_credential() -> None:
    page = "https://lern.example/certs/1"
    assert qr.qr_content(page, "URL", b"{}") == f"{page}?t=URL"
    linked = qr.qr_content(page, "URL-W3C-VC", b'{"a":1}')
    packed = urlsplit(linked).query.removeprefix("t=URL-W3C-VC&data=")
    assert packed == qr.qr_content(page, "W3C-VC", b'{"a":1}')
    with zipfile.ZipFile(io.BytesIO(b64decode(packed))) as archive:
        assert archive.read("certificate.json") == b'{"a":1}'
