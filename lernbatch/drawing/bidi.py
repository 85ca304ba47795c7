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
    kinds = resolved_kinds([unicodedata.bidirectional(c) for c in text], base)
    if base == LEFT:  # I1 and I2
        levels = [{"L": 0, "R": 1}.get(kind, 2) for kind in kinds]
    else:
        levels = [1 if kind == "R" else 2 for kind in kinds]
    runs: list[tuple[str, int, int]] = []
    for start, (character, level) in enumerate(zip(text, levels, strict=True)):
        if runs and runs[-1][1] == level:
            runs[-1] = (runs[-1][0] + character, level, runs[-1][2])
        else:
            runs.append((character, level, start))
    for level in range(max(levels), 0, -1):
        runs = reversed_stretches(runs, level)
    return [(run, level % 2, start) for run, level, start in runs]


def reversed_stretches(runs: list[tuple[str, int, int]], level: int) -> list[tuple[str, int, int]]:
    """L2: the runs with every stretch of those at `level` or above in reverse order."""
    out: list[tuple[str, int, int]] = []
    stretch: list[tuple[str, int, int]] = []
    for run in runs:
        if run[1] >= level:
            stretch.append(run)
        else:
            out += [*reversed(stretch), run]
            stretch = []
    return out + stretch[::-1]


def resolved_kinds(kinds: list[str], base: int) -> list[str]:
    """The kind of every character by the rules W1 to W7, N1 and N2: L, R, EN or AN. `kinds`: as Unicode has them."""
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
    join_numbers(out)
    last_strong = strong
    for index, kind in enumerate(out):
        if kind in ("L", "R"):
            last_strong = kind
        elif kind == "EN" and last_strong == "L":
            out[index] = "L"
    resolve_neutrals(out, strong)
    return out


def join_numbers(kinds: list[str]) -> None:
    """W4 to W6, in place: a separator between two numbers and a sign beside one belong to the number."""
    for index in range(1, len(kinds) - 1):
        around = {kinds[index - 1], kinds[index + 1]}
        if (kinds[index] in ("CS", "ES") and around == {"EN"}) or (kinds[index] == "CS" and around == {"AN"}):
            kinds[index] = kinds[index - 1]
    for index, kind in enumerate(kinds):
        if kind == "ET" and "EN" in kinds[max(index - 1, 0) : index + 2]:
            kinds[index] = "EN"


def resolve_neutrals(kinds: list[str], strong: str) -> None:
    """N1 and N2, in place: what stands between two letters of one direction has it too, and else the line's."""
    start = 0
    while start < len(kinds):
        if kinds[start] in ("L", "R", "EN", "AN"):
            start += 1
            continue
        end = start
        while end < len(kinds) and kinds[end] not in ("L", "R", "EN", "AN"):
            end += 1
        left = _side(kinds[start - 1]) if start else strong
        right = _side(kinds[end]) if end < len(kinds) else strong
        kinds[start:end] = [left if left == right else strong] * (end - start)
        start = end


def _side(kind: str) -> str:
    return "L" if kind == "L" else "R"
