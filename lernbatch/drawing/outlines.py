"""Text of an SVG turned into outlines where a browser would set it, so that it looks the same wherever it is opened.

Source: SVG 2, §11 Text, as Chromium lays it out: positions, anchors, baselines and lengths were measured there.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from math import ceil
from xml.etree.ElementTree import Element

from lernbatch.drawing import bidi
from lernbatch.drawing.styles import SIZES
from lernbatch.drawing.svg import FILLED, SPACE, SVG, Scale, coordinates, length, local, numbers, size
from lernbatch.drawing.typesetting import FontSet, GlyphCluster, TextStyle, nearest

_BASES = {"ltr": bidi.LEFT, "rtl": bidi.RIGHT}
MARGIN = 0.04  # of the picture's width that a name leaves free at each side before it is made smaller
_TEXT_ONLY = frozenset(
    re.findall(
        r"\S+",
        """
    x y dx dy rotate textLength lengthAdjust font-family font-size font-weight font-style font-variant text-anchor
    letter-spacing word-spacing direction data-fit line-height dominant-baseline alignment-baseline baseline-shift
    text-decoration text-transform white-space writing-mode
    """,
    )
) | {FILLED, SPACE}
_PAINT = ("fill", "stroke", "stroke-width", "fill-opacity", "stroke-opacity", "stroke-linejoin", "paint-order", "color")
_LINES = ("underline", "overline", "line-through")
_ANCHORS = {"start": 0.0, "middle": 0.5, "end": 1.0}
_TRANSFORM = re.compile(r"([a-zA-Z]+)\s*\(([^)]*)\)")


@dataclass(frozen=True, slots=True)
class _Set:
    """The properties of text that are inherited."""

    style: TextStyle = field(default_factory=TextStyle)
    anchor: str = "start"
    preserve: bool = False
    family: str = ""
    direction: str = ""  # "": not said; the first letter then says in which order they stand
    baseline: str = "auto"
    case: str = "none"
    lines: tuple[str, ...] = ()  # under, over and through the text


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where text stands: the viewport that percentages are of, and the picture's left and right edge if known."""

    width: float
    height: float
    edges: tuple[float, float] | None


@dataclass(eq=False, slots=True)
class _Span:
    """A text or tspan: how its letters look, and the places it gives them, in the order of its letters."""

    set: _Set
    parent: _Span | None
    paint: dict[str, str]
    rise: float  # of its baseline above the text's
    alignment: str  # which line of its letters stands on its baseline; "" where the text's does
    places: dict[str, list[float]]
    length: float  # it is to be as long as that; 0 where it is as long as it is
    stretched: bool  # its letters too, to be as long
    hidden: bool
    lined: tuple[_Span, ...] = ()  # the spans whose lines are under, over and through its letters
    letters: int = 0  # that were given their places so far

    def around(self) -> Iterator[_Span]:
        """This and the spans around it, the innermost first."""
        span: _Span | None = self
        while span is not None:
            yield span
            span = span.parent


@dataclass(slots=True)
class _Letter:
    """A character with what is said about its place."""

    text: str
    span: _Span
    x: float | None = None
    y: float | None = None
    dx: float = 0.0
    dy: float = 0.0
    turn: float = 0.0  # degrees

    def breaks(self) -> bool:
        return self.x is not None or self.y is not None or bool(self.dx or self.dy)


@dataclass(slots=True)
class _Placed:
    """A cluster of letters where it is drawn."""

    letter: _Letter
    run: _Letter  # the first letter of its run, which says where that stands
    cluster: GlyphCluster
    advance: float
    gap: float = 0.0  # after it, to be as long as is asked
    stretch: float = 1.0
    x: float = 0.0
    y: float = 0.0


def outline(root: Element, fonts: FontSet) -> list[str]:
    """Turn every text into outlines, in place; what is drawn otherwise than it is written, as sentences.

    The words stay as the drawing's label, for people who listen.
    """
    said: list[str] = []
    rem = _inherit(root, _Set(), _Frame(0, 0, None), 16).style.size

    def walk(element: Element, inherited: _Set, frame: _Frame) -> None:
        frame = _moved(_framed(element, frame), element)
        own = _inherit(element, inherited, frame, rem)
        for index, child in enumerate(list(element)):
            if child.tag == f"{SVG}text":
                drawing = _Text(child, own, _moved(frame, child), rem, fonts)
                element[index] = drawing.drawn(alone=element.tag == f"{SVG}clipPath")
                said.extend(drawing.said)
            else:
                walk(child, own, frame)
        for name in _TEXT_ONLY & element.attrib.keys():
            if name.startswith(("font-", "data-")):
                del element.attrib[name]

    width, height = size(root)
    walk(root, _Set(), _Frame(width, height, (0.0, width)))
    return said


class _Text:
    """One text while it is laid out."""

    def __init__(self, element: Element, inherited: _Set, frame: _Frame, rem: float, fonts: FontSet) -> None:
        self._element, self._frame, self._rem, self._fonts = element, frame, rem, fonts
        self.said: list[str] = []
        self._spans: list[_Span] = []
        self._letters = _collapsed(list(self._read(element, inherited, None)))
        for letter in self._letters:
            _give_places(letter)

    def drawn(self, *, alone: bool) -> Element:
        """A group of paths in the text's place; `alone`: one path, where no group is admitted."""
        kept = {key: value for key, value in self._element.attrib.items() if key not in _TEXT_ONLY}
        paths = list(self._paths())
        group = Element(f"{SVG}g", kept)
        if alone:
            group = Element(f"{SVG}path", {**kept, "d": "".join(path.get("d", "") for path in paths)})
        else:
            group.extend(paths)
        group.tail = self._element.tail
        words = "".join(letter.text for letter in self._letters).strip()
        if words:
            group.set("role", "img")
            group.set("aria-label", words)
        return group

    def _read(self, element: Element, inherited: _Set, parent: _Span | None) -> Iterator[_Letter]:
        span = self._span(element, inherited, parent)
        self._spans.append(span)
        if element.get("display") == "none":
            return
        yield from _letters(element.text, span)
        for child in element:
            name = local(child.tag)
            if name in ("tspan", "a"):
                yield from self._read(child, span.set, span)
            elif name == "textPath":
                words = " ".join("".join(child.itertext()).split())[:60]
                self.said.append(f"Text along a path is left out: {words!r}.")
            yield from _letters(child.tail, span)

    def _span(self, element: Element, inherited: _Set, parent: _Span | None) -> _Span:
        own = _inherit(element, inherited, self._frame, self._rem)
        _, family = nearest(own.family)
        if family:
            self.said.append(f"Text in {family[:60]!r} is drawn in {own.style.family}, which comes with the service.")
        if element.get("writing-mode", "").startswith(("tb", "vertical")):
            self.said.append("Vertical text is drawn from left to right.")
        paint = dict(parent.paint) if parent else {}
        if parent:
            paint |= {key: element.attrib[key] for key in _PAINT if key in element.attrib}
        hidden = element.get("visibility", "hidden" if parent and parent.hidden else "") in ("hidden", "collapse")
        places = {}
        for name, whole in (("x", self._frame.width), ("y", self._frame.height)):
            for key in (name, f"d{name}"):
                scale = self._scale(own.style, whole)
                places[key] = [length(part, 0.0, scale) for part in coordinates(element.get(key, ""))]
        places["rotate"] = [length(part, 0.0) for part in coordinates(element.get("rotate", ""))]
        span = _Span(
            set=own,
            parent=parent,
            paint=paint,
            rise=(parent.rise if parent else 0.0) + _risen(element, own.style, self._rem),
            alignment=element.get("alignment-baseline", "").replace("auto", "").replace("baseline", ""),
            places=places,
            length=length(element.get("textLength", ""), 0.0, self._scale(own.style, self._frame.width)),
            stretched=element.get("lengthAdjust", "") == "spacingAndGlyphs",
            hidden=hidden,
        )
        around = parent.lined if parent else ()
        span.lined = around + (span,) * (len(own.lines) - len(around))
        return span

    def _scale(self, style: TextStyle, whole: float) -> Scale:
        return Scale(style.size, style.ex, style.ch, self._rem, whole)

    def _paths(self) -> Iterator[Element]:
        x = y = 0.0
        for chunk in _chunks(self._letters):
            placed = self._set(chunk, 1.0)
            limit = self._limit(chunk, x)
            wide = sum(one.advance + one.gap for one in placed)
            if 0 < limit < wide:
                placed = self._set(chunk, limit / wide)
            x, y = _lay(chunk, placed, x, y)
            yield from _painted(placed)

    def _set(self, chunk: Sequence[_Letter], factor: float) -> list[_Placed]:
        """The letters as they are shaped, runs of one style together; `factor`: of their sizes."""
        placed = []
        base = _BASES.get(self._spans[0].set.direction)  # the line's direction is the text's, not a tspan's
        start = 0
        for end in range(1, len(chunk) + 1):
            if end < len(chunk) and not _begins_run(chunk[end - 1], chunk[end]):
                continue
            run, style = chunk[start:end], chunk[start].span.set.style
            style = replace(
                style,
                size=style.size * factor,
                letter_spacing=style.letter_spacing * factor,
                word_spacing=style.word_spacing * factor,
            )
            for cluster in self._fonts.clusters("".join(letter.text for letter in run), style, base):
                placed.append(_Placed(run[cluster.start], run[0], cluster, cluster.advance))
            start = end
        for span in reversed(self._spans):
            if span.length > 0:
                _lengthen([one for one in placed if span in one.letter.span.around()], span)
        return placed

    def _limit(self, chunk: Sequence[_Letter], pen: float) -> float:
        """How wide the chunk may be: what data-fit says, or what is filled stays inside the picture; 0: as it is."""
        fit = length(self._element.get("data-fit", ""), 0.0, Scale(whole=self._frame.width))
        if fit > 0 or self._frame.edges is None or FILLED not in self._element.attrib:
            return fit
        if any(span.length > 0 for span in self._spans):
            return 0.0
        left, right = self._frame.edges
        margin, at = (right - left) * MARGIN, (pen if chunk[0].x is None else chunk[0].x) + chunk[0].dx
        to_left, to_right = at - left - margin, right - margin - at
        shift = _anchored(chunk[0].span.set)
        return to_right if shift == 0 else to_left if shift == 1 else 2 * min(to_left, to_right)


def _letters(text: str | None, span: _Span) -> list[_Letter]:
    text = text or ""
    case = span.set.case
    if case == "capitalize":
        text = re.sub(r"\b\w", lambda first: first.group().upper(), text)
    elif case in ("uppercase", "lowercase"):
        text = text.upper() if case == "uppercase" else text.lower()
    return [_Letter(character, span) for character in text]


def _collapsed(letters: Iterable[_Letter]) -> list[_Letter]:
    """White space as SVG reads it."""
    out: list[_Letter] = []
    for letter in letters:
        if letter.text in "\t\r\n":
            letter.text = " "
        after_space = not out or out[-1].text == " "
        if letter.text == " " and after_space and not letter.span.set.preserve:
            continue
        out.append(letter)
    while out and out[-1].text == " " and not out[-1].span.set.preserve:
        out.pop()
    return out


def _give_places(letter: _Letter) -> None:
    """What its spans say about the letter's place, the innermost last."""
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


def _chunks(letters: Sequence[_Letter]) -> Iterator[list[_Letter]]:
    """Letters that are anchored together: each absolute x or y begins another chunk."""
    chunk: list[_Letter] = []
    for letter in letters:
        if chunk and (letter.x is not None or letter.y is not None):
            yield chunk
            chunk = []
        chunk.append(letter)
    if chunk:
        yield chunk


def _begins_run(before: _Letter, letter: _Letter) -> bool:
    return letter.breaks() or letter.turn != before.turn or letter.span.set.style != before.span.set.style


def _lengthen(placed: Sequence[_Placed], span: _Span) -> None:
    """Make a span as long as it says: by gaps between its letters, or by wider ones."""
    natural = sum(one.advance + one.gap for one in placed)
    if span.stretched and natural > 0:
        for one in placed:
            one.stretch *= span.length / natural
            one.advance *= span.length / natural
    elif len(placed) > 1 and not span.stretched:
        for one in placed:
            one.gap += (span.length - natural) / (len(placed) - 1)


def _lay(chunk: Sequence[_Letter], placed: Sequence[_Placed], x: float, y: float) -> tuple[float, float]:
    """Give every cluster its place; where the pen is then, as if the text began where it is anchored."""
    x = chunk[0].x if chunk[0].x is not None else x
    anchor = x + chunk[0].dx
    run = None
    for one in placed:
        if one.run is not run:
            run = one.run
            x, y = x + run.dx, (run.y if run.y is not None else y) + run.dy
        one.x, one.y = x, y - one.letter.span.rise - _aligned(one.letter.span)
        x += one.advance + one.gap
    if placed:
        left, right = min(one.x for one in placed), max(one.x + one.advance for one in placed)
        shift = anchor - left - (right - left) * _anchored(chunk[0].span.set)
        for one in placed:
            one.x += shift
    return x, y


def _anchored(own: _Set) -> float:
    """Which part of its width a chunk stands to the left of its point. The letters do not say so, only `direction`."""
    part = _ANCHORS.get(own.anchor, 0.0)
    return 1 - part if own.direction == "rtl" else part


def _painted(placed: Sequence[_Placed]) -> Iterator[Element]:
    """The paths of clusters, those of one span in one; lines first, as they are under the letters."""
    for (_, lines, _), group in groupby(placed, key=lambda one: (one.y, one.letter.span.set.lines, one.letter.turn)):
        clusters = list(group)
        for line, span in zip(lines, clusters[0].letter.span.lined, strict=True):
            left, right = clusters[0].x, clusters[-1].x + clusters[-1].advance
            top, thick = _line(line, span.set.style)
            if not span.hidden:
                d = f"M{left:.2f} {clusters[0].y + top:.2f}H{right:.2f}v{thick:.2f}H{left:.2f}Z"
                yield Element(f"{SVG}path", {"d": d, **span.paint})

    def alike(one: _Placed) -> tuple[int, float, float, int]:
        alone = id(one) if one.stretch != 1 or one.letter.turn else 0
        return id(one.letter.span), one.stretch, one.letter.turn, alone

    for (_, stretch, turn, _), group in groupby(placed, key=alike):
        clusters = list(group)
        span, x, y = clusters[0].letter.span, clusters[0].x, clusters[0].y
        transform = f"translate({x:g} {y:g})" + (f" rotate({turn:g})" if turn else "")
        moved = {"transform": f"{transform} scale({stretch:g} 1)"} if stretch != 1 or turn else {}
        path = "".join(
            glyph.path(0, 0) if moved else glyph.path(one.x, one.y) for one in clusters for glyph in one.cluster.glyphs
        )
        if path and not span.hidden:
            yield Element(f"{SVG}path", {"d": path, **span.paint, **moved})


def _line(name: str, style: TextStyle) -> tuple[float, float]:
    """Where a line under, over or through text is, from its baseline, and how thick. Source: Chromium's."""
    thick = style.size / 10
    gap = max(1.0, ceil(thick / 2))
    return {"underline": gap, "overline": -style.ascent, "line-through": -style.ascent / 3}[name], thick


def _inherit(element: Element, inherited: _Set, frame: _Frame, rem: float) -> _Set:
    style, said = inherited.style, element.attrib
    family = said.get("font-family", inherited.family)
    family = inherited.family if family in ("inherit", "unset") else family
    weight = said.get("font-weight", "").strip().lower()
    slant = said.get("font-style", "").strip().lower()
    named = "font-family" in said and family != inherited.family
    own = _font_size(said.get("font-size", "").strip().lower(), style, rem)
    scale = Scale(own, style.ex * own / style.size, style.ch * own / style.size, rem, own)
    space = said.get("white-space", "")
    if not space and local(element.tag) in ("text", "tspan"):  # elsewhere browsers pass it over
        space = {"preserve": "pre", "default": "normal"}.get(said.get(SPACE, ""), "")
    baseline = said.get("dominant-baseline", "auto")
    return _Set(
        style=TextStyle(
            size=own,
            bold=_bold(weight, family) if weight or named else style.bold,
            italic=slant.startswith(("italic", "oblique")) if slant else style.italic or _slanted(family),
            kind=nearest(family)[0],
            letter_spacing=_spacing(said.get("letter-spacing"), style.letter_spacing, scale),
            word_spacing=_spacing(said.get("word-spacing"), style.word_spacing, scale),
            small_capitals=said.get("font-variant", "small-caps" if style.small_capitals else "") == "small-caps",
        ),
        anchor=said.get("text-anchor", inherited.anchor).strip(),
        preserve=space.startswith(("pre", "break")) and space != "pre-line" if space else inherited.preserve,
        family=family,
        direction=_direction(said.get("direction", ""), inherited.direction),
        baseline=inherited.baseline if baseline == "auto" else baseline,
        case=said.get("text-transform", inherited.case),
        lines=inherited.lines + tuple(line for line in _LINES if line in said.get("text-decoration", "")),
    )


def _direction(said: str, inherited: str) -> str:
    said = said.strip().lower()
    return "ltr" if said == "initial" else said if said in ("ltr", "rtl") else inherited


def _font_size(said: str, inherited: TextStyle, rem: float) -> float:
    relative = {"larger": 1.2, "smaller": 1 / 1.2}
    if said in SIZES:
        size = SIZES[said]
    elif said in relative:
        size = inherited.size * relative[said]
    else:
        scale = Scale(inherited.size, inherited.ex, inherited.ch, rem, inherited.size)
        size = length(said, inherited.size, scale)
    return min(max(size, 0.01), 2000.0) if size >= 0 else inherited.size


def _spacing(said: str | None, inherited: float, scale: Scale) -> float:
    if said is None or said == "inherit":
        return inherited
    return length(said, 0.0, scale)


def _bold(weight: str, family: str) -> bool:
    """Design programs also write the weight into the family: `Montserrat-Bold`."""
    if weight in ("bold", "bolder") or (weight.isdigit() and int(weight) >= 600):
        return True
    return not weight and bool(re.search(r"[-\s](semi|extra)?bold|[-\s]black", family, re.IGNORECASE))


def _slanted(family: str) -> bool:
    return bool(re.search(r"(?:[-\s]|bold)(?:italic|oblique)", family.partition(",")[0], re.IGNORECASE))


def _risen(element: Element, style: TextStyle, rem: float) -> float:
    """How far a span's baseline is raised above that of the one around it."""
    said = element.get("baseline-shift", "").strip().lower()
    half = (style.ascent + style.descent) / 2
    if said in ("super", "sub"):
        return half if said == "super" else -half
    return length(said, 0.0, Scale(style.size, style.ex, style.ch, rem, style.size))


def _aligned(span: _Span) -> float:
    """How far above the line's baseline that of the span's letters is, by which of their lines stands on it."""
    style, line = span.set.style, span.alignment or span.set.baseline
    if line == "middle":
        return -style.ex / 2
    if line == "central":
        return -(style.ascent - style.descent) / 2
    if line in ("text-before-edge", "before-edge"):
        return -style.ascent
    if line in ("text-after-edge", "after-edge", "ideographic"):
        return style.descent
    return {"hanging": -0.8 * style.ascent, "mathematical": -0.5 * style.ascent}.get(line, 0.0)


def _framed(element: Element, frame: _Frame) -> _Frame:
    """The frame inside an element that makes one of its own."""
    name = local(element.tag)
    if name in ("svg", "symbol"):
        box = numbers(element.get("viewBox", ""))
        if len(box) == 4:
            return _Frame(box[2], box[3], (box[0], box[0] + box[2]))
        width = length(element.get("width", "100%"), frame.width, Scale(whole=frame.width))
        height = length(element.get("height", "100%"), frame.height, Scale(whole=frame.height))
        return _Frame(width, height, (0.0, width) if name == "svg" else None)
    return replace(frame, edges=None) if name in ("defs", "pattern", "marker", "clipPath", "mask") else frame


def _moved(frame: _Frame, element: Element) -> _Frame:
    """The frame as it is seen from inside an element's transform; without edges where that is turned."""
    if frame.edges is None:
        return frame
    left, right = frame.edges
    for name, said in _TRANSFORM.findall(element.get("transform", "")):
        parts = numbers(said)
        if name == "translate" and parts:
            scale, shift = 1.0, parts[0]
        elif name == "scale" and parts and parts[0] > 0:
            scale, shift = parts[0], 0.0
        elif name == "matrix" and len(parts) == 6 and parts[0] > 0 and parts[1] == parts[2] == 0:
            scale, shift = parts[0], parts[4]
        else:
            return replace(frame, edges=None)
        left, right = (left - shift) / scale, (right - shift) / scale
    return replace(frame, edges=(left, right))
