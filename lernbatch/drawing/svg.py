"""SVG templates from outside: read safely, filled with values.

What an SVG may hold is listed here. What only a browser or an editor would use is left out, and said. Values go into
text and attributes of the parsed tree, so nothing in a name can become markup.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, register_namespace, tostring

from defusedxml.common import DefusedXmlException, EntitiesForbidden
from defusedxml.ElementTree import DefusedXMLParser

MAX_BYTES = 3 * 1024 * 1024
MAX_ELEMENTS = 20_000
MAX_DEPTH = 100
MAX_USES = 10  # within each other
MAX_SIDE = 4000  # units; A4 at 300 dots an inch is 3508
SVG = "{http://www.w3.org/2000/svg}"
XLINK_HREF = "{http://www.w3.org/1999/xlink}href"
SPACE = "{http://www.w3.org/XML/1998/namespace}space"
register_namespace("", "http://www.w3.org/2000/svg")
register_namespace("xlink", "http://www.w3.org/1999/xlink")

_DRAWN = frozenset(
    re.findall(
        r"\w+",
        """
        svg g defs symbol use path rect circle ellipse line polyline polygon text tspan textPath image style title desc
        linearGradient radialGradient stop clipPath mask pattern marker filter switch a
        feBlend feColorMatrix feComposite feComponentTransfer feConvolveMatrix feDiffuseLighting feDisplacementMap
        feDistantLight feDropShadow feFlood feFuncA feFuncB feFuncG feFuncR feGaussianBlur feMerge feMergeNode
        feMorphology feOffset fePointLight feSpecularLighting feSpotLight feTile feTurbulence
        """,
    )
)
_RUN = frozenset(("script", "handler", "listener"))
_MOVES = frozenset(("set", "animate", "animateMotion", "animateTransform", "animateColor", "discard", "mpath"))
_PAGE = frozenset(("foreignObject", "iframe", "object", "embed", "audio", "video", "canvas"))
_FONT = frozenset(("font", "font-face", "glyph", "missing-glyph", "font-face-src", "font-face-uri", "hkern", "vkern"))
_PLACEHOLDER = re.compile(r"\{\{\{?(?P<mustache>[^{}]*)\}\}\}?|\$\{(?P<dollar>[A-Za-z]\w*)\}")
_NUMBER = r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[-+]?[0-9]+)?"
_LENGTH = re.compile(rf"\s*({_NUMBER})(px|pt|pc|mm|cm|in|q|em|rem|ex|ch|%)?\s*", re.IGNORECASE)
_BOX = re.compile(r"[\s,]+".join([f"({_NUMBER})"] * 4), re.IGNORECASE)
_UNITS = {"px": 1.0, "pt": 4 / 3, "pc": 16.0, "mm": 96 / 25.4, "cm": 960 / 25.4, "in": 96.0, "q": 24 / 25.4}
_ENTITY_LETTERS = 200
_ENTITIES = 50
# Of a text that was filled, so that it may be made smaller; it never leaves the drawing.
FILLED = "data-filled"


class BadPicture(Exception):
    """Why an SVG cannot be used, as a sentence."""


# What stands for a placeholder: its text, or None when there is no such value.
Values = Callable[[str], str | None]


class _Parser(DefusedXMLParser):
    """A parser that admits entities for short texts, as Illustrator declares its namespaces, and no others."""

    _entities = 0

    def defused_entity_decl(self, name: str, is_parameter: bool, value: str | None, *where: Any) -> None:
        """Raises: EntitiesForbidden, for an entity with markup or other entities in it, or from elsewhere."""
        self._entities += 1
        plain = value is not None and len(value) <= _ENTITY_LETTERS and not re.search(r"[&%<]", value)
        if is_parameter or not plain or self._entities > _ENTITIES:
            raise EntitiesForbidden(name, value, *where)


def parse(data: bytes) -> Element:
    """The SVG's tree, safe to fill and to show. Raises: BadPicture."""
    if len(data) > MAX_BYTES:
        raise BadPicture(f"The SVG is larger than {MAX_BYTES // 1024 // 1024} MB.")
    try:
        parser = _Parser(target=TreeBuilder(), forbid_dtd=False, forbid_entities=True, forbid_external=True)
        parser.feed(data.lstrip(b" \t\r\n"))
        root: Element = parser.close()
    except DefusedXmlException as unsafe:
        raise BadPicture(
            "The SVG declares entities that are more than a short text, which are not admitted."
        ) from unsafe
    except (ParseError, ValueError, LookupError) as broken:
        raise BadPicture(f"The SVG is broken: {broken}.") from broken
    if root.tag != f"{SVG}svg":
        raise BadPicture("The file is no SVG: its first element is not svg.")
    waiting, count = [(root, 1)], 0
    while waiting:
        element, depth = waiting.pop()
        count += 1
        if count > MAX_ELEMENTS or depth > MAX_DEPTH:
            raise BadPicture("The SVG has too many elements.")
        waiting += [(child, depth + 1) for child in element]
    _check_uses(root)
    if not all(1 <= side <= MAX_SIDE for side in size(root)):
        raise BadPicture(f"The SVG is not 1 to {MAX_SIDE} units wide and high.")
    return root


def _check_uses(root: Element) -> None:
    """Raises: BadPicture, when to draw what is used, and what that uses again, and so on, would be without end."""
    order = list(root.iter())
    sizes: dict[Element, int] = {}
    for element in reversed(order):
        sizes[element] = 1 + sum(sizes[child] for child in element)
    places = {element.get("id", ""): place for place, element in enumerate(order)}
    uses = [
        (place, places[href(element)[1:]])
        for place, element in enumerate(order)
        if local(element.tag) == "use" and href(element)[1:] in places
    ]
    starts, counted = [place for place, _ in uses], dict[int, tuple[int, int]]()

    def drawn(place: int, depth: int) -> tuple[int, int]:
        """How many elements the one at `place` draws, and how deep they are used within each other."""
        if depth <= MAX_USES and place not in counted:
            total = sizes[order[place]]
            inner = uses[bisect_left(starts, place) : bisect_left(starts, place + total)]
            used = [drawn(target, depth + 1) for _, target in inner]
            counted[place] = total + sum(count for count, _ in used), max((deep + 1 for _, deep in used), default=0)
        if depth > MAX_USES or depth + counted[place][1] > MAX_USES:
            raise BadPicture(f"The SVG uses an element within itself, or more than {MAX_USES} within each other.")
        return counted[place]

    if drawn(0, 0)[0] > MAX_ELEMENTS:
        raise BadPicture(f"The SVG draws more than {MAX_ELEMENTS} elements, those used again included.")


def placeholders(root: Element) -> list[str]:
    """Every placeholder of a template, as it is written between its signs, each once."""
    texts = (
        text for element in root.iter() for text in (element.text or "", element.tail or "", *element.attrib.values())
    )
    return list(dict.fromkeys(_name(match) for text in texts for match in _PLACEHOLDER.finditer(text)))


def _name(placeholder: re.Match[str]) -> str:
    return (placeholder["mustache"] or placeholder["dollar"] or "").strip()


def pictures(root: Element) -> list[str]:
    """Addresses of pictures that the SVG would load from elsewhere, each once."""
    hrefs = (href(element) for element in root.iter(f"{SVG}image"))
    return list(dict.fromkeys(href for href in hrefs if href.startswith(("http://", "https://"))))


def fill(root: Element, values: Values) -> None:
    """Put values for the placeholders, in place. One that has no value becomes nothing.

    Pictures inside are left as they are: an SVG among them is parsed, and filled, by itself.
    """

    def put(text: str) -> str:
        return _PLACEHOLDER.sub(lambda placeholder: values(_name(placeholder)) or "", text)

    for text in root.iter(f"{SVG}text"):
        if any(map(_asks, text.itertext())):
            text.set(FILLED, "")
    for element in root.iter():
        if element.text and _asks(element.text):
            # A design program that gives every letter its place gave it to the placeholder's letters, not to a name's.
            for key in ("x", "y", "dx", "dy", "rotate"):
                places = coordinates(element.get(key, ""))
                if len(places) >= max(len(element.text.strip()) - 2, 2):
                    element.set(key, places[0])
            element.text = put(element.text)
        if element.tail and _asks(element.tail):
            element.tail = put(element.tail)
        for key, value in element.attrib.items():
            if _asks(value) and value.lstrip()[:5].lower() != "data:":
                element.set(key, put(value))


def _asks(text: str) -> bool:
    return "{{" in text or "${" in text


def coordinates(text: str) -> list[str]:
    """The lengths of a list: `10 20,30%`."""
    return [part for part in re.split(r"[\s,]+", text.strip()) if part]


def clean(root: Element) -> list[str]:
    """Leave only elements and attributes that draw, in place; what was left out, as sentences."""
    said: list[str] = []
    for parent in root.iter():
        for child in list(parent):
            name = local(child.tag)
            if not isinstance(child.tag, str) or not child.tag.startswith(SVG) or name not in _DRAWN:
                said.append(why_left_out(child, name))
                _remove(parent, child)
    for element in root.iter():
        for key in list(element.attrib):
            name = local(key)
            if name.lower().startswith("on"):
                said.append(f"The handler {name} is left out: nothing in a certificate is run.")
            elif key.startswith("{") and key not in (XLINK_HREF, SPACE):
                if not key.startswith("{http://www.w3.org/"):
                    said.append(_of_an_editor(key))
            else:
                continue
            del element.attrib[key]
    return said


def why_left_out(element: Element, name: str) -> str:
    """Why an element that does not draw is left out, as a sentence for whoever made the template."""
    if name in _RUN:
        return "A script is left out: nothing in a certificate is run. A text too long for its place is made smaller."
    if name in _MOVES:
        return f"The animation {name} is left out: a certificate does not move."
    if name in _PAGE:
        words = " ".join("".join(element.itertext()).split())[:80]
        return f"The element {name} is left out, as only a browser shows it" + (f": {words!r}." if words else ".")
    if name in _FONT:
        return "A font inside the SVG is left out: its text is drawn in a font that comes with the service."
    if isinstance(element.tag, str) and not element.tag.startswith(SVG):
        return _of_an_editor(element.tag)
    return f"The element {name} is left out: it is not drawn."


def _of_an_editor(name: str) -> str:
    namespace = name[1:].partition("}")[0] if name.startswith("{") else "no namespace"
    return f"What belongs to {namespace[:80]} is left out: only an editor or a browser uses it."


def _remove(parent: Element, child: Element) -> None:
    """Take a child out and leave the text after it."""
    if child.tail and child.tail.strip():
        before = list(parent).index(child) - 1
        if before >= 0:
            parent[before].tail = (parent[before].tail or "") + child.tail
        else:
            parent.text = (parent.text or "") + child.tail
    parent.remove(child)


def write(root: Element) -> bytes:
    data: bytes = tostring(root, encoding="utf-8")
    return data


def size(root: Element) -> tuple[float, float]:
    """Width and height of the picture, in its own units. Raises: BadPicture, when its viewBox is none."""
    given = root.get("viewBox", "").strip()
    parts = _BOX.fullmatch(given)
    if given and parts is None:
        raise BadPicture(f"The SVG's viewBox {given[:80]!r} is not four numbers.")
    box = [float(number) for number in parts.groups()] if parts else []
    if any(abs(number) > MAX_SIDE for number in box):
        raise BadPicture(f"The SVG's viewBox goes beyond {MAX_SIDE} units.")
    width, height = (
        length(root.get(side, ""), whole, Scale(whole=whole))
        for side, whole in zip(("width", "height"), box[2:] or (0, 0), strict=True)
    )
    if len(box) == 4 and (width <= 0 or height <= 0):
        width, height = box[2], box[3]
    return (width, height) if width > 0 and height > 0 else (1123.0, 794.0)


@dataclass(frozen=True, slots=True)
class Scale:
    """What relative lengths are of: sizes of the font, and the viewport's side for percentages."""

    em: float = 16.0
    ex: float = 8.0
    ch: float = 8.0
    rem: float = 16.0
    whole: float = 0.0


def length(text: str, otherwise: float, scale: Scale = Scale()) -> float:
    """A length in the picture's units; `otherwise` where `text` is none."""
    parts = _LENGTH.fullmatch(text)
    if not parts:
        return otherwise
    number, unit = float(parts.group(1)), (parts.group(2) or "px").lower()
    if unit == "%":
        return scale.whole * number / 100
    of_font = {"em": scale.em, "rem": scale.rem, "ex": scale.ex, "ch": scale.ch}
    return number * (of_font[unit] if unit in of_font else _UNITS[unit])


def numbers(text: str) -> list[float]:
    """The numbers in a list such as a viewBox."""
    return [float(number) for number in re.findall(_NUMBER, text, re.IGNORECASE)]


def href(element: Element) -> str:
    """The address an element names, in either spelling."""
    return (element.get("href") or element.get(XLINK_HREF) or "").strip()


def local(name: object) -> str:
    return name.rpartition("}")[2] if isinstance(name, str) else ""
