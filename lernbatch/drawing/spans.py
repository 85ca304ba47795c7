"""The letters of a text, with what its spans say about each: how it looks, and where it stands."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from lernbatch.drawing.properties import TextProperties, inherit, raised
from lernbatch.drawing.svg import Scale, coordinates, length, local
from lernbatch.drawing.typesetting import TextStyle, nearest
from lernbatch.drawing.viewport import Viewport

_PAINT = ("fill", "stroke", "stroke-width", "fill-opacity", "stroke-opacity", "stroke-linejoin", "paint-order", "color")


@dataclass(eq=False, slots=True)
class Span:
    """A text or tspan: how its letters look, and the places it gives them, in the order of its letters."""

    properties: TextProperties
    parent: Span | None
    paint: dict[str, str]
    rise: float  # of its baseline above the text's
    alignment: str  # which line of its letters stands on its baseline; "" where the text's does
    places: dict[str, list[float]]
    length: float  # it is to be as long as that; 0 where it is as long as it is
    stretched: bool  # its letters too, to be as long
    hidden: bool
    lined: tuple[Span, ...] = ()  # the spans whose lines are under, over and through its letters
    letters: int = 0  # that were given their places so far

    def around(self) -> Iterator[Span]:
        """This and the spans around it, the innermost first."""
        span: Span | None = self
        while span is not None:
            yield span
            span = span.parent


@dataclass(slots=True)
class Letter:
    """A character with what is said about its place."""

    text: str
    span: Span
    x: float | None = None
    y: float | None = None
    dx: float = 0.0
    dy: float = 0.0
    turn: float = 0.0  # degrees

    def continues(self, before: Letter) -> bool:
        """Whether it is shaped together with the letter before it: it has no place of its own, and looks alike."""
        is_placed = self.x is not None or self.y is not None or bool(self.dx or self.dy)
        is_alike = self.turn == before.turn and self.span.properties.style == before.span.properties.style
        return is_alike and not is_placed


class TextReader:
    """Reads the letters of one text element.

    `spans` are its text and tspans, the outer before the inner; `warnings` say what is drawn otherwise than written.
    """

    def __init__(self, viewport: Viewport, rem: float) -> None:
        self.viewport, self._rem = viewport, rem
        self.spans: list[Span] = []
        self.warnings: list[str] = []

    def letters(self, element: Element, inherited: TextProperties) -> list[Letter]:
        """The letters that are drawn, in the order of the text, each with its place as far as it is said."""
        letters = collapse_spaces(self._read(element, inherited, None))
        for letter in letters:
            give_place(letter)
        return letters

    def _read(self, element: Element, inherited: TextProperties, parent: Span | None) -> Iterator[Letter]:
        span = self._span(element, inherited, parent)
        self.spans.append(span)
        if element.get("display") == "none":
            return
        yield from _letters(element.text, span)
        for child in element:
            name = local(child.tag)
            if name in ("tspan", "a"):
                yield from self._read(child, span.properties, span)
            elif name == "textPath":
                words = " ".join("".join(child.itertext()).split())[:60]
                self.warnings.append(f"Text along a path is left out: {words!r}.")
            yield from _letters(child.tail, span)

    def _span(self, element: Element, inherited: TextProperties, parent: Span | None) -> Span:
        own = inherit(element, inherited, self._rem)
        _, family = nearest(own.family)
        if family:
            self.warnings.append(
                f"Text in {family[:60]!r} is drawn in {own.style.family}, which comes with the service."
            )
        if element.get("writing-mode", "").startswith(("tb", "vertical")):
            self.warnings.append("Vertical text is drawn from left to right.")
        paint = dict(parent.paint) if parent else {}
        if parent:
            paint |= {key: element.attrib[key] for key in _PAINT if key in element.attrib}
        hidden = element.get("visibility", "hidden" if parent and parent.hidden else "") in ("hidden", "collapse")
        places = {}
        for name, whole in (("x", self.viewport.width), ("y", self.viewport.height)):
            for key in (name, f"d{name}"):
                scale = self._scale(own.style, whole)
                places[key] = [length(part, 0.0, scale) for part in coordinates(element.get(key, ""))]
        places["rotate"] = [length(part, 0.0) for part in coordinates(element.get("rotate", ""))]
        span = Span(
            properties=own,
            parent=parent,
            paint=paint,
            rise=(parent.rise if parent else 0.0) + raised(element, own.style, self._rem),
            alignment=element.get("alignment-baseline", "").replace("auto", "").replace("baseline", ""),
            places=places,
            length=length(element.get("textLength", ""), 0.0, self._scale(own.style, self.viewport.width)),
            stretched=element.get("lengthAdjust", "") == "spacingAndGlyphs",
            hidden=hidden,
        )
        around = parent.lined if parent else ()
        span.lined = around + (span,) * (len(own.lines) - len(around))
        return span

    def _scale(self, style: TextStyle, whole: float) -> Scale:
        return Scale(style.size, style.ex, style.ch, self._rem, whole)


def _letters(text: str | None, span: Span) -> list[Letter]:
    text = text or ""
    case = span.properties.case
    if case == "capitalize":
        text = re.sub(r"\b\w", lambda first: first.group().upper(), text)
    elif case in ("uppercase", "lowercase"):
        text = text.upper() if case == "uppercase" else text.lower()
    return [Letter(character, span) for character in text]


def collapse_spaces(letters: Iterable[Letter]) -> list[Letter]:
    """The letters without the white space that SVG does not draw; a line break becomes a blank."""
    out: list[Letter] = []
    for letter in letters:
        if letter.text in "\t\r\n":
            letter.text = " "
        after_space = not out or out[-1].text == " "
        if letter.text == " " and after_space and not letter.span.properties.preserve:
            continue
        out.append(letter)
    while out and out[-1].text == " " and not out[-1].span.properties.preserve:
        out.pop()
    return out


def give_place(letter: Letter) -> None:
    """Set what the spans of a letter say about its place, the innermost last. To be called once a letter, in order."""
    for span in reversed(list(letter.span.around())):
        index, places = span.letters, span.places
        span.letters += 1
        if unicodedata.category(letter.text)[0] == "M" or letter.text in "\u200c\u200d":
            continue  # it belongs to the letter before it
        letter.x = places["x"][index] if index < len(places["x"]) else letter.x
        letter.y = places["y"][index] if index < len(places["y"]) else letter.y
        letter.dx = places["dx"][index] if index < len(places["dx"]) else letter.dx
        letter.dy = places["dy"][index] if index < len(places["dy"]) else letter.dy
        if places["rotate"]:
            letter.turn = places["rotate"][min(index, len(places["rotate"]) - 1)]


def chunks(letters: Sequence[Letter]) -> Iterator[list[Letter]]:
    """Letters that are anchored together: each absolute x or y begins another chunk."""
    chunk: list[Letter] = []
    for letter in letters:
        if chunk and (letter.x is not None or letter.y is not None):
            yield chunk
            chunk = []
        chunk.append(letter)
    if chunk:
        yield chunk
