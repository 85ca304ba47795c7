"""Styles: what style sheets and style attributes say becomes the elements' own attributes, as the cascade orders it.

So nothing of a style sheet is left that a viewer could read otherwise, or that would load something from elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from xml.etree.ElementTree import Element

import cssselect2
import tinycss2

from lernbatch.drawing.svg import SVG, local

# What draws, by the names of presentation attributes; the last line is said in the style attribute only.
_PROPERTIES = frozenset(
    re.findall(
        r"\S+",
        """
    fill fill-rule fill-opacity stroke stroke-width stroke-linecap stroke-linejoin stroke-miterlimit stroke-dasharray
    stroke-dashoffset stroke-opacity opacity color display visibility overflow clip-path clip-rule mask filter
    flood-color flood-opacity lighting-color stop-color stop-opacity marker-start marker-mid marker-end paint-order
    color-interpolation color-interpolation-filters image-rendering shape-rendering vector-effect transform
    font-family font-size font-weight font-style font-variant text-anchor letter-spacing word-spacing direction
    dominant-baseline alignment-baseline baseline-shift text-decoration text-transform white-space writing-mode
    x y width height cx cy r rx ry
    mix-blend-mode isolation
    """,
    )
)
_IN_STYLE = ("mix-blend-mode", "isolation")
_LOADING = frozenset(("src", "image", "image-set", "-webkit-image-set", "cross-fade", "-webkit-cross-fade", "element"))
_SHORT = {"marker": ("marker-start", "marker-mid", "marker-end"), "text-decoration-line": ("text-decoration",)}
_WEIGHTS = re.compile(r"(?:bold|bolder|lighter|[1-9]00)$", re.IGNORECASE)
_SCREENS = re.compile(r"\s*(?:only\s+)?(?:all|screen)?\s*$", re.IGNORECASE)
_NOT_CSS = frozenset(("d", "points", "transform", "gradientTransform", "patternTransform", "class", "id", "viewBox"))
# Any: a parsed token of the library, which tells its kinds apart by a field.
Token = Any


def resolve(root: Element) -> list[str]:
    """Write every element's style into its attributes and drop the style sheets, in place; what was left out."""
    said: list[str] = []
    matcher, order = cssselect2.Matcher(), 0
    for element in root.iter(f"{SVG}style"):
        if _SCREENS.match(element.get("media", "")):
            for rule in _rules(tinycss2.parse_stylesheet(element.text or "", True, True), said):
                order = _add(matcher, rule, order, said)
        else:
            said.append(f"The style sheet for {element.get('media')!r} is left out: it is not for pictures.")
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag == f"{SVG}style":
                parent.remove(child)
    variables: dict[Element, dict[str, str]] = {}
    for wrapped in cssselect2.ElementWrapper.from_xml_root(root).iter_subtree():
        element = wrapped.etree_element
        inherited = variables[wrapped.parent.etree_element] if wrapped.parent else {}
        _attributes(element, said)
        declared = declared_values(element, matcher.match(wrapped), said)
        variables[element] = {**inherited, **{key: value for key, value in declared.items() if key.startswith("--")}}
        for name, written in declared.items():
            value = with_variables(written, variables[element]) if name in _PROPERTIES else None
            if value is None:
                continue
            if name in _IN_STYLE:
                element.set("style", f"{element.get('style', '')}{name}:{value};")
            elif name == "transform":
                element.set(name, re.sub(r"(?<=[0-9.])(?:px|deg)\b", "", value))
            else:
                element.set(name, value)
    return said


def _rules(nodes: Sequence[Token], said: list[str]) -> Iterator[Token]:
    """The style sheet's rules that are for every screen."""
    for node in nodes:
        if node.type == "qualified-rule":
            yield node
        elif node.type == "error":
            said.append(f"The style sheet has something that cannot be read: {node.message}.")
        elif node.type == "at-rule" and node.lower_at_keyword == "media":
            media = tinycss2.serialize(node.prelude)
            if _SCREENS.match(media) and node.content is not None:
                yield from _rules(tinycss2.parse_rule_list(node.content, True, True), said)
            else:
                said.append(f"The style sheet's rules for {media.strip()!r} are left out: they are not for pictures.")
        elif node.type == "at-rule" and node.lower_at_keyword != "charset":
            said.append(_at_rule(node))


def _at_rule(node: Token) -> str:
    addresses = list(_outside([*node.prelude, *(node.content or ())]))
    if node.lower_at_keyword == "import":
        strings = [token.value for token in node.prelude if token.type == "string"]
        addresses = addresses or strings
    what = f"The style sheet's @{node.at_keyword[:40]}"
    if node.lower_at_keyword == "font-face":
        parts = (part for part in tinycss2.parse_blocks_contents(node.content or ()) if part.type == "declaration")
        family = [tinycss2.serialize(part.value).strip(" '\"") for part in parts if part.lower_name == "font-family"]
        what += f" of {', '.join(family)[:80]!r}"
    return f"{what} is left out" + (f": {addresses[0][:120]!r} is not loaded." if addresses else ".")


def _add(matcher: Any, rule: Token, order: int, said: list[str]) -> int:
    """Add a rule, in its place of the order of all; the next place."""
    parts = tinycss2.parse_blocks_contents(rule.content, True, True)
    content = [part for part in parts if part.type == "declaration"]
    try:
        selectors = cssselect2.compile_selector_list(rule.prelude)
    except cssselect2.SelectorError:
        said.append(f"The style sheet's {tinycss2.serialize(rule.prelude).strip()[:80]!r} cannot be read.")
        return order
    for selector in selectors:
        if selector.pseudo_element is None and not selector.never_matches:
            matcher.add_selector(selector, content)
    return order + 1


def declared_values(element: Element, matches: Sequence[Any], said: list[str]) -> dict[str, str]:
    """The strongest value of each property that style sheets and the style attribute, which goes, give an element.

    `matches`: of cssselect2, the weakest first. What would load from elsewhere is left out, and said.
    """
    own = tinycss2.parse_blocks_contents(element.attrib.pop("style", ""), True, True)
    blocks = [block for _, _, _, block in matches] + [[part for part in own if part.type == "declaration"]]
    declared: dict[str, str] = {}
    for important in (False, True):
        for declaration in (part for block in blocks for part in block if part.important is important):
            name = declaration.name if declaration.name.startswith("--") else declaration.lower_name
            addresses = list(_outside(declaration.value))
            if addresses:
                said.append(f"The style's {name} is left out: {addresses[0][:120]!r} is not loaded.")
                if name in ("fill", "stroke"):
                    declared[name] = _instead(declaration.value)
            elif name == "font":
                declared |= font_properties(declaration.value)
            else:
                value = _text(declaration.value)
                declared |= dict.fromkeys(_SHORT.get(name, (name,)), value)
    return declared


def with_variables(value: str, variables: Mapping[str, str]) -> str | None:
    """The value with custom properties put in, ten at most; None where one is missing, or it grows too long."""
    for _ in range(10):
        used = re.search(r"var\(\s*(--[\w-]+)\s*(?:,([^()]*(?:\([^()]*\))?[^()]*))?\)", value)
        if used is None or len(value) > 10_000:
            return None if used else value
        with_it = variables.get(used.group(1), used.group(2))
        if with_it is None:
            return None
        value = value[: used.start()] + with_it.strip() + value[used.end() :]
    return None


def _attributes(element: Element, said: list[str]) -> None:
    """Take out the attributes that would load from elsewhere."""
    for key, value in list(element.attrib.items()):
        name = local(key)
        if name in _NOT_CSS or name in ("href", "style") or not ("(" in value or "\\" in value or "@" in value):
            continue
        tokens = tinycss2.parse_component_value_list(value)
        addresses = list(_outside(tokens))
        if not addresses:
            if "url(" in value.lower() or "\\" in value:
                element.set(key, _text(tokens))
            continue
        if addresses[0]:
            said.append(f"The {name} of {local(element.tag)} is left out: {addresses[0][:120]!r} is not loaded.")
        if name in ("fill", "stroke"):
            element.set(key, _instead(tokens))
        else:
            del element.attrib[key]


def _outside(tokens: Iterable[Token]) -> Iterator[str]:
    """Addresses of what a value loads from elsewhere."""
    for token in tokens:
        if token.type == "url" and not token.value.startswith("#"):
            yield token.value
        elif token.type == "function" and (token.lower_name == "url" or token.lower_name in _LOADING):
            strings = [argument.value for argument in token.arguments if argument.type == "string"]
            if token.lower_name != "url" or not strings or not strings[0].startswith("#"):
                yield strings[0] if strings else f"{token.lower_name}()"
        elif token.type == "function":
            yield from _outside(token.arguments)
        elif token.type in ("() block", "[] block", "{} block"):
            yield from _outside(token.content)
        elif token.type == "error" and token.kind in ("bad-url", "bad-string"):
            yield token.message


def _instead(tokens: Sequence[Token]) -> str:
    """The colour beside a paint that cannot be loaded, as `url(https://…) red` says it; none where there is none."""
    colours = [
        token
        for token in tokens
        if token.type in ("ident", "hash") or (token.type == "function" and token.lower_name != "url")
    ]
    return _text(colours) or "none"


def _text(tokens: Sequence[Token]) -> str:
    """A value as attributes spell it: addresses without their quotes, names without escapes."""
    parts = []
    for token in tokens:
        if token.type == "url":
            parts.append(f"url({token.value})")
        elif token.type == "function" and token.lower_name == "url":
            address = next(argument.value for argument in token.arguments if argument.type == "string")
            parts.append(f"url({address})")
        elif token.type == "ident":
            parts.append(token.value)
        else:
            parts.append(token.serialize())
    return "".join(parts).strip()


def font_properties(tokens: Sequence[Token]) -> dict[str, str]:
    """The properties of the shorthand `italic bold 24px/1.2 'Noto Sans', serif`; none without a size and a family."""
    font = {"font-style": "normal", "font-weight": "normal", "font-variant": "normal"}
    for place, token in enumerate(tokens):
        word = token.serialize()
        if token.type in ("dimension", "percentage") or word in SIZES:
            rest = tinycss2.serialize(tokens[place + 1 :]).strip()
            family = re.sub(r"^/\s*[\w.%]+\s*", "", rest)
            return {**font, "font-size": word, "font-family": family} if family else {}
        if _WEIGHTS.match(word):
            font["font-weight"] = word
        elif word in ("italic", "oblique"):
            font["font-style"] = word
        elif word == "small-caps":
            font["font-variant"] = word
    return {}


# Sizes by name, in CSS pixels. Source: CSS Fonts 4, §3.5.1, as browsers have them.
SIZES = {
    "xx-small": 9.0,
    "x-small": 10.0,
    "small": 13.0,
    "medium": 16.0,
    "large": 18.0,
    "x-large": 24.0,
    "xx-large": 32.0,
    "xxx-large": 48.0,
}
