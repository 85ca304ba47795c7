"""In which order text is drawn: the bidirectional algorithm (UAX #9) without its explicit marks.

Names, titles and dates need no more: strong letters, numbers, and what stands between them.
"""

from __future__ import annotations

import unicodedata

LEFT, RIGHT = 0, 1
_MARKS = frozenset(("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI", "BN"))


def base_direction(text: str) -> int:
    """The direction of the first letter that has one; left to right when none has."""
    for character in text:
        kind = unicodedata.bidirectional(character)
        if kind == "L":
            return LEFT
        if kind in ("R", "AL"):
            return RIGHT
    return LEFT


def visual_runs(text: str, base: int | None = None) -> list[tuple[str, int, int]]:
    """`text` cut into runs of one direction, in the order in which they are drawn from left to right.

    A run is its characters in logical order (the shaper turns those that go right to left), its direction, and where
    in `text` it begins. `base`: the direction of the line; None: that of its first letter.
    """
    base = base_direction(text) if base is None else base
    if base == LEFT and all(unicodedata.bidirectional(c) not in ("R", "AL", "AN") for c in text):
        return [(text, LEFT, 0)] if text else []
    levels = _levels(_resolved([unicodedata.bidirectional(c) for c in text], base), base)
    runs: list[tuple[str, int, int]] = []
    for start, (character, level) in enumerate(zip(text, levels, strict=True)):
        if runs and runs[-1][1] == level:
            runs[-1] = (runs[-1][0] + character, level, runs[-1][2])
        else:
            runs.append((character, level, start))
    for level in range(max(levels), 0, -1):  # L2: turn every stretch at this level or above
        runs = _turned(runs, level)
    return [(run, level % 2, start) for run, level, start in runs]


def _turned(runs: list[tuple[str, int, int]], level: int) -> list[tuple[str, int, int]]:
    out: list[tuple[str, int, int]] = []
    stretch: list[tuple[str, int, int]] = []
    for run in runs:
        if run[1] >= level:
            stretch.append(run)
        else:
            out += [*reversed(stretch), run]
            stretch = []
    return out + stretch[::-1]


def _resolved(kinds: list[str], base: int) -> list[str]:
    """Rules W1 to W7, N1 and N2: every character becomes L, R, EN or AN."""
    strong = "R" if base else "L"
    before, last_strong, out = strong, strong, []
    for kind in kinds:
        if kind == "NSM" or kind in _MARKS:
            kind = before
        if kind in ("L", "R", "AL"):
            last_strong = kind
        if kind == "EN" and last_strong == "AL":
            kind = "AN"
        before = kind
        out.append("R" if kind == "AL" else kind)
    _join_numbers(out)
    last_strong = strong
    for index, kind in enumerate(out):
        if kind in ("L", "R"):
            last_strong = kind
        elif kind == "EN" and last_strong == "L":
            out[index] = "L"
    return _without_neutrals(out, strong)


def _join_numbers(kinds: list[str]) -> None:
    """W4 to W6: a separator between two numbers and a sign beside one belong to the number."""
    for index in range(1, len(kinds) - 1):
        around = {kinds[index - 1], kinds[index + 1]}
        if (kinds[index] in ("CS", "ES") and around == {"EN"}) or (kinds[index] == "CS" and around == {"AN"}):
            kinds[index] = kinds[index - 1]
    for index, kind in enumerate(kinds):
        if kind == "ET" and "EN" in kinds[max(index - 1, 0) : index + 2]:
            kinds[index] = "EN"


def _without_neutrals(kinds: list[str], strong: str) -> list[str]:
    out, start = list(kinds), 0
    while start < len(out):
        if out[start] in ("L", "R", "EN", "AN"):
            start += 1
            continue
        end = start
        while end < len(out) and out[end] not in ("L", "R", "EN", "AN"):
            end += 1
        left = _side(out[start - 1]) if start else strong
        right = _side(out[end]) if end < len(out) else strong
        out[start:end] = [left if left == right else strong] * (end - start)
        start = end
    return out


def _side(kind: str) -> str:
    return "L" if kind == "L" else "R"


def _levels(kinds: list[str], base: int) -> list[int]:
    if base == LEFT:
        return [{"L": 0, "R": 1}.get(kind, 2) for kind in kinds]
    return [1 if kind == "R" else 2 for kind in kinds]
