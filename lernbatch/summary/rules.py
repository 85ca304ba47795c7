"""What is true of summaries: which figures may be told to anybody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from lernbatch.summary.model import Figure


def without_small_groups(figures: Iterable[Figure], least: int) -> tuple[Figure, ...]:
    """`figures`, in which no place with fewer than `least` learners is named: they count where no place is known.

    The only learner of a district is a person, not a figure.
    """
    counts: Counter[tuple[str, str | None, str | None]] = Counter()
    for figure in figures:
        is_small = figure.count < least
        place = (None, None) if is_small else (figure.state, figure.district)
        counts[figure.kind, *place] += figure.count
    return tuple(Figure(*key, count) for key, count in counts.items())
