"""The nouns of a search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from lernbatch.batch.model import Batch

Scalar: TypeAlias = str | int | float | bool


class FieldKind(StrEnum):
    """How a field's values compare."""

    TEXT = "text"  # whole, in any letter case
    TEXTS = "texts"  # a list of texts: any of them
    NUMBER = "number"
    DAY = "day"
    MOMENT = "moment"  # a day with a time


@dataclass(frozen=True, slots=True)
class OneOf:
    """The field has one of the values."""

    field: str
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The field is before or after a value; `operator` is one of < <= > >=."""

    field: str
    operator: str
    value: Scalar


@dataclass(frozen=True, slots=True)
class Affix:
    """The field starts (or ends) with a text."""

    field: str
    text: str
    at_end: bool


@dataclass(frozen=True, slots=True)
class Exists:
    """The field has a value, or none."""

    field: str
    has_value: bool


@dataclass(frozen=True, slots=True)
class Word:
    """A text that must occur in one of the fields (None: of all), or in none of them."""

    text: str
    fields: tuple[str, ...] | None
    must_occur: bool


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of the conditions holds."""

    conditions: tuple[Condition, ...]


Condition: TypeAlias = OneOf | Comparison | Affix | Exists | Word | AnyOf


@dataclass(frozen=True, slots=True)
class SortKey:
    field: str
    descending: bool


@dataclass(frozen=True, slots=True)
class Facet:
    """How many batches there are for each value of a field; `by_day`: for each day."""

    field: str
    by_day: bool


@dataclass(frozen=True, slots=True)
class Cursor:
    """The end of the page before: its last batch, and that batch's values of the sort keys, as PostgreSQL spells them.

    `batch_id` None: the first page.
    """

    values: tuple[str | None, ...] = ()
    batch_id: str | None = None


@dataclass(frozen=True, slots=True)
class BatchSearch:
    """A search. All conditions hold; `fields` None: whole documents; `cursor` None: pages by offset."""

    conditions: tuple[Condition, ...]
    sort: tuple[SortKey, ...]
    limit: int
    offset: int
    fields: tuple[str, ...] | None
    facets: tuple[Facet, ...]
    cursor: Cursor | None
    with_creators: bool
    with_participants: bool


@dataclass(frozen=True, slots=True)
class FacetValues:
    """A facet's most frequent values, each with the number of batches."""

    field: str
    values: Sequence[tuple[str | int, int]]


@dataclass(frozen=True, slots=True)
class Creator:
    """The name of a batch's creator."""

    first_name: str
    last_name: str


@dataclass(frozen=True, slots=True)
class LearnerCounts:
    """Active learners of a batch, and how many of them have completed it."""

    participants: int
    completed: int


@dataclass(frozen=True, slots=True)
class SearchResult:
    """How many batches match, and one page of them.

    `managed`: ids of the batches of the page that the caller manages. `creators`: by user id; `participants` and
    `learner_counts`: by batch id; empty where the search does not name them.
    """

    count: int
    batches: Sequence[Batch]
    facets: Sequence[FacetValues]
    next_cursor: Cursor | None
    creators: Mapping[str, Creator]
    managed: frozenset[str]
    participants: Mapping[str, list[str]]
    learner_counts: Mapping[str, LearnerCounts]
