"""Credentials inside pictures: found again in PDF, PNG and SVG, and no byte of them can be changed."""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from xml.sax.saxutils import escape

import pypdf
import pytest
import rfc8785

from lernbatch.credential import baking, open_badge, proof, vc_jwt
from lernbatch.credential.keys import KeySet
from lernbatch.credential.strict_json import Unverifiable
from lernbatch.drawing import picture
from tests.credential.test_credential import AWARD, NOW
from tests.drawing import scripts

MADE_AT = datetime(2026, 7, 1, 10, tzinfo=UTC)


@pytest.fixture(scope="module")
def signed(issuer_keys: KeySet) -> bytes:
    return rfc8785.dumps(proof.sign(open_badge.build(AWARD, issuer_keys.did), issuer_keys, NOW))


def pdf(said: bytes) -> bytes:
    return picture.pdf(scripts.draw("tamil"), said, "Merit", "State Board", MADE_AT)


@pytest.fixture(scope="module")
def pictures(signed: bytes) -> dict[str, bytes]:
    drawn = scripts.draw("tamil")
    return {
        "pdf": pdf(signed),
        "png": baking.to_png(picture.png(drawn, 30), signed),
        "svg": baking.to_svg(drawn, signed),
    }


FORMS = pytest.mark.parametrize("form", ["pdf", "png", "svg"])


@FORMS
def test_what_was_put_in_comes_out_to_the_byte(pictures: dict[str, bytes], signed: bytes, form: str) -> None:
    assert baking.credential_in(pictures[form]) == (signed, True)


def test_a_credential_alone_is_itself() -> None:
    assert baking.credential_in(b'{"a": 1}') == (b'{"a": 1}', False)
    assert baking.credential_in(b"a.b.c") == (b"a.b.c", False)


@FORMS
def test_a_picture_with_its_credential_is_still_that_picture(pictures: dict[str, bytes], form: str) -> None:
    if form == "pdf":
        assert len(pypdf.PdfReader(io.BytesIO(pictures["pdf"])).pages) == 1
    elif form == "png":
        assert [kind for kind, _ in chunks(pictures["png"])][-2:] == [b"iTXt", b"IEND"]
    else:
        before, after = picture.png(scripts.draw("tamil"), 30), picture.png(pictures["svg"], 30)
        assert before == after


@FORMS
def test_a_change_of_any_byte_of_the_file_changes_nothing_that_verifies(
    pictures: dict[str, bytes], issuer_keys: KeySet, signed: bytes, form: str
) -> None:
    """Most bytes are the picture's: then what verifies is what was signed. The credential's own are all tried below."""
    file = bytearray(pictures[form])
    for place in range(0, len(file), max(1, len(file) // 300)):
        file[place] ^= 4
        with suppress(Unverifiable):
            assert proof.verify(baking.credential_in(bytes(file))[0], issuer_keys.keys).credential == json.loads(signed)
        file[place] ^= 4


@FORMS
def test_a_change_of_any_byte_of_the_credential_inside_is_noticed(
    issuer_keys: KeySet, signed: bytes, form: str
) -> None:
    step = 1 if form == "png" else 41 if form == "pdf" else 11
    drawn = scripts.draw("latin")
    small = picture.png(drawn, 10)
    for place in range(0, len(signed), step):
        changed = signed[:place] + bytes([signed[place] ^ 1]) + signed[place + 1 :]
        file = baking.to_png(small, changed) if form == "png" else forged(form, changed)
        with pytest.raises(Unverifiable):
            proof.verify(baking.credential_in(file)[0], issuer_keys.keys)


def forged(form: str, said: bytes) -> bytes:
    if form == "pdf":
        return attachment_alone(said)
    text = escape(said.decode(errors="replace"))
    return f'<svg xmlns:o="https://purl.imsglobal.org/ob/v3p0"><o:credential>{text}</o:credential></svg>'.encode()


def attachment_alone(*said: bytes) -> bytes:
    """A PDF of an empty page, with these attached."""
    made, out = pypdf.PdfWriter(), io.BytesIO()
    made.add_blank_page(10, 10)
    for one in said:
        made.add_attachment(baking.FILE_NAME, one)
    made.write(out)
    return out.getvalue()


def chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 8
    while place < len(png):
        (length,) = struct.unpack(">I", png[place : place + 4])
        yield png[place + 4 : place + 8], png[place + 8 : place + 8 + length]
        place += 12 + length


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (b"%PDF-1.7 nonsense", "The PDF cannot be read"),
        (attachment_alone(), "The PDF has no credential in it"),
        (attachment_alone(b"{}", b"{}"), "The PDF has 2 credentials in it"),
        (b"\x89PNG\r\n\x1a\n" + chunk(b"IEND", b""), "The PNG has no credential in it"),
        (b"\x89PNG\r\n\x1a\n\xff\xff\xff\xff", "The PNG has no credential in it"),
        (b"\x89PNG\r\n\x1a\n" + chunk(b"iTXt", b"openbadgecredential\0\1\0\0\0x"), "is compressed or cut"),
        (b"\x89PNG\r\n\x1a\n" + chunk(b"iTXt", b"openbadgecredential\0")[:-1] + b"\0", "does not fit its check sum"),
        (b"\x89PNG\r\n\x1a\n" + chunk(b"iTXt", b"openbadgecredential\0"), "cut short"),
        (b"<svg/>", "The SVG has no credential in it"),
        (b"<svg", "The SVG cannot be read"),
        (b'<!DOCTYPE s [<!ENTITY a "b">]><s>&a;</s>', "The SVG cannot be read"),
        (b"x" * (baking.MAX_BYTES + 1), "larger than 32 MB"),
    ],
)
def test_a_file_without_one_credential_is_refused_in_a_sentence(file: bytes, said: str) -> None:
    with pytest.raises(Unverifiable, match=said):
        baking.credential_in(file)


def test_an_svg_of_another_maker_may_hold_a_jwt(issuer_keys: KeySet, signed: bytes) -> None:
    token = vc_jwt.jwt(json.loads(signed), issuer_keys)
    file = f'<svg xmlns:o="https://purl.imsglobal.org/ob/v3p0"><o:credential verify="{token}"/></svg>'
    assert proof.verify(baking.credential_in(file.encode())[0], issuer_keys.keys).trusted
