"""Certificates as pictures: nine scripts as they were looked at, and the PDF with its credential."""

from __future__ import annotations

import io
import zipfile
from base64 import b64decode
from datetime import UTC, datetime
from urllib.parse import urlsplit

import numpy
import numpy.typing
import pypdf
import pytest
from PIL import Image

from lernbatch.drawing import picture, qr
from tests.drawing import scripts

MADE_AT = datetime(2026, 7, 1, 10, 0, 0, 123, tzinfo=UTC)


def pixels(png: bytes) -> numpy.typing.NDArray[numpy.int16]:
    """Rows, columns and RGBA of a picture."""
    return numpy.asarray(Image.open(io.BytesIO(png)).convert("RGBA"), dtype=numpy.int16)


@pytest.mark.parametrize("script", scripts.SAMPLES)
def test_a_certificate_looks_as_it_did_when_somebody_looked(script: str) -> None:
    drawn = picture.png(scripts.draw(script), 54)
    golden = (scripts.FOLDER / f"{script}.png").read_bytes()
    if drawn != golden:  # another processor may round a shade differently; a changed letter changes hundreds
        assert pixels(drawn).shape == pixels(golden).shape
        assert numpy.count_nonzero(abs(pixels(drawn) - pixels(golden)) > 40) < 50


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
