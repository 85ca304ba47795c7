"""Text as outlines, shaped right for the scripts of India, from the fonts that come with us.

A picture made of outlines looks the same everywhere and needs no font where it is opened.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources
from itertools import groupby
from pathlib import Path
from typing import Any

import uharfbuzz as hb

from lernbatch.drawing import bidi

# Families by what they look like: each is drawn in the nearest of ours, one that is not here as the next of its list.
_SCRIPT_FAMILIES = re.compile(
    r"cursive|script|vibes|allura|alex|pinyon|parisienne|sacramento|satisfy|tangerine|pacifico|lobster|brush|calligr"
    r"|chancery|corsiva|zapfino|handwriting|kaushan|yellowtail|cookie|courgette|italianno|kristi|niconne|herr von",
    re.IGNORECASE,
)
_SERIF_FAMILIES = re.compile(
    r"(?<!sans)(?<!sans[- ])serif|times|georgia|garamond|playfair|merriweather|cinzel|baskerville|bodoni|cambria"
    r"|palatino|bookman|schoolbook|didot|caslon|lora|crimson|cormorant|trajan|minion|spectral|slab|constantia"
    r"|old standard|roman",
    re.IGNORECASE,
)
_SANS_FAMILIES = re.compile(
    r"sans|arial|helvetica|roboto|lato|montserrat|poppins|\binter\b|verdana|tahoma|calibri|segoe|ubuntu|oswald|raleway"
    r"|nunito|mukta|quicksand|rubik|futura|gotham|avenir|gill|myriad|trebuchet|system-ui|monospace|courier|mono\b",
    re.IGNORECASE,
)
_KINDS = {"sans": "Noto Sans", "serif": "Noto Serif", "script": "Dancing Script"}
# Where each script's characters begin and end, and its font. Everything else is Latin, or stands in any script.
_SCRIPTS: tuple[tuple[int, int, str], ...] = (
    (0x0600, 0x0700, "Arab"),
    (0x0750, 0x0780, "Arab"),
    (0x0900, 0x0964, "Deva"),
    (0x0966, 0x0980, "Deva"),
    (0x0980, 0x0A00, "Beng"),
    (0x0A00, 0x0A80, "Guru"),
    (0x0A80, 0x0B00, "Gujr"),
    (0x0B00, 0x0B80, "Orya"),
    (0x0B80, 0x0C00, "Taml"),
    (0x0C00, 0x0C80, "Telu"),
    (0x0C80, 0x0D00, "Knda"),
    (0x0D00, 0x0D80, "Mlym"),
    (0x1CD0, 0x1D00, "Deva"),
    (0xA8E0, 0xA900, "Deva"),
    (0xFB50, 0xFE00, "Arab"),
    (0xFE70, 0xFF00, "Arab"),
)
_STARTS = [start for start, _, _ in _SCRIPTS]
_FILES = {
    "Deva": "NotoSansDevanagari",
    "Beng": "NotoSansBengali",
    "Guru": "NotoSansGurmukhi",
    "Gujr": "NotoSansGujarati",
    "Orya": "NotoSansOriya",
    "Taml": "NotoSansTamil",
    "Telu": "NotoSansTelugu",
    "Knda": "NotoSansKannada",
    "Mlym": "NotoSansMalayalam",
    "Arab": "NotoNastaliqUrdu",
}
_LANGUAGES = {"Arab": "ur"}
_JOINERS = "\u200c\u200d"
_INVISIBLE = frozenset("\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u00ad\n\t\r")


@dataclass(frozen=True, slots=True)
class TextStyle:
    """How text is set. `size` in the picture's units."""

    size: float = 16
    bold: bool = False
    italic: bool = False
    kind: str = "sans"  # or serif, or script
    letter_spacing: float = 0
    word_spacing: float = 0
    small_capitals: bool = False

    @property
    def family(self) -> str:
        """The font of ours."""
        return _KINDS[self.kind]

    @property
    def ex(self) -> float:
        return self._metric(hb.OTMetricsTag.X_HEIGHT)

    @property
    def ch(self) -> float:
        face = _ours("", self)
        return float(face.font.get_glyph_h_advance(face.font.get_nominal_glyph(ord("0"))) * self.size / face.units)

    @property
    def ascent(self) -> float:
        return self._metric(hb.OTMetricsTag.HORIZONTAL_ASCENDER)

    @property
    def descent(self) -> float:
        return -self._metric(hb.OTMetricsTag.HORIZONTAL_DESCENDER)

    def _metric(self, tag: Any) -> float:
        face = _ours("", self)
        return float(face.font.get_metric_position_with_fallback(tag) * self.size / face.units)


@dataclass(frozen=True, slots=True)
class Glyph:
    """A letter's shape, from the pen's place; `scale` in the picture's units for one of the font's."""

    face: Face
    number: int
    x: float
    y: float
    scale: float

    def path(self, x: float, y: float) -> str:
        return self.face.outline(self.number, self.scale, x + self.x, y + self.y)


@dataclass(frozen=True, slots=True)
class GlyphCluster:
    """Letters that are shaped together: where they begin in their text, and how far the pen goes."""

    start: int
    advance: float
    glyphs: tuple[Glyph, ...]


def nearest(families: str) -> tuple[str, str]:
    """What kind of ours a list of families is drawn in, and the family that it stands for; "" where that is ours."""
    names = [name.strip(" '\"\t\r\n") for name in families.split(",")]
    names = [name for name in names if name]
    kind = next(filter(None, map(kind_of, names)), "sans")
    first = names[0] if names else ""
    ours = first.lower().startswith(("noto ", "dancing script", "inherit")) or first.lower() in _GENERIC
    return kind, "" if ours else first


_GENERIC = frozenset(("", "serif", "sans-serif", "cursive", "system-ui", "ui-serif", "ui-sans-serif"))


def kind_of(family: str) -> str | None:
    """The kind of a font family: serif, sans or script; None for one that nobody knows."""
    if _SERIF_FAMILIES.search(family):
        return "serif"
    if _SANS_FAMILIES.search(family):
        return "sans"
    return "script" if _SCRIPT_FAMILIES.search(family) or family.lower() == "dancing script" else None


@dataclass(eq=False)
class Face:
    """One font file."""

    name: str
    data: bytes = field(repr=False)

    def __post_init__(self) -> None:
        self._face = hb.Face(hb.Blob(self.data))
        self.font = hb.Font(self._face)
        self.units: int = self._face.upem
        self.characters = frozenset(self._face.unicodes)
        self._outlines: dict[int, tuple[tuple[str, tuple[float, ...]], ...]] = {}

    def outline(self, glyph: int, scale: float, x: float, y: float) -> str:
        """The glyph as SVG path commands at (x, y); the picture's y grows downwards, the font's upwards."""
        if glyph not in self._outlines:
            pen = _Pen()
            self.font.draw_glyph_with_pen(glyph, pen)
            self._outlines[glyph] = tuple(pen.commands)
        return "".join(
            letter
            + " ".join(
                _number(x + value * scale) if index % 2 == 0 else _number(y - value * scale)
                for index, value in enumerate(points)
            )
            for letter, points in self._outlines[glyph]
        )


class _Pen:
    """Notes what a font's outline is made of."""

    def __init__(self) -> None:
        self.commands: list[tuple[str, tuple[float, ...]]] = []

    def moveTo(self, point: tuple[float, float]) -> None:  # noqa: N802 - the pen protocol's names
        self.commands.append(("M", point))

    def lineTo(self, point: tuple[float, float]) -> None:  # noqa: N802
        self.commands.append(("L", point))

    def qCurveTo(self, *points: tuple[float, float]) -> None:  # noqa: N802
        self.commands.append(("Q", tuple(value for point in points for value in point)))

    def curveTo(self, *points: tuple[float, float]) -> None:  # noqa: N802
        self.commands.append(("C", tuple(value for point in points for value in point)))

    def closePath(self) -> None:  # noqa: N802
        self.commands.append(("Z", ()))

    def endPath(self) -> None:  # noqa: N802
        return


class FontSet:
    """All fonts: ours, and those in a folder of the operator's, which serve characters ours lack."""

    def __init__(self, more: Path | None = None) -> None:
        paths = sorted(path for path in more.iterdir() if path.suffix.lower() in (".ttf", ".otf")) if more else []
        self._more = [Face(path.stem, path.read_bytes()) for path in paths]

    def lacks(self, text: str) -> str:
        """The characters of `text`, each once, that no font can draw."""
        return "".join(
            dict.fromkeys(c for c in text if c not in _INVISIBLE and self._face(c, script_of(c), TextStyle()) is None)
        )

    def clusters(self, text: str, style: TextStyle, base: int | None = None) -> list[GlyphCluster]:
        """`text` in one line, from left to right. What no font can draw becomes an empty box. `base`: as in bidi."""
        clusters = []
        for run, direction, run_start in bidi.visual_runs(text, base):
            pieces = list(self._pieces(run, run_start, style))
            for face, script, piece, start in reversed(pieces) if direction else pieces:
                scale = style.size / face.units
                shaped = shape(face, script, piece, direction, style)
                for first, glyphs in groupby(shaped, key=lambda glyph: glyph[0]):
                    x, placed = 0.0, []
                    for _, glyph, left, up, advance in glyphs:
                        placed.append(Glyph(face, glyph, x + left * scale, -up * scale, scale))
                        x += advance * scale
                    if x:
                        x += style.letter_spacing + (style.word_spacing if piece[first] in " \u00a0" else 0)
                    clusters.append(GlyphCluster(start + first, x, tuple(placed)))
        return clusters

    def _pieces(self, run: str, start: int, style: TextStyle) -> Iterator[tuple[Face, str, str, int]]:
        """`run` cut where the font changes. Spaces and signs stay with the letters before them if their font can."""
        script, piece, current = "", "", None
        for character in run:
            script = script_of(character) or script
            face = None
            if current is not None:
                # What has no script of its own is drawn by the font of the letters before it, if that can.
                is_sign = not character.isascii() and not script_of(character)
                is_drawn = is_sign and ord(character) in current.characters
                face = current if character in _INVISIBLE or character == " " or is_drawn else None
            if face is None:
                face = self._face(character, "" if character.isascii() else script, style) or _ours("", style)
            if current is not None and face is not current:
                yield current, _script_of_face(current), piece, start
                start, piece = start + len(piece), ""
            current, piece = face, piece + character
        if current is not None:
            yield current, _script_of_face(current), piece, start

    def _face(self, character: str, script: str, style: TextStyle) -> Face | None:
        # A script font has few letters; what it lacks is drawn in italics rather than upright among its own.
        beside = _ours("", replace(style, kind="serif", italic=True)) if style.kind == "script" else _ours("", style)
        candidates = [_ours(script, style), _ours("", style), beside, *self._more]
        return next((face for face in candidates if ord(character) in face.characters), None)


_SCRIPT_OF_FILE = {name: script for script, name in _FILES.items()}


def _script_of_face(face: Face) -> str:
    return _SCRIPT_OF_FILE.get(face.name.partition("-")[0], "Latn")


def script_of(character: str) -> str:
    """The script of a character of ours, as ISO 15924 names it; "" for Latin and for what stands in any script."""
    code = ord(character)
    place = bisect_right(_STARTS, code) - 1
    if place < 0 or code >= _SCRIPTS[place][1]:
        return ""
    return _SCRIPTS[place][2]


def _ours(script: str, style: TextStyle) -> Face:
    if not script:
        look = ("Bold" if style.bold else "") + ("Italic" if style.italic and style.kind != "script" else "")
        return _load(f"{style.family.replace(' ', '')}-{look or 'Regular'}")
    weight = "Bold" if style.bold and script != "Arab" else "Regular"
    return _load(f"{_FILES[script]}-{weight}")


@cache
def _load(name: str) -> Face:
    kind = "otf" if name.startswith("DancingScript") else "ttf"
    return Face(name, resources.files("lernbatch.drawing").joinpath(f"fonts/{name}.{kind}").read_bytes())


def shape(
    face: Face, script: str, text: str, direction: int, style: TextStyle
) -> Iterator[tuple[int, int, int, int, int]]:
    """The glyphs of a text in one font and script, from left to right. `direction`: as in bidi.

    Of each: its place in the text, its number in the font, its shift right and up, and the advance, in font units.
    """
    buffer = hb.Buffer()
    buffer.add_codepoints([ord(character) for character in text])
    buffer.direction = "rtl" if direction == bidi.RIGHT else "ltr"
    buffer.script = script
    buffer.language = _LANGUAGES.get(script, "und")
    features = {"smcp": True} if style.small_capitals else {}
    if style.letter_spacing and script == "Latn":  # spaced letters are not joined
        features |= {"liga": False, "clig": False}
    hb.shape(face.font, buffer, features)
    for info, position in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
        yield info.cluster, info.codepoint, position.x_offset, position.y_offset, position.x_advance


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
