"""The properties of text that are inherited, and what they mean for a letter's size, weight and place.

Source: SVG 2, §11 Text, and CSS Fonts 4, as Chromium reads them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from lernbatch.drawing.styles import SIZES
from lernbatch.drawing.svg import SPACE, Scale, length, local
from lernbatch.drawing.typesetting import TextStyle, nearest

_LINES = ("underline", "overline", "line-through")
_ANCHORS = {"start": 0.0, "middle": 0.5, "end": 1.0}


@dataclass(frozen=True, slots=True)
class TextProperties:
    """What an element says about its text, or inherits. `style` holds what chooses and sizes the glyphs."""

    style: TextStyle = field(default_factory=TextStyle)
    anchor: str = "start"
    preserve: bool = False
    family: str = ""
    direction: str = ""  # "": not said; the first letter then says in which order they stand
    baseline: str = "auto"
    case: str = "none"
    lines: tuple[str, ...] = ()  # under, over and through the text


def inherit(element: Element, inherited: TextProperties, rem: float) -> TextProperties:
    """The properties inside `element`. `rem`: the root's font size, in the picture's units."""
    style, attributes = inherited.style, element.attrib
    family = attributes.get("font-family", inherited.family)
    family = inherited.family if family in ("inherit", "unset") else family
    weight = attributes.get("font-weight", "").strip().lower()
    slant = attributes.get("font-style", "").strip().lower()
    named = "font-family" in attributes and family != inherited.family
    own = font_size(attributes.get("font-size", "").strip().lower(), style, rem)
    scale = Scale(own, style.ex * own / style.size, style.ch * own / style.size, rem, own)
    space = attributes.get("white-space", "")
    if not space and local(element.tag) in ("text", "tspan"):  # elsewhere browsers pass it over
        space = {"preserve": "pre", "default": "normal"}.get(attributes.get(SPACE, ""), "")
    baseline = attributes.get("dominant-baseline", "auto")
    direction = attributes.get("direction", "").strip().lower()
    direction = "ltr" if direction == "initial" else direction
    return TextProperties(
        style=TextStyle(
            size=own,
            bold=is_bold(weight, family) if weight or named else style.bold,
            italic=slant.startswith(("italic", "oblique")) if slant else style.italic or is_slanted(family),
            kind=nearest(family)[0],
            letter_spacing=_spacing(attributes.get("letter-spacing"), style.letter_spacing, scale),
            word_spacing=_spacing(attributes.get("word-spacing"), style.word_spacing, scale),
            small_capitals=attributes.get("font-variant", "small-caps" if style.small_capitals else "") == "small-caps",
        ),
        anchor=attributes.get("text-anchor", inherited.anchor).strip(),
        preserve=space.startswith(("pre", "break")) and space != "pre-line" if space else inherited.preserve,
        family=family,
        direction=direction if direction in ("ltr", "rtl") else inherited.direction,
        baseline=inherited.baseline if baseline == "auto" else baseline,
        case=attributes.get("text-transform", inherited.case),
        lines=inherited.lines + tuple(line for line in _LINES if line in attributes.get("text-decoration", "")),
    )


def font_size(text: str, inherited: TextStyle, rem: float) -> float:
    """A font-size (a length, a name, `larger`) in the picture's units; the inherited one where it cannot be read."""
    relative = {"larger": 1.2, "smaller": 1 / 1.2}
    if text in SIZES:
        size = SIZES[text]
    elif text in relative:
        size = inherited.size * relative[text]
    else:
        scale = Scale(inherited.size, inherited.ex, inherited.ch, rem, inherited.size)
        size = length(text, inherited.size, scale)
    return min(max(size, 0.01), 2000.0) if size >= 0 else inherited.size


def _spacing(text: str | None, inherited: float, scale: Scale) -> float:
    if text is None or text == "inherit":
        return inherited
    return length(text, 0.0, scale)


def is_bold(weight: str, family: str) -> bool:
    """Whether text is bold; design programs also write the weight into the family: `Montserrat-Bold`."""
    if weight in ("bold", "bolder") or (weight.isdigit() and int(weight) >= 600):
        return True
    return not weight and bool(re.search(r"[-\s](semi|extra)?bold|[-\s]black", family, re.IGNORECASE))


def is_slanted(family: str) -> bool:
    """Whether the first family names a slanted face: `Lora-Italic`."""
    return bool(re.search(r"(?:[-\s]|bold)(?:italic|oblique)", family.partition(",")[0], re.IGNORECASE))


def raised(element: Element, style: TextStyle, rem: float) -> float:
    """How far a span's baseline is raised above that of the one around it."""
    shift = element.get("baseline-shift", "").strip().lower()
    half = (style.ascent + style.descent) / 2
    if shift in ("super", "sub"):
        return half if shift == "super" else -half
    return length(shift, 0.0, Scale(style.size, style.ex, style.ch, rem, style.size))


def above_baseline(properties: TextProperties, alignment: str) -> float:
    """How far above the line's baseline that of letters is, by which of their lines stands on it.

    `alignment`: their alignment-baseline; "": their dominant-baseline counts.
    """
    style, line = properties.style, alignment or properties.baseline
    if line == "middle":
        return -style.ex / 2
    if line == "central":
        return -(style.ascent - style.descent) / 2
    if line in ("text-before-edge", "before-edge"):
        return -style.ascent
    if line in ("text-after-edge", "after-edge", "ideographic"):
        return style.descent
    return {"hanging": -0.8 * style.ascent, "mathematical": -0.5 * style.ascent}.get(line, 0.0)


def anchored(properties: TextProperties) -> float:
    """Which part of its width a chunk stands to the left of its point. The letters do not say so, only `direction`."""
    part = _ANCHORS.get(properties.anchor, 0.0)
    return 1 - part if properties.direction == "rtl" else part
