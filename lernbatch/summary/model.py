"""The nouns of summaries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class SummaryQuery:
    """Which figures of a batch. `days` None: of all time, else of the last so many days and today."""

    course_id: str
    batch_id: str
    by_state: bool
    by_district: bool
    is_grouped: bool
    days: int | None


@dataclass(frozen=True, slots=True)
class Figure:
    """How many learners did one thing; `state` and `district` None: not asked for, or not known."""

    kind: str  # enrolment, certificate-issued
    state: str | None
    district: str | None
    count: int


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of a batch as of `at`. `unplaced`: kind → how many of them have a place that is not known yet."""

    query: SummaryQuery
    figures: tuple[Figure, ...]
    unplaced: Mapping[str, int]
    at: datetime
