"""The nouns of figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from enum import IntEnum
from typing import Any, Literal, TypeAlias

from lernbatch.course.model import Course, LeafNode, Unit
from lernbatch.template.model import Template


class Standing(IntEnum):
    """Where a learner stands in a batch, as seen by who helps; each learner has one. The numbers are stored."""

    LEFT = 0
    NEVER_STARTED = 1
    ON_PACE = 2
    BEHIND = 3  # will not finish in time at the own pace
    SLIPPING = 4  # not seen for a week
    STOPPED = 5  # not seen for two
    ONE_STEP = 6  # one content or one score short of a certificate
    NO_ATTEMPT_LEFT = 7
    COMPLETED = 8
    CERTIFIED = 9


class Reached(IntEnum):
    """How far a learner came; who reached one has reached all before it. The numbers are stored."""

    ENROLLED = 0
    STARTED = 1
    HALF = 2
    COMPLETED = 3
    PASSED = 4  # completed, with the scores that a certificate asks for
    CERTIFIED = 5


Sort: TypeAlias = Literal["need", "progress", "seen", "best", "joined"]  # need: who needs help first


@dataclass(frozen=True, slots=True)
class MeasuredUnit:
    """A unit of the first level, and the contents in it that count."""

    unit: Unit
    required_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class Measure:
    """What the learners of a batch are measured by. `digest`: changes whenever figures must be counted anew.

    `begins_at` and `ends_at`: of the batch, None: it does not end.
    """

    batch_id: str
    course: Course
    units: tuple[MeasuredUnit, ...]
    templates: tuple[Template, ...]
    assessments: Mapping[str, LeafNode]
    begins_at: datetime
    ends_at: datetime | None
    zone: tzinfo
    digest: int


@dataclass(frozen=True, slots=True)
class CertificatePath:
    """What lies between a learner and one certificate.

    `steps`: contents to be completed, or to be scored better in. `is_passed`: the scores are as asked. `is_closed`: no
    attempt is left that could help.
    """

    steps: frozenset[str]
    is_passed: bool
    is_closed: bool


@dataclass(frozen=True, slots=True)
class CountedEnrolment:
    """An enrolment whose figures are to be counted; `states` and `scores` are JSON."""

    user_id: str
    batch_id: str
    revision: int
    active: bool
    added_how: str
    enrolled_at: datetime
    status: int
    percentage: int
    completed_at: datetime | None
    last_access_at: datetime | None
    updated_at: datetime
    states: str
    scores: str
    certificates: int


@dataclass(frozen=True, slots=True)
class LearnerFigures:
    """One learner in one batch, counted.

    `standing_until`: when time alone changes the standing; None: it does not. `unit`: the first of the units that is
    not finished, from 1; 0: none. `units`: of each unit how many percent of what counts are completed. `best`: percent
    of the best score that counts, None: there is none; `attempts`: at that content. `step`: the content that is
    lacking to somebody who is one step, or one attempt, from a certificate.
    """

    user_id: str
    batch_id: str
    revision: int
    active: bool
    certificates: int
    measure: int
    standing: int
    standing_until: datetime | None
    need: int
    reached: int
    percentage: int
    unit: int
    units: Sequence[int]
    best: int | None
    attempts: int
    step: str | None
    enrolled_at: datetime
    seen_at: datetime | None
    completed_at: datetime | None
    added_how: str


@dataclass(frozen=True, slots=True)
class BatchFigures:
    """The counts of a batch at `counted_at`; None: it has not been counted yet, and nothing else is told.

    `reached`: how many reached each `Reached`, `standings`: how many have each `Standing`, `units`: how many finished
    each unit. `active`: seen within seven days. `days`: day, enrolled, completed, certified on it; the newest ones.
    `picture`: of equal parts of the learners, who came farthest first, the mean percent of each of the first units.
    """

    batch_id: str
    counted_at: datetime | None = None
    enrolled: int = 0
    certified: int = 0
    active: int = 0
    reached: Sequence[int] = ()
    standings: Sequence[int] = ()
    units: Sequence[int] = ()
    days: Sequence[tuple[date, int, int, int]] = ()
    picture: Sequence[Sequence[int]] = ()


@dataclass(frozen=True, slots=True)
class BatchCounts:
    """Two of the figures of a batch that was counted, for a list of batches."""

    batch_id: str
    active: int
    certified: int


@dataclass(frozen=True, slots=True)
class CertificateGroup:
    """So many of those who completed a batch. `state`: issued, being-issued, held (tried again), failed (given up),
    revoked, suspended or not-earned; `reason`: why it is held or failed; `due_at`: of the oldest that is being issued.
    """

    state: str
    reason: str | None
    learners: int
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class CountedBatch:
    """The counts of a batch with the names of its units."""

    figures: BatchFigures
    units: Sequence[Unit]


@dataclass(frozen=True, slots=True)
class Position:
    """A place in an order: the two keys of the row, and who it is."""

    first: float
    second: float
    user_id: str


@dataclass(frozen=True, slots=True)
class LearnersFilter:
    """Which learners; all that are given must hold. Nothing given: everybody who is in the batch.

    `unit`: where those who stopped did, from 1; `reached` and `not_reached`: who came so far and no further;
    `finished_unit`, `unfinished_unit`: from 1; `seen_from`, `seen_before`, `added_how`, `added_by`, places as words.
    `name`: the beginnings of words of the name, or the id; `from_rank`, `to_rank`: places, from 1, in the order of who
    came farthest.
    """

    standings: Sequence[Standing] | None = None
    unit: int | None = None
    reached: Reached | None = None
    not_reached: Reached | None = None
    certified: bool | None = None
    finished_unit: int | None = None
    unfinished_unit: int | None = None
    seen_from: datetime | None = None
    seen_before: datetime | None = None
    added_how: str | None = None
    added_by: str | None = None
    state: str | None = None
    district: str | None = None
    block: str | None = None
    school_id: str | None = None
    organisation_id: str | None = None
    user_ids: Sequence[str] | None = None
    name: str | None = None
    from_rank: int | None = None
    to_rank: int | None = None


@dataclass(frozen=True, slots=True)
class LearnersQuery:
    """A page of the learners of a batch. `after` None: the first."""

    batch_id: str
    filters: LearnersFilter
    sort: Sort
    descending: bool
    limit: int
    after: Position | None = None


@dataclass(frozen=True, slots=True)
class LearnerRow:
    """A row of the table of learners, with its place in the order that was asked for."""

    user_id: str
    standing: int
    need: int
    reached: int
    percentage: int
    unit: int
    units: Sequence[int]
    best: int | None
    attempts: int
    step: str | None
    enrolled_at: datetime
    seen_at: datetime | None
    completed_at: datetime | None
    added_how: str
    first_key: float
    second_key: float


@dataclass(frozen=True, slots=True)
class LearnersPage:
    """A page of learners. `total`: of all pages; `figures`: of the whole batch; `next` None: the last page.

    `names_are_known`: all learners of the batch can be found by their names; the rest will be in a minute.
    """

    rows: Sequence[LearnerRow]
    total: int
    next: Position | None
    figures: BatchFigures
    measure: Measure
    names_are_known: bool


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence as data: which one, and what stands in it. Texts are made of it by who shows it."""

    key: str
    values: Mapping[str, Any]
