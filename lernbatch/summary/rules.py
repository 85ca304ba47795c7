"""The rules of summaries: how figures add up, and which may be shown to anybody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from lernbatch.summary.model import Figure


def added_up(figures: Iterable[Figure]) -> tuple[Figure, ...]:
    """One figure a kind and place."""
    counts: Counter[tuple[str, str | None, str | None]] = Counter()
    for figure in figures:
        counts[figure.kind, figure.state, figure.district] += figure.count
    return tuple(Figure(*key, count) for key, count in counts.items())


def without_small_groups(figures: Iterable[Figure], least: int) -> tuple[Figure, ...]:
    """`figures`, without the names of places with fewer than `least` learners: those count where no place is known.

    The only learner of a district is a person, not a figure.
    """
    return added_up(
        Figure(figure.kind, None, None, figure.count) if figure.count < least else figure for figure in figures
    )
