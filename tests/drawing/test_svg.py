"""Templates from outside: what they may hold, and what becomes of it."""

from __future__ import annotations

import io
from base64 import b64encode
from zoneinfo import ZoneInfo

import pytest
from PIL import Image

from lernbatch.drawing import dates, picture, svg
from lernbatch.drawing.design import Design
from lernbatch.drawing.svg import BadPicture
from lernbatch.drawing.typesetting import FontSet

ZONE = ZoneInfo("Asia/Kolkata")
CASE = FontSet()


def bitmap(kind: str, mode: str = "RGB") -> bytes:
    """A picture of 20 by 20 red dots."""
    out = io.BytesIO()
    Image.new("RGB", (20, 20), (200, 30, 30)).convert(mode).save(out, kind)
    return out.getvalue()


PNG = f"data:image/png;base64,{b64encode(bitmap('PNG')).decode()}"


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
        (b'<!DOCTYPE svg [<!ENTITY a "&#60;g/>">]>' + document("&a;"), "declares entities"),
        (b'<!DOCTYPE svg [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]>' + document("&b;"), "declares entities"),
        (b'<!DOCTYPE svg [<!ENTITY a "' + b"a" * 201 + b'">]>' + document("&a;"), "declares entities"),
        (
            b"<!DOCTYPE svg ["
            + b"".join(b'<!ENTITY a%d "a">' % number for number in range(51))
            + b"]>"
            + document("&a;"),
            "declares entities",
        ),
        (b'<!DOCTYPE svg [<!ENTITY % a SYSTEM "http://evil/a"> %a;]>' + document(""), "declares entities"),
        (b'<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + document("&a;"), "declares entities"),
        (document("<g>" * 200 + "</g>" * 200), "too many elements"),
        (document("<g/>" * 30_000), "too many elements"),
        (document("x" * (3 * 1024 * 1024)), "larger than 3 MB"),
        (document("<text>{{#each people}}</text>"), "neither a name nor dateFormat"),
        (document("", 'width="8000"'), "1 to 4000 units"),
        (document("", 'height="9e9"'), "1 to 4000 units"),
        (document("").replace(b"0 0 100 50", b"0 0 9000 9000"), "beyond 4000 units"),
        (document("").replace(b"0 0 100 50", b"0 0 5 1.2.3"), "is not four numbers"),
        (document("").replace(b"0 0 100 50", b"0 0 1.2.3"), "is not four numbers"),
    ],
)
def test_what_could_do_harm_is_refused_with_the_reason(source: bytes, said: str) -> None:
    with pytest.raises(BadPicture, match=said):
        picture.check(source, CASE)


def test_an_ordinary_doctype_is_admitted() -> None:
    doctype = b'<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">'
    picture.check(doctype + document("<rect/>"), CASE)


def test_short_texts_as_entities_are_admitted() -> None:
    """Illustrator declares the namespaces that it uses."""
    doctype = b'<!DOCTYPE svg [<!ENTITY ns_ai "http://ns.adobe.com/AdobeIllustrator/10.0/">]>'
    source = doctype + document('<switch><g xmlns:i="&ns_ai;" i:extraneous="self"><rect/></g></switch>')
    drawn, warnings = picture.check(source, CASE)
    assert b"<rect" in drawn
    assert b"adobe" not in drawn
    assert "http://ns.adobe.com/AdobeIllustrator/10.0/" in warnings[0]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_an_svg_may_begin_with_a_mark(encoding: str) -> None:
    made = picture.draw(Design(document("<title>अ</title>").decode().encode(encoding)), {}, ZONE, CASE)
    assert "<title>अ</title>" in made.decode()


HTML = "<div xmlns='http://www.w3.org/1999/xhtml'>Dear evil</div>"


@pytest.mark.parametrize(
    ("inner", "said"),
    [
        ("<script>evil()</script>", "A script is left out"),
        ("<script><![CDATA[ let evil = `${name} {{#each}}` ]]></script>", "A script is left out"),
        ("<script href='https://evil/x.js'/>", "A script is left out"),
        ("<g onclick='evil()'/>", "The handler onclick is left out"),
        ("<g ONLOAD='evil()'/>", "The handler ONLOAD is left out"),
        (
            f"<foreignObject>{HTML}</foreignObject>",
            "foreignObject is left out, as only a browser shows it: 'Dear evil'",
        ),
        ("<animate attributeName='href' to='evil'/>", "The animation animate is left out"),
        ("<iframe src='https://evil'/>", "The element iframe is left out"),
        ("<metadata>evil</metadata>", "The element metadata is left out"),
        ("<i:view xmlns:i='http://www.inkscape.org/namespaces/evil'/>", "What belongs to http://www.inkscape.org"),
        (
            "<g i:label='evil' xmlns:i='http://www.inkscape.org/namespaces/evil'/>",
            "What belongs to http://www.inkscape",
        ),
        (HTML, "What belongs to http://www.w3.org/1999/xhtml is left out"),
        ("<font><glyph unicode='evil'/></font>", "A font inside the SVG is left out"),
        ("<feImage href='https://evil'/>", "The element feImage is left out"),
        ("<style>@import 'https://evil/x.css';</style>", "@import is left out: 'https://evil/x.css' is not loaded"),
        ("<style>@import url(https://evil/x.css) screen;</style>", "@import is left out: 'https://evil/x.css'"),
        ("<style>@IMPORT url(//evil);</style>", "@IMPORT is left out: '//evil'"),
        ("<style>@\\69mport 'https://evil';</style>", "@import is left out: 'https://evil'"),
        (
            "<style>@font-face{font-family:'F';src:url('https://evil')}</style>",
            "@font-face of 'F' is left out: 'https://evil'",
        ),
        (
            "<style>@font-face{font-family:F;src:src('https://evil')}</style>",
            "@font-face of 'F' is left out: 'https://evil'",
        ),
        ("<style>@media print{rect{fill:url(evil)}}</style>", "rules for 'print' are left out"),
        ("<style media='print'>rect{fill:url(evil)}</style>", "The style sheet for 'print' is left out"),
        ("<style><evil/></style>", "The element evil is left out"),
        ("<style>rect{fill:url( 'https://evil/x')}</style><rect/>", "fill is left out: 'https://evil/x'"),
        ("<style>rect{fill:u\\72l(https://evil/x)}</style><rect/>", "fill is left out: 'https://evil/x'"),
        (
            "<style>rect{background:image-set('https://evil' 1x)}</style><rect/>",
            "background is left out: 'https://evil'",
        ),
        ("<style>rect{cursor:URL(https://evil),auto}</style><rect/>", "cursor is left out: 'https://evil'"),
        ("<style>rect{mask:var(--m, url(https://evil))}</style><rect/>", "mask is left out: 'https://evil'"),
        ("<rect style='--m:url(https://evil);mask:var(--m)'/>", "--m is left out: 'https://evil'"),
        ("<rect style='fill:url(//evil)'/>", "fill is left out: '//evil'"),
        ("<rect fill='url(https://evil#a)'/>", "The fill of rect is left out: 'https://evil#a'"),
        ('<rect filter="url(&quot;https://evil#a&quot;)"/>', "The filter of rect is left out: 'https://evil#a'"),
        ("<rect mask='image-set(\"https://evil\" 1x)'/>", "The mask of rect is left out: 'https://evil'"),
        ("<rect clip-path='u\\72l(https://evil)'/>", "The clip-path of rect is left out: 'https://evil'"),
        ("<use href='https://evil#a'/>", "The address 'https://evil#a' of use is left out"),
        ("<use xlink:href='data:image/svg+xml,evil#a'/>", "of use is left out"),
        ("<a href='javascript:evil()'><rect/></a>", "The address 'javascript:evil()' of a is left out"),
        ("<linearGradient xlink:href='evil.svg#a'/>", "The address 'evil.svg#a' of linearGradient is left out"),
        ("<image href='evil.png'/>", "The picture 'evil.png' is left out: it is not inside the SVG"),
        ("<image href='file:///evil.png'/>", "The picture 'file:///evil.png' is left out"),
        ("<image href='data:image/png;base64,evil'/>", "is left out: it is no picture that can be read"),
        ("<image href='data:image/png;base64,ev*il'/>", "is left out: its base64 cannot be read"),
        ("<image href='data:application/pdf,%PDF-evil'/>", "is left out: it is no picture that can be read"),
        ("<image href='data:image/svg+xml,&lt;svg evil'/>", "is left out: The SVG is broken"),
    ],
)
def test_what_only_a_browser_uses_is_left_out_and_said(inner: str, said: str) -> None:
    made, warnings = picture.check(document(f"{inner}<circle r='7'/>"), CASE)
    assert any(said in warning for warning in warnings), warnings
    assert b"evil" not in made
    assert b'<circle r="7"' in made


def test_warnings_have_a_bound() -> None:
    many = "".join(f"<use href='https://cdn.example/{number}/{'x' * 900}'/>" for number in range(500))
    _, warnings = picture.check(document(many), CASE)
    assert len(warnings) <= picture.MAX_SENTENCES
    assert max(map(len, warnings)) <= picture.MAX_SENTENCE


def test_what_an_editor_says_to_itself_needs_no_warning_of_a_placeholder() -> None:
    """A picture or colour that a value brings is none of the template's faults."""
    _, warnings = picture.check(document('<image href="{{qrCode}}"/><rect fill="${colour}"/>'), CASE)
    assert warnings == []


def test_a_paint_from_elsewhere_gives_way_to_the_colour_beside_it() -> None:
    assert '<rect fill="red"' in drawn('<rect fill="url(https://evil#a) red"/>')
    assert '<rect fill="none"' in drawn('<rect style="fill:url(https://evil#a)"/>')


def test_the_cascade_decides_what_an_element_looks_like() -> None:
    sheet = (
        "<style><![CDATA[ /* x */ rect{fill:red} .a{fill:green;stroke:red!important} g > .a.b{fill:blue}"
        "#c{fill:pink} rect:hover{fill:black} :root{--ink:navy} .v{fill:var(--ink)} .w{fill:var(--no,teal)} ]]></style>"
    )
    made = drawn(
        sheet + '<rect id="1" fill="gold"/><g><rect id="2" class="a b" style="stroke:blue"/></g>'
        '<rect id="c" class="a"/><rect id="4" class="a" style="fill:white"/><rect id="5" class="v"/>'
        '<rect id="6" class="w"/>'
    )
    rects = {rect.get("id"): rect for rect in svg.parse(made.encode()).iter(f"{svg.SVG}rect")}
    assert [rects[name].get("fill") for name in ("1", "2", "c", "4", "5", "6")] == [
        "red",
        "blue",
        "pink",
        "white",
        "navy",
        "teal",
    ]
    assert rects["2"].get("stroke") == "red"
    assert "<style" not in made


def test_nothing_is_loaded_from_elsewhere() -> None:
    made = drawn(
        '<image href="https://evil/x.png"/><image xlink:href="https://cdn/s.png"/><use href="https://evil#a"/>'
        '<rect fill="url(https://evil#b)" style="fill:url(//evil)"/><image href="data:image/svg+xml;base64,AAAA"/>'
        '<style>rect{fill:url("https://evil")}</style><a href="javascript:x()"><rect/></a>'
    )
    assert "evil" not in made
    assert "javascript" not in made
    assert made.count(PNG) == 1
    assert made.count("<image") == 1


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
