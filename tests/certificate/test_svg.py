"""Templates from outside: what they may hold, and what becomes of it."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from lernbatch.certificate.drawing import dates, picture, svg
from lernbatch.certificate.drawing.picture import Design
from lernbatch.certificate.drawing.svg import BadPicture
from lernbatch.certificate.drawing.typesetting import Case

ZONE = ZoneInfo("Asia/Kolkata")
CASE = Case()
PNG = "data:image/png;base64,iVBORw0KGgo="


def document(inner: str, attributes: str = "") -> bytes:
    namespaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return f'<svg {namespaces} viewBox="0 0 100 50" {attributes}>{inner}</svg>'.encode()


def drawn(inner: str, **values: object) -> str:
    return picture.draw(Design(document(inner), {"https://cdn/s.png": PNG}), values, ZONE, CASE).decode()


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (b"", "The SVG is broken"),
        (b"<svg", "The SVG is broken"),
        (b"<html/>", "its first element is not svg"),
        (b"<svg/>", "its first element is not svg"),
        (document("<script>alert(1)</script>"), "an element script"),
        (document("<foreignObject/>"), "an element foreignObject"),
        (document('<animate attributeName="href"/>'), "an element animate"),
        (document("", 'onload="x()"'), "a handler onload"),
        (document('<g onclick="x()"/>'), "a handler onclick"),
        (document('<style>@import "https://evil"</style>'), "'@import'"),
        (b'<!DOCTYPE svg [<!ENTITY a "aaaa">]>' + document("&a;"), "declares entities"),
        (b'<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + document("&a;"), "declares entities"),
        (document("<g>" * 200 + "</g>" * 200), "too many elements"),
        (document("<g/>" * 30_000), "too many elements"),
        (document("x" * (3 * 1024 * 1024)), "larger than 3 MB"),
        (document("<text>{{#each people}}</text>"), "neither a name nor dateFormat"),
        (document("<style><g/>rect{fill:red}</style>"), "elements in it"),
        (document("<style>g{background:image-set('https://evil/x' 1x)}</style>"), "'image-set"),
        (document("<style>@font-face{src:src('https://evil/x')}</style>"), "'src"),
        (document("<style>g{fill:url( 'https://evil/x')}</style>"), "loads 'https://evil/x'"),
        (document('<rect style="fill:url(//evil)"/>'), "loads '//evil'"),
        (document("<rect mask=\"image-set('https://evil/x' 1x)\"/>"), "attribute mask loads"),
        (document("", 'width="8000"'), "1 to 4000 units"),
        (document("", 'height="9e9"'), "1 to 4000 units"),
        (document("").replace(b"0 0 100 50", b"0 0 9000 9000"), "beyond 4000 units"),
        (document("").replace(b"0 0 100 50", b"0 0 5 1.2.3"), "is not four numbers"),
        (document("").replace(b"0 0 100 50", b"0 0 1.2.3"), "is not four numbers"),
    ],
)
def test_what_could_do_harm_is_refused_with_the_reason(source: bytes, said: str) -> None:
    with pytest.raises(BadPicture, match=said):
        picture.check(source)


def test_an_ordinary_doctype_is_admitted() -> None:
    doctype = b'<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">'
    picture.check(doctype + document("<rect/>"))


def test_nothing_is_loaded_from_elsewhere() -> None:
    made = drawn(
        '<image href="https://evil/x.png"/><image xlink:href="https://cdn/s.png"/><use href="https://evil#a"/>'
        '<rect fill="url(https://evil#b)" style="fill:url(//evil)"/><image href="data:image/svg+xml;base64,AAAA"/>'
        '<style>rect{fill:url("https://evil")}</style><a href="javascript:x()"><rect/></a>'
    )
    assert "evil" not in made
    assert "javascript" not in made
    assert made.count(PNG) == 1
    assert "svg+xml" not in made


def test_what_a_value_would_load_is_left_out() -> None:
    made = drawn('<rect mask="{{a}}" fill="{{b}}" id="m"/>', a="image-set('https://evil/x' 1x)", b="u\\72l(//evil)")
    assert "evil" not in made
    assert 'id="m"' in made


def test_a_large_picture_has_no_more_dots_than_others() -> None:
    large = document("<rect/>").replace(b"0 0 100 50", b"0 0 4000 10")
    made = picture.png(large)
    assert int.from_bytes(made[16:20]) <= picture.MAX_DOTS + 1


def test_what_design_programs_leave_behind_is_left_out() -> None:
    made = drawn(
        '<metadata>m</metadata><i:x xmlns:i="http://inkscape">y</i:x><rect i:y="1" xmlns:i="http://inkscape"/>'
    )
    assert "metadata" not in made
    assert "inkscape" not in made
    assert "<rect" in made


def test_a_name_can_never_become_markup() -> None:
    evil = '</text><script>alert(1)</script>" onload="x'
    made = drawn('<title>{{recipientName}}</title><g id="{{recipientName}}"/>', recipientName=evil)
    root = svg.parse(made.encode())
    assert root.find(f"{svg.SVG}title").text == evil  # type: ignore[union-attr]
    assert root.find(f"{svg.SVG}g").get("id") == evil  # type: ignore[union-attr]


def test_an_address_from_a_value_is_checked_too() -> None:
    made = drawn('<image href="${a}"/><use href="{{a}}"/>', a="https://evil/x")
    assert "evil" not in made


def test_placeholders_of_both_families_are_filled() -> None:
    values = {"credentialSubject": {"recipientName": "Asha"}, "signatory": [{"name": "M"}], "courseName": "C"}
    dated = '{{dateFormat issuanceDate "DD MMMM  YYYY"}}'
    made = drawn(
        f"<title>{{{{credentialSubject.recipientName}}}}|{{{{{{courseName}}}}}}|${{courseName}}|{{{{signatory.0.name}}}}|"
        f"{{{{signatory.[0].name}}}}|{dated}|{{{{unknown}}}}|</title>",
        issuanceDate="2026-06-30T20:00:00Z",
        **values,
    )
    assert "<title>Asha|C|C|M|M|01 July  2026||</title>" in made


def test_an_amount_of_money_is_no_placeholder() -> None:
    assert "<title>$5 {x}</title>" in drawn("<title>$5 {x}</title>")


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("D/M/YY", "1/7/26"),
        ("dddd, Do MMM", "Wednesday, 1st Jul"),
        ("HH:mm:ss", "01:30:00"),
        ("h a [o'clock] Z", "1 am o'clock +05:30"),
    ],
)
def test_dates_in_the_tokens_of_templates(form: str, said: str) -> None:
    assert picture.value_of(f'dateFormat at "{form}"', {"at": "2026-06-30T20:00:00Z"}, ZONE) == said
    assert dates.format_date(None, form, ZONE) == ""


def test_text_becomes_outlines_and_its_words_a_label() -> None:
    made = drawn('<text x="10" y="20" fill="red"><tspan>Asha</tspan> <tspan x="5" dy="1em">आशा</tspan></text>')
    assert "<text" not in made
    assert 'aria-label="Asha आशा"' in made or 'aria-label="Ashaआशा"' in made
    assert made.count("<path") == 2
    assert 'fill="red"' in made


def edges(inner: str) -> tuple[float, float]:
    """Where the outlines of a text begin and end."""
    import re

    made = drawn(inner)
    numbers = [float(x) for d in re.findall(r' d="([^"]*)"', made) for x in re.findall(r"[ML](-?[\d.]+)", d)]
    return min(numbers), max(numbers)


def test_anchors_place_text_before_around_and_after_its_point() -> None:
    start, middle, end = (
        edges(f'<text x="50" y="20" font-size="10" text-anchor="{anchor}">Asha Kumari</text>')
        for anchor in ("start", "middle", "end")
    )
    assert 50 <= start[0] < 52
    assert abs(sum(middle) / 2 - 50) < 1
    assert 48 < end[1] <= 50


def test_a_class_of_the_style_sheet_sets_text() -> None:
    small = edges('<style>.a{font-size:10px}</style><text class="a" x="0" y="0">Asha</text>')
    large = edges('<style>.a{font-size:20px}</style><text class="a" x="0" y="0">Asha</text>')
    assert large[1] == pytest.approx(2 * small[1], rel=0.02)


def test_a_long_name_is_set_smaller_to_fit() -> None:
    start, end = edges('<text x="0" y="0" font-size="40" data-fit="100">A very long name of somebody</text>')
    assert end - start <= 101


def test_characters_that_no_font_has_are_told() -> None:
    assert CASE.lacks("Asha आशा 张 ​") == "张"
