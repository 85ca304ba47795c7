"""Text as outlines, shaped right for the scripts of India, from the fonts that come with us.

A picture made of outlines looks the same everywhere and needs no font where it is opened.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path

import uharfbuzz as hb

from lernbatch.certificate.drawing import bidi

SERIF_FAMILIES = re.compile(
    r"(?<!sans-)serif|times|georgia|garamond|playfair|merriweather|cinzel|baskerville", re.IGNORECASE
)
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
class Style:
    """How text is set. `size` in the picture's units."""

    size: float = 16
    bold: bool = False
    italic: bool = False
    serif: bool = False
    letter_spacing: float = 0


@dataclass(frozen=True, slots=True)
class Setting:
    """Text as it is drawn from (0, 0) on its baseline: `width` and the `d` of an SVG path at (x, y)."""

    width: float
    glyphs: tuple[tuple[Face, int, float, float, float], ...]  # face, glyph, x, y, scale

    def path(self, x: float, y: float) -> str:
        return "".join(face.outline(glyph, scale, x + left, y + up) for face, glyph, left, up, scale in self.glyphs)


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


class Case:
    """All fonts at hand: ours, and those in a folder of the operator's, which serve characters ours lack."""

    def __init__(self, more: Path | None = None) -> None:
        paths = sorted(path for path in more.iterdir() if path.suffix.lower() in (".ttf", ".otf")) if more else []
        self._more = [Face(path.stem, path.read_bytes()) for path in paths]

    def lacks(self, text: str) -> str:
        """The characters of `text`, each once, that no font can draw."""
        return "".join(
            dict.fromkeys(c for c in text if c not in _INVISIBLE and self._face(c, script_of(c), Style()) is None)
        )

    def set(self, text: str, style: Style) -> Setting:
        """`text` in one line. What no font can draw becomes an empty box."""
        x, glyphs = 0.0, []
        for run, direction in bidi.visual_runs(text):
            pieces = list(self._pieces(run, style))
            for face, script, piece in reversed(pieces) if direction else pieces:
                scale = style.size / face.units
                for glyph, left, up, advance in _shaped(face, script, piece, direction):
                    glyphs.append((face, glyph, x + left * scale, -up * scale, scale))
                    x += advance * scale + (style.letter_spacing if advance else 0)
        return Setting(x, tuple(glyphs))

    def _pieces(self, run: str, style: Style) -> Iterator[tuple[Face, str, str]]:
        """`run` cut where the font changes. Spaces and signs stay with the letters before them if their font can."""
        script, piece, current = "", "", None
        for character in run:
            script = script_of(character) or script
            if current is not None and _stays(character, current):
                face: Face = current
            else:
                face = self._face(character, "" if character.isascii() else script, style) or _ours("", style)
            if current is not None and face is not current:
                yield current, _script_of_face(current), piece
                piece = ""
            current, piece = face, piece + character
        if current is not None:
            yield current, _script_of_face(current), piece

    def _face(self, character: str, script: str, style: Style) -> Face | None:
        candidates = [_ours(script, style), _ours("", style), *self._more]
        return next((face for face in candidates if ord(character) in face.characters), None)


_SCRIPT_OF_FILE = {name: script for script, name in _FILES.items()}


def _script_of_face(face: Face) -> str:
    return _SCRIPT_OF_FILE.get(face.name.partition("-")[0], "Latn")


def _stays(character: str, face: Face) -> bool:
    """Whether a character that has no script of its own is drawn by the font of the letters before it."""
    if character in _INVISIBLE or character == " ":
        return True
    return not character.isascii() and not script_of(character) and ord(character) in face.characters


def script_of(character: str) -> str:
    """The script of a character of ours, as ISO 15924 names it; "" for Latin and for what stands in any script."""
    code = ord(character)
    place = bisect_right(_STARTS, code) - 1
    if place < 0 or code >= _SCRIPTS[place][1]:
        return ""
    return _SCRIPTS[place][2]


def _ours(script: str, style: Style) -> Face:
    if not script:
        if style.serif and style.italic and not style.bold:
            return _load("NotoSerif-Italic")
        return _load(f"Noto{'Serif' if style.serif else 'Sans'}-{'Bold' if style.bold else 'Regular'}")
    weight = "Bold" if style.bold and script != "Arab" else "Regular"
    return _load(f"{_FILES[script]}-{weight}")


@cache
def _load(name: str) -> Face:
    return Face(name, resources.files("lernbatch.certificate.drawing").joinpath(f"fonts/{name}.ttf").read_bytes())


def _shaped(face: Face, script: str, text: str, direction: int) -> Iterator[tuple[int, int, int, int]]:
    """Glyph, its shift right and up, and the advance, in font units, from left to right."""
    buffer = hb.Buffer()
    buffer.add_str(text)
    buffer.direction = "rtl" if direction == bidi.RIGHT else "ltr"
    buffer.script = script
    buffer.language = _LANGUAGES.get(script, "und")
    hb.shape(face.font, buffer)
    for info, position in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
        yield info.codepoint, position.x_offset, position.y_offset, position.x_advance


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
