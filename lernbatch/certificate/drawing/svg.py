"""SVG templates from outside: read safely, filled with values.

What an SVG may hold is listed here; whatever else it holds is refused (when it could do something) or left out (when
it could not). Values go into text and attributes of the parsed tree, so nothing in a name can become markup.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from xml.etree.ElementTree import Element, ParseError, register_namespace, tostring

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

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
        feBlend feColorMatrix feComposite feComponentTransfer feFuncA feFuncR feFuncG feFuncB feDropShadow feFlood
        feGaussianBlur feMerge feMergeNode feMorphology feOffset feTile feTurbulence
        """,
    )
)
_ACTIVE = frozenset(
    re.findall(
        r"\w+",
        """
        script foreignObject iframe object embed audio video canvas handler listener
        set animate animateMotion animateTransform animateColor discard mpath feImage
        """,
    )
)
_DATA_PICTURE = re.compile(r"^data:image/(png|jpe?g|gif|webp);base64,[A-Za-z0-9+/=\s]*$")
_CSS_URL = re.compile(r"url\(\s*['\"]?\s*([^)'\"]*)", re.IGNORECASE)
_CSS_ACTIVE = re.compile(
    r"@import|\b(?:expression|image-set|image|cross-fade|src)\s*\(|javascript:|-moz-binding|behavior\s*:|\\",
    re.IGNORECASE,
)
_CSS_LOADS = re.compile(r"@import|\b(?:image-set|image|cross-fade|src)\s*\(", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"\{\{\{?(?P<mustache>[^{}]*)\}\}\}?|\$\{(?P<dollar>[A-Za-z]\w*)\}")
_NUMBER = r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[-+]?[0-9]+)?"
_LENGTH = re.compile(rf"^\s*({_NUMBER})\s*(px|pt|em|mm|cm|in|%)?", re.IGNORECASE)
_BOX = re.compile(r"[\s,]+".join([f"({_NUMBER})"] * 4), re.IGNORECASE)
_UNITS = {"px": 1.0, "pt": 4 / 3, "mm": 96 / 25.4, "cm": 960 / 25.4, "in": 96.0}


class BadPicture(Exception):
    """Why an SVG cannot be used, as a sentence."""


# What stands for a placeholder: its text, or None when there is no such value.
Values = Callable[[str], str | None]


def parse(data: bytes) -> Element:
    """The SVG's tree, safe to fill and to show. Raises: BadPicture."""
    if len(data) > MAX_BYTES:
        raise BadPicture(f"The SVG is larger than {MAX_BYTES // 1024 // 1024} MB.")
    try:
        root: Element = fromstring(data, forbid_dtd=False, forbid_entities=True, forbid_external=True)
    except DefusedXmlException as unsafe:
        raise BadPicture("The SVG declares entities, which are not admitted.") from unsafe
    except (ParseError, ValueError, LookupError) as broken:
        raise BadPicture(f"The SVG is broken: {broken}.") from broken
    if root.tag != f"{SVG}svg":
        raise BadPicture("The file is no SVG: its first element is not svg.")
    _check(root)
    _check_uses(root)
    if not all(1 <= side <= MAX_SIDE for side in size(root)):
        raise BadPicture(f"The SVG is not 1 to {MAX_SIDE} units wide and high.")
    return root


def _check(root: Element) -> None:
    waiting, count = [(root, 1)], 0
    while waiting:
        element, depth = waiting.pop()
        count += 1
        if count > MAX_ELEMENTS or depth > MAX_DEPTH:
            raise BadPicture("The SVG has too many elements.")
        name = local(element.tag)
        if name in _ACTIVE:
            raise BadPicture(f"The SVG has an element {name}, which is not admitted.")
        for key in element.attrib:
            if local(key).lower().startswith("on"):
                raise BadPicture(f"The SVG has a handler {local(key)}, which is not admitted.")
        if name == "style":
            if len(element):
                raise BadPicture("The SVG's style sheet has elements in it, which are not admitted.")
            _check_css(element.text or "")
        waiting += [(child, depth + 1) for child in element]


def _check_uses(root: Element) -> None:
    """Raises: BadPicture, when to draw what is used, and what that uses again, and so on, would be without end."""
    order = list(root.iter())
    sizes: dict[Element, int] = {}
    for element in reversed(order):
        sizes[element] = 1 + sum(sizes[child] for child in element)
    places = {element.get("id", ""): place for place, element in enumerate(order)}
    uses = [
        (place, places[_href(element)[1:]])
        for place, element in enumerate(order)
        if local(element.tag) == "use" and _href(element)[1:] in places
    ]
    starts, known = [place for place, _ in uses], dict[int, tuple[int, int]]()

    def drawn(place: int, depth: int) -> tuple[int, int]:
        """How many elements the one at `place` draws, and how deep they are used within each other."""
        if depth <= MAX_USES and place not in known:
            total = sizes[order[place]]
            inner = uses[bisect_left(starts, place) : bisect_left(starts, place + total)]
            found = [drawn(target, depth + 1) for _, target in inner]
            known[place] = total + sum(count for count, _ in found), max((deep + 1 for _, deep in found), default=0)
        if depth > MAX_USES or depth + known[place][1] > MAX_USES:
            raise BadPicture(f"The SVG uses an element within itself, or more than {MAX_USES} within each other.")
        return known[place]

    if drawn(0, 0)[0] > MAX_ELEMENTS:
        raise BadPicture(f"The SVG draws more than {MAX_ELEMENTS} elements, those used again included.")


def _check_css(css: str) -> None:
    found = _CSS_ACTIVE.search(css)
    if found:
        raise BadPicture(f"The SVG's style sheet has {found.group()!r}, which is not admitted.")


def check_addresses(root: Element) -> None:
    """Raises: BadPicture, when a style or attribute would load from elsewhere: `clean` takes out what values bring."""
    for element in root.iter():
        for key, value in element.attrib.items():
            if local(key) not in ("href", "src"):
                _check_local(value, f"attribute {local(key)}")
        if local(element.tag) == "style":
            _check_local(element.text or "", "style sheet")


def _check_local(css: str, where: str) -> None:
    loads = _CSS_LOADS.search(css)
    outside = [target for target in _CSS_URL.findall(css) if not target.startswith(("#", "data:", "{{", "${"))]
    if loads or outside:
        raise BadPicture(f"The SVG's {where} loads {outside[0] if outside else css[:80]!r}, which is not admitted.")


def placeholders(root: Element) -> list[str]:
    """Every placeholder of a template, as it is written between its signs, each once."""
    found = [_name(match) for text in _texts(root) for match in _PLACEHOLDER.finditer(text)]
    return list(dict.fromkeys(found))


def _name(found: re.Match[str]) -> str:
    return (found["mustache"] or found["dollar"] or "").strip()


def pictures(root: Element) -> list[str]:
    """Addresses of pictures that the SVG would load from elsewhere, each once."""
    hrefs = (_href(element) for element in root.iter(f"{SVG}image"))
    return list(dict.fromkeys(href for href in hrefs if href.startswith(("http://", "https://"))))


def _texts(root: Element) -> Iterable[str]:
    for element in root.iter():
        yield from (element.text or "", element.tail or "", *element.attrib.values())


def fill(root: Element, values: Values) -> None:
    """Put values for the placeholders, in place. One that has no value becomes nothing."""

    def put(text: str) -> str:
        return _PLACEHOLDER.sub(lambda found: values(_name(found)) or "", text)

    for element in root.iter():
        if element.text and ("{{" in element.text or "${" in element.text):
            element.text = put(element.text)
        if element.tail and ("{{" in element.tail or "${" in element.tail):
            element.tail = put(element.tail)
        for key, value in element.attrib.items():
            if "{{" in value or "${" in value:
                element.set(key, put(value))


def clean(root: Element, embedded: Mapping[str, str]) -> None:
    """Leave only what draws and loads nothing from elsewhere, in place.

    `embedded`: addresses of pictures → the same pictures as data URLs; other addresses are left out.
    """
    for parent in root.iter():
        for child in list(parent):
            if not isinstance(child.tag, str) or not child.tag.startswith(SVG) or local(child.tag) not in _DRAWN:
                _remove(parent, child)
    for element in root.iter():
        for key in list(element.attrib):
            if not _admitted(element, key, embedded):
                del element.attrib[key]
        if element.tag == f"{SVG}style":
            element.text = _CSS_URL.sub(
                lambda found: found.group() if found.group(1).startswith("#") else "url(#", element.text or ""
            )
            _check_css(element.text)
    _drop_empty_pictures(root)


def _drop_empty_pictures(root: Element) -> None:
    """A picture without an address would be drawn as broken by some viewers."""
    for parent in root.iter():
        for child in list(parent):
            if child.tag == f"{SVG}image" and not _href(child):
                _remove(parent, child)


def _admitted(element: Element, key: str, embedded: Mapping[str, str]) -> bool:
    name, value = local(key).lower(), element.attrib[key]
    if name.startswith("on") or (key.startswith("{") and key not in (XLINK_HREF, SPACE)):
        return False
    if name in ("href", "src"):
        if value in embedded:
            element.set(key, embedded[value])
            return True
        return value.startswith("#") or (element.tag == f"{SVG}image" and bool(_DATA_PICTURE.match(value)))
    if _CSS_ACTIVE.search(value):  # in attributes too: mask, cursor and others are read as style sheets are
        return False
    return all(target.startswith("#") for target in _CSS_URL.findall(value))


def _remove(parent: Element, child: Element) -> None:
    if child.tail and child.tail.strip():
        before = list(parent).index(child) - 1
        if before >= 0:
            parent[before].tail = (parent[before].tail or "") + child.tail
        else:
            parent.text = (parent.text or "") + child.tail
    parent.remove(child)


def write(root: Element) -> bytes:
    made: bytes = tostring(root, encoding="utf-8")
    return made


def size(root: Element) -> tuple[float, float]:
    """Width and height of the picture, in its own units. Raises: BadPicture, when its viewBox is none."""
    given = root.get("viewBox", "").strip()
    parts = _BOX.fullmatch(given)
    if given and parts is None:
        raise BadPicture(f"The SVG's viewBox {given[:80]!r} is not four numbers.")
    box = [float(number) for number in parts.groups()] if parts else []
    if any(abs(number) > MAX_SIDE for number in box):
        raise BadPicture(f"The SVG's viewBox goes beyond {MAX_SIDE} units.")
    width = length(root.get("width", ""), box[2] if len(box) == 4 else 0, 16)
    height = length(root.get("height", ""), box[3] if len(box) == 4 else 0, 16)
    if len(box) == 4 and (width <= 0 or height <= 0):
        width, height = box[2], box[3]
    return (width, height) if width > 0 and height > 0 else (1123.0, 794.0)


def length(text: str, otherwise: float, em: float) -> float:
    found = _LENGTH.match(text)
    if not found:
        return otherwise
    number, unit = float(found.group(1)), (found.group(2) or "px").lower()
    if unit == "em":
        return number * em
    if unit == "%":
        return otherwise * number / 100
    return number * _UNITS[unit]


def _href(element: Element) -> str:
    return (element.get("href") or element.get(XLINK_HREF) or "").strip()


def local(name: object) -> str:
    return name.rpartition("}")[2] if isinstance(name, str) else ""
