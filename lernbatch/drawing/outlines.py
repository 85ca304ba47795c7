"""Text of an SVG turned into outlines where a browser would set it, so that it looks the same wherever it is opened.

Source: SVG 2, §11 Text, as Chromium lays it out: positions, anchors, baselines and lengths were measured there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from math import ceil
from xml.etree.ElementTree import Element

from lernbatch.drawing import bidi
from lernbatch.drawing.properties import TextProperties, above_baseline, anchored, inherit
from lernbatch.drawing.spans import Letter, TextReader, chunks
from lernbatch.drawing.svg import FILLED, SPACE, SVG, Scale, length, size
from lernbatch.drawing.typesetting import FontSet, GlyphCluster
from lernbatch.drawing.viewport import Viewport, inside, through_transform

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


@dataclass(slots=True)
class PlacedCluster:
    """A cluster of letters where it is drawn."""

    letter: Letter
    run: Letter  # the first letter of its run, which says where that stands
    shape: GlyphCluster
    advance: float
    gap: float = 0.0  # after it, to be as long as is asked
    stretch: float = 1.0
    x: float = 0.0
    y: float = 0.0


def outline(root: Element, fonts: FontSet) -> list[str]:
    """Turn every text into outlines, in place; what is drawn otherwise than it is written, as sentences.

    The words stay as the drawing's label, for people who listen.
    """
    warnings: list[str] = []
    rem = inherit(root, TextProperties(), 16).style.size

    def walk(element: Element, inherited: TextProperties, viewport: Viewport) -> None:
        viewport = through_transform(inside(viewport, element), element)
        properties = inherit(element, inherited, rem)
        for index, child in enumerate(list(element)):
            if child.tag == f"{SVG}text":
                reader = TextReader(through_transform(viewport, child), rem)
                text = _Text(child, reader, properties, fonts)
                element[index] = text.drawn(alone=element.tag == f"{SVG}clipPath")
                warnings.extend(reader.warnings)
            else:
                walk(child, properties, viewport)
        for name in _TEXT_ONLY & element.attrib.keys():
            if name.startswith(("font-", "data-")):
                del element.attrib[name]

    width, height = size(root)
    walk(root, TextProperties(), Viewport(width, height, (0.0, width)))
    return warnings


class _Text:
    """One text while it is laid out."""

    def __init__(self, element: Element, reader: TextReader, inherited: TextProperties, fonts: FontSet) -> None:
        self._element, self._viewport, self._fonts = element, reader.viewport, fonts
        self._letters, self._spans = reader.letters(element, inherited), reader.spans

    def drawn(self, *, alone: bool) -> Element:
        """A group of paths in the text's place; `alone`: one path, where no group is admitted."""
        x = y = 0.0
        paths: list[Element] = []
        for chunk in chunks(self._letters):
            clusters = self._shape(chunk, 1.0)
            limit = self._limit(chunk, x)
            width = sum(cluster.advance + cluster.gap for cluster in clusters)
            if 0 < limit < width:
                clusters = self._shape(chunk, limit / width)
            x, y = place(chunk, clusters, x, y)
            paths += paint(clusters)
        kept = {key: value for key, value in self._element.attrib.items() if key not in _TEXT_ONLY}
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

    def _shape(self, chunk: Sequence[Letter], factor: float) -> list[PlacedCluster]:
        """The letters as they are shaped, runs of one style together; `factor`: of their sizes."""
        clusters = []
        base = _BASES.get(self._spans[0].properties.direction)  # the line's direction is the text's, not a tspan's
        start = 0
        for end in range(1, len(chunk) + 1):
            if end < len(chunk) and chunk[end].continues(chunk[end - 1]):
                continue
            run, style = chunk[start:end], chunk[start].span.properties.style
            style = replace(
                style,
                size=style.size * factor,
                letter_spacing=style.letter_spacing * factor,
                word_spacing=style.word_spacing * factor,
            )
            for shape in self._fonts.clusters("".join(letter.text for letter in run), style, base):
                clusters.append(PlacedCluster(run[shape.start], run[0], shape, shape.advance))
            start = end
        for span in reversed(self._spans):
            if span.length <= 0:
                continue
            # A span is made as long as it says: by gaps between its letters, or by wider ones.
            inside = [cluster for cluster in clusters if span in cluster.letter.span.around()]
            natural = sum(cluster.advance + cluster.gap for cluster in inside)
            if span.stretched and natural > 0:
                for cluster in inside:
                    cluster.stretch *= span.length / natural
                    cluster.advance *= span.length / natural
            elif len(inside) > 1 and not span.stretched:
                for cluster in inside:
                    cluster.gap += (span.length - natural) / (len(inside) - 1)
        return clusters

    def _limit(self, chunk: Sequence[Letter], pen: float) -> float:
        """How wide the chunk may be: what data-fit says, or what is filled stays inside the picture; 0: as it is."""
        fit = length(self._element.get("data-fit", ""), 0.0, Scale(whole=self._viewport.width))
        if fit > 0 or self._viewport.edges is None or FILLED not in self._element.attrib:
            return fit
        if any(span.length > 0 for span in self._spans):
            return 0.0
        left, right = self._viewport.edges
        margin, at = (right - left) * MARGIN, (pen if chunk[0].x is None else chunk[0].x) + chunk[0].dx
        to_left, to_right = at - left - margin, right - margin - at
        shift = anchored(chunk[0].span.properties)
        return to_right if shift == 0 else to_left if shift == 1 else 2 * min(to_left, to_right)


def place(chunk: Sequence[Letter], clusters: Sequence[PlacedCluster], x: float, y: float) -> tuple[float, float]:
    """Give every cluster of a chunk its place. `x`, `y`: the pen.

    Returns the pen after it, as if the text began where it is anchored.
    """
    x = chunk[0].x if chunk[0].x is not None else x
    anchor = x + chunk[0].dx
    run = None
    for cluster in clusters:
        if cluster.run is not run:
            run = cluster.run
            x, y = x + run.dx, (run.y if run.y is not None else y) + run.dy
        span = cluster.letter.span
        cluster.x, cluster.y = x, y - span.rise - above_baseline(span.properties, span.alignment)
        x += cluster.advance + cluster.gap
    if clusters:
        left = min(cluster.x for cluster in clusters)
        right = max(cluster.x + cluster.advance for cluster in clusters)
        shift = anchor - left - (right - left) * anchored(chunk[0].span.properties)
        for cluster in clusters:
            cluster.x += shift
    return x, y


def paint(placed: Sequence[PlacedCluster]) -> Iterator[Element]:
    """The paths of clusters, those of one span in one; lines first, as they are under the letters."""

    def lined_alike(cluster: PlacedCluster) -> tuple[float, tuple[str, ...], float]:
        return cluster.y, cluster.letter.span.properties.lines, cluster.letter.turn

    for (y, lines, _), group in groupby(placed, key=lined_alike):
        clusters = list(group)
        for line, span in zip(lines, clusters[0].letter.span.lined, strict=True):
            left, right = clusters[0].x, clusters[-1].x + clusters[-1].advance
            # How thick lines are, and how far from the baseline. Source: Chromium's.
            style, thick = span.properties.style, span.properties.style.size / 10
            under = max(1.0, ceil(thick / 2))
            top = {"underline": under, "overline": -style.ascent, "line-through": -style.ascent / 3}[line]
            if not span.hidden:
                d = f"M{left:.2f} {y + top:.2f}H{right:.2f}v{thick:.2f}H{left:.2f}Z"
                yield Element(f"{SVG}path", {"d": d, **span.paint})

    def drawn_alike(cluster: PlacedCluster) -> tuple[int, float, float, int]:
        alone = id(cluster) if cluster.stretch != 1 or cluster.letter.turn else 0
        return id(cluster.letter.span), cluster.stretch, cluster.letter.turn, alone

    for (_, stretch, turn, _), group in groupby(placed, key=drawn_alike):
        clusters = list(group)
        span, x, y = clusters[0].letter.span, clusters[0].x, clusters[0].y
        transform = f"translate({x:g} {y:g})" + (f" rotate({turn:g})" if turn else "")
        moved = {"transform": f"{transform} scale({stretch:g} 1)"} if stretch != 1 or turn else {}
        path = "".join(
            glyph.path(0, 0) if moved else glyph.path(cluster.x, cluster.y)
            for cluster in clusters
            for glyph in cluster.shape.glyphs
        )
        if path and not span.hidden:
            yield Element(f"{SVG}path", {"d": path, **span.paint, **moved})
