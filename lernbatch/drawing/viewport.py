"""Viewports: what percentages are of, and how far text may reach."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from xml.etree.ElementTree import Element

from lernbatch.drawing.svg import Scale, length, local, numbers

_TRANSFORM = re.compile(r"([a-zA-Z]+)\s*\(([^)]*)\)")


@dataclass(frozen=True, slots=True)
class Viewport:
    """The width and height that percentages are of, and the picture's left and right edge; None: they are not known."""

    width: float
    height: float
    edges: tuple[float, float] | None


def inside(viewport: Viewport, element: Element) -> Viewport:
    """The viewport inside an element that makes one of its own."""
    name = local(element.tag)
    if name in ("svg", "symbol"):
        box = numbers(element.get("viewBox", ""))
        if len(box) == 4:
            return Viewport(box[2], box[3], (box[0], box[0] + box[2]))
        width = length(element.get("width", "100%"), viewport.width, Scale(whole=viewport.width))
        height = length(element.get("height", "100%"), viewport.height, Scale(whole=viewport.height))
        return Viewport(width, height, (0.0, width) if name == "svg" else None)
    return replace(viewport, edges=None) if name in ("defs", "pattern", "marker", "clipPath", "mask") else viewport


def through_transform(viewport: Viewport, element: Element) -> Viewport:
    """The viewport as it is seen from inside an element's transform; without edges where that is turned."""
    if viewport.edges is None:
        return viewport
    left, right = viewport.edges
    for name, arguments in _TRANSFORM.findall(element.get("transform", "")):
        parts = numbers(arguments)
        if name == "translate" and parts:
            scale, shift = 1.0, parts[0]
        elif name == "scale" and parts and parts[0] > 0:
            scale, shift = parts[0], 0.0
        elif name == "matrix" and len(parts) == 6 and parts[0] > 0 and parts[1] == parts[2] == 0:
            scale, shift = parts[0], parts[4]
        else:
            return replace(viewport, edges=None)
        left, right = (left - shift) / scale, (right - shift) / scale
    return replace(viewport, edges=(left, right))
