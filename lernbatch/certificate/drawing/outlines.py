"""Text of an SVG turned into outlines, so that it looks the same wherever it is opened."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from xml.etree.ElementTree import Element

from lernbatch.certificate.drawing import bidi
from lernbatch.certificate.drawing.svg import SPACE, SVG, length, local
from lernbatch.certificate.drawing.typesetting import SERIF_FAMILIES, Case, Style


@dataclass(frozen=True, slots=True)
class _Set:
    """The properties of text that are inherited."""

    style: Style = field(default_factory=Style)
    anchor: str = "start"
    preserve: bool = False
    family: str = ""


@dataclass(slots=True)
class _Piece:
    """Text that is drawn in one way: where it begins (None: where the one before ended) and its paint."""

    text: str
    set: _Set
    x: float | None
    y: float | None
    dx: float
    dy: float
    paint: dict[str, str]


_TEXT_ONLY = frozenset(
    (
        "x",
        "y",
        "dx",
        "dy",
        "rotate",
        "textLength",
        "lengthAdjust",
        "font-family",
        "font-size",
        "font-weight",
        "font-style",
        "text-anchor",
        "letter-spacing",
        "word-spacing",
        "direction",
        "data-fit",
        "line-height",
        "font-variant",
    )
)


def outline(root: Element, case: Case) -> None:
    """Turn every text into outlines, in place. The words stay as the drawing's label, for people who listen."""
    sheet = _sheet(root)

    def walk(element: Element, inherited: _Set) -> None:
        own = _inherit(element, inherited, sheet)
        for index, child in enumerate(list(element)):
            if child.tag == f"{SVG}text":
                element[index] = _drawn(child, own, sheet, case)
            else:
                walk(child, own)

    walk(root, _Set())


def _drawn(text: Element, inherited: _Set, sheet: Mapping[str, Mapping[str, str]], case: Case) -> Element:
    pieces = _collapse(list(_pieces(text, inherited, sheet, {})))
    kept = {key: value for key, value in text.attrib.items() if key not in _TEXT_ONLY}
    group = Element(f"{SVG}g", kept)
    group.tail = text.tail
    words = "".join(piece.text for piece in pieces).strip()
    if words:
        group.set("role", "img")
        group.set("aria-label", words)
    pieces = _fitted(pieces, length(text.get("data-fit", ""), 0, 16), case)
    x = y = 0.0
    for chunk in _chunks(pieces):
        x, y = chunk[0].x if chunk[0].x is not None else x, chunk[0].y if chunk[0].y is not None else y
        settings = [case.set(piece.text, piece.set.style) for piece in chunk]
        width = sum(setting.width for setting in settings) + sum(piece.dx for piece in chunk[1:])
        x += chunk[0].dx - width * _shift(chunk)
        for index, (piece, setting) in enumerate(zip(chunk, settings, strict=True)):
            x += piece.dx if index else 0
            y = (piece.y if piece.y is not None else y) + piece.dy
            path = setting.path(x, y)
            if path:
                group.append(Element(f"{SVG}path", {"d": path, **piece.paint}))
            x += setting.width
    return group


def _shift(chunk: list[_Piece]) -> float:
    """Which part of its width a chunk stands to the left of its point."""
    right_to_left = bidi.base_direction("".join(piece.text for piece in chunk)) == bidi.RIGHT
    start, end = (1.0, 0.0) if right_to_left else (0.0, 1.0)
    # Designs are drawn for left-to-right text: "start" there means the left edge, and so it stays for names of both.
    return {"middle": 0.5, "end": max(start, end)}.get(chunk[0].set.anchor, 0.0)


def _chunks(pieces: list[_Piece]) -> list[list[_Piece]]:
    """Pieces that are placed together: each absolute x begins another chunk."""
    chunks: list[list[_Piece]] = []
    for piece in pieces:
        if not chunks or piece.x is not None:
            chunks.append([])
        chunks[-1].append(piece)
    return chunks


def _pieces(
    element: Element, inherited: _Set, sheet: Mapping[str, Mapping[str, str]], paint: dict[str, str]
) -> Iterable[_Piece]:
    own = _inherit(element, inherited, sheet)
    em = own.style.size
    if element.tag != f"{SVG}text":
        kept = ("class", "style", "fill", "stroke", "stroke-width", "fill-opacity", "opacity")
        paint = {**paint, **{key: value for key, value in element.attrib.items() if key in kept}}
    x, y = (_coordinate(element.get(name), em) for name in ("x", "y"))
    dx, dy = (_coordinate(element.get(name), em) or 0.0 for name in ("dx", "dy"))
    yield _Piece(element.text or "", own, x, y, dx, dy, paint)
    for child in element:
        if child.tag == f"{SVG}tspan":
            yield from _pieces(child, own, sheet, paint)
        yield _Piece(child.tail or "", own, None, None, 0, 0, paint)


def _collapse(pieces: list[_Piece]) -> list[_Piece]:
    """White space as SVG reads it; pieces without text hand their place to the next."""
    out: list[_Piece] = []
    after_space = True
    for piece in pieces:
        if not piece.set.preserve:
            text = re.sub(r"[ \t\r\n]+", " ", piece.text)
            piece.text = text[1:] if text.startswith(" ") and (after_space or piece.x is not None) else text
        if out and not out[-1].text:
            empty = out.pop()
            if piece.x is None and empty.x is not None:
                piece.x, piece.dx = empty.x, piece.dx + empty.dx
            if piece.y is None and empty.y is not None:
                piece.y = empty.y
            piece.dy += empty.dy
        after_space = piece.text.endswith(" ") if piece.text else after_space
        out.append(piece)
    if out and not out[-1].set.preserve:
        out[-1].text = out[-1].text.rstrip(" ")
    return [piece for piece in out if piece.text]


def _fitted(pieces: list[_Piece], limit: float, case: Case) -> list[_Piece]:
    """The pieces, smaller where they would be wider than `limit` (attribute data-fit of our own templates)."""
    width = sum(case.set(piece.text, piece.set.style).width for piece in pieces)
    if limit <= 0 or width <= limit:
        return pieces
    for piece in pieces:
        style = piece.set.style
        piece.set = replace(piece.set, style=replace(style, size=style.size * limit / width))
    return pieces


def _inherit(element: Element, inherited: _Set, sheet: Mapping[str, Mapping[str, str]]) -> _Set:
    said = _properties(element, sheet)
    style = inherited.style
    family = said.get("font-family", inherited.family)
    size = length(said.get("font-size", ""), style.size, style.size)
    weight = said.get("font-weight", "").strip().lower()
    slant = said.get("font-style", "").strip().lower()
    spacing = said.get("letter-spacing", "").strip()
    return _Set(
        style=Style(
            size=min(max(size, 0.1), 2000.0),
            bold=_bold(weight, family) if weight else style.bold or _bold("", family),
            italic=slant in ("italic", "oblique") if slant else style.italic,
            serif=bool(SERIF_FAMILIES.search(family)),
            letter_spacing=length(spacing, 0.0, size) if spacing else style.letter_spacing,
        ),
        anchor=said.get("text-anchor", inherited.anchor).strip(),
        preserve=element.get(SPACE, "preserve" if inherited.preserve else "") == "preserve",
        family=family,
    )


def _bold(weight: str, family: str) -> bool:
    """Design programs also write the weight into the family: `Montserrat-Bold`."""
    if weight in ("bold", "bolder") or (weight.isdigit() and int(weight) >= 600):
        return True
    return not weight and bool(re.search(r"[-\s](semi|extra)?bold|[-\s]black", family, re.IGNORECASE))


def _properties(element: Element, sheet: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """What is said about an element, the strongest last: attributes, style sheet, style."""
    said = {key: value for key, value in element.attrib.items() if not key.startswith("{")}
    selectors = [local(element.tag), *(f".{name}" for name in element.get("class", "").split())]
    for selector in [*selectors, f"#{element.get('id', '')}"]:
        said |= sheet.get(selector, {})
    return said | _declarations(element.get("style", ""))


def _sheet(root: Element) -> dict[str, dict[str, str]]:
    """The style sheets' rules for one element name, class or id; design programs write no others."""
    rules: dict[str, dict[str, str]] = {}
    for element in root.iter(f"{SVG}style"):
        css = re.sub(r"/\*.*?\*/", "", element.text or "", flags=re.DOTALL)
        for selectors, body in re.findall(r"([^{}]+)\{([^{}]*)\}", css):
            for selector in selectors.split(","):
                rules.setdefault(selector.strip(), {}).update(_declarations(body))
    return rules


def _declarations(css: str) -> dict[str, str]:
    pairs = (declaration.partition(":") for declaration in css.split(";"))
    return {name.strip().lower(): value.strip() for name, colon, value in pairs if colon}


def _coordinate(value: str | None, em: float) -> float | None:
    """The first of a list of coordinates: designs that place every letter are set anew from there."""
    if value is None or not value.strip():
        return None
    return length(re.split(r"[\s,]+", value.strip())[0], 0.0, em)
