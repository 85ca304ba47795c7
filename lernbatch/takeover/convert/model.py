"""The nouns of the conversion: a source row by itself, what a learner's rows make together, and problems."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from enum import StrEnum
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

import msgspec

from lernbatch.progress.attempts.model import Score
from lernbatch.progress.model import ContentState, States
from lernbatch.sunbird_source.catalog import ARCHIVE

# A problem of one row, before it is known whether the row is held: kind, and what is said of it.
Note: TypeAlias = tuple[str, dict[str, Any]]

# Kinds of which the source's row is kept in quarantine, and is not in the target (contract migration §5).
HELD = (
    "row-unreadable",
    "batch-id-twice",
    "batch-without-start",
    "enrolment-without-batch",
    "enrolment-other-course",
    "state-without-batch",
    "state-other-course",
    "certificate-related-unreadable",
)
# Kinds by which the target says otherwise than the source.
CHANGED = (
    "batch-day-by-zone",
    "batch-dates-reversed",
    "batch-field-missing",
    "enrolment-date-missing",
    "enrolment-ghost",
    "user-id-prefixed",
    "state-without-enrolment",
    "attempt-without-enrolment",
    "state-only-in-map",
    "state-value-clamped",
    "state-date-unreadable",
    "older-row-ahead",
    "completed-without-date",
    "completed-date-without-status",
    "completion-found",
    "attempt-without-date",
    "attempt-score-from-text",
    "score-from-details",
    "score-without-attempt",
    "certificate-entry-missing",
    "certificate-entry-twice",
    "text-nul",
)
# Kinds that change nothing.
INFO = (
    "column-unknown",
    "batch-date-from-text",
    "batch-status-stale",
    "batch-course-unknown",
    "template-unreadable",
    "enrolment-date-from-text",
    "dates-disagree",
    "older-only-row",
    "state-outside-course",
    "details-unreadable",
    "progress-differs",
    "aggregate-differs",
    "completion-unproven",
    "attempt-total-differs",
    "attempt-from-archive",
    "score-differs",
    "score-rounded",
    "certificate-record-missing",
    "certificate-legacy-only",
    "certificate-revoked-but-listed",
    "certificate-id-twice",
    "bulk-open",
    "exhaust-open",
    "batch-only-in-index",
)
# Kinds that only a course's tree can tell.
OF_COURSES = ("batch-course-unknown", "completion-found", "completion-unproven", "progress-differs",
              "aggregate-differs", "state-outside-course")  # fmt: skip


WEIGHTS = {"held": HELD, "changed": CHANGED, "info": INFO}


def weight(kind: str) -> str:
    """held, changed or info."""
    return next(name for name, kinds in WEIGHTS.items() if kind in kinds)


# Batch id → its course, of the batches that will be in the target; None: rows of two courses want the id.
BatchCourses: TypeAlias = Mapping[str, str | None]
TOLERANCE = 0.005  # of sums of marks: stored ones were rounded now and then


class Fate(StrEnum):
    """What became of a source row: exactly one of these (M15)."""

    TAKEN = "taken"
    JOINED = "joined"
    DERIVED = "derived"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class ConvertOptions:
    """What a conversion depends on beside the rows. `zone`: whose days batches live in; `job_zone`: of the jobs that
    wrote times as words; `provider_id`: of the federation, without which user ids have no prefix; `renames`: (course,
    batch) → the id under which a batch that is there twice comes in.
    """

    zone: ZoneInfo
    today: date
    provider_id: str = ""
    job_zone: tzinfo = UTC
    renames: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def plain_id(self, user_id: str) -> str:
        """The id of a learner without the federation's prefix."""
        return user_id.removeprefix(f"f:{self.provider_id}:") if self.provider_id else user_id

    def batch_id(self, course_id: str, batch_id: str) -> str:
        return self.renames.get((course_id, batch_id), batch_id)


class MoveProblem(msgspec.Struct, frozen=True):
    """Something odd. `kind`: of migration §5; `key`: of what it is about; `said`: what was, what is."""

    kind: str
    key: tuple[str, ...]
    said: dict[str, Any] = {}


class HeldRow(msgspec.Struct, frozen=True):
    """A source row that is not in the target, verbatim. `kind`: why."""

    kind: str
    table: str
    key: tuple[str, ...]
    values: Any


@dataclass(frozen=True, slots=True)
class ConvertedBatch:
    """A batch of the target; the columns that the source does not have are null."""

    batch_id: str
    course_id: str
    name: str
    description: str | None
    enrolment_type: str
    created_by: str | None
    created_for: list[str]
    mentors: list[str]
    start_date: date
    end_date: date | None
    enrolment_end_date: date | None
    status: int
    templates: dict[str, dict[str, Any]]
    created_at: datetime
    updated_at: datetime | None


@dataclass(frozen=True, slots=True)
class BatchFacts:
    """What the rows of learners need of their batch."""

    batch_id: str
    course_id: str
    start_date: date
    templates: Mapping[str, Mapping[str, Any]]


class StagedState(msgspec.Struct, array_like=True, gc=False):
    """A row of user_content_consumption, or of content_consumption (`older`), by itself. `raw`: the row, if it is to
    be held. A state's `last_updated_ms` of 0: nobody said when.
    """

    batch_id: str
    course_id: str
    content_id: str
    spelled: str  # the learner's id as the row has it
    older: bool
    state: ContentState
    notes: list[Note]
    raw: Any = None


class StagedEnrolment(msgspec.Struct, array_like=True, gc=False):
    """A row of user_enrolments or user_courses (`older`) by itself. Times are epoch milliseconds."""

    batch_id: str
    course_id: str
    spelled: str
    older: bool
    active: bool | None
    added_by: str | None
    enrolled_ms: int | None
    status: int | None
    progress: int | None
    percentage: int | None
    completed_ms: int | None
    written_ms: int | None
    in_map: dict[str, int]
    last_read_content_id: str | None
    last_read_status: int | None
    last_access_ms: int | None
    issued: list[dict[str, str]]
    certificates: list[dict[str, str]]
    notes: list[Note]
    raw: Any = None


class StagedAttempt(msgspec.Struct, array_like=True, gc=False):
    """A row of assessment_aggregator, or of its archive, by itself. `attempted_ms` None: nobody said when."""

    batch_id: str
    course_id: str
    content_id: str
    attempt_id: str
    spelled: str
    archived: bool
    attempted_ms: int | None
    score: float
    max_score: float
    questions: list[dict[str, Any]]
    created_ms: int | None
    updated_ms: int | None
    notes: list[Note]
    raw: Any = None


class StagedAggregate(msgspec.Struct, array_like=True, gc=False):
    """A row of user_activity_agg about a course in a batch. `details`: attempts, as the aggregate lists them."""

    batch_id: str
    course_id: str
    spelled: str
    figures: dict[str, float]
    times_ms: dict[str, int]
    details: list[tuple[str, str, float, float, int | None]]  # content, attempt, score, of, when


class StagedCertificate(msgspec.Struct, array_like=True, gc=False):
    """A record of one of the two registries. `source`: registry (RC) or certreg. `reason`: why it was revoked."""

    certificate_id: str
    batch_id: str
    course_id: str
    source: str
    name: str
    is_active: bool
    reason: str | None
    token: str
    template_url: str
    issued_ms: int | None
    record: dict[str, Any]
    notes: list[Note]


Staged: TypeAlias = StagedState | StagedEnrolment | StagedAttempt | StagedAggregate | StagedCertificate
# The kinds of staged rows, as their table keeps them.
KINDS: dict[str, type[Staged]] = {
    "e": StagedEnrolment,
    "s": StagedState,
    "a": StagedAttempt,
    "g": StagedAggregate,
    "c": StagedCertificate,
}
KIND_OF: dict[type[Staged], str] = {shape: kind for kind, shape in KINDS.items()}


def table_of(row: StagedEnrolment | StagedState | StagedAttempt) -> str:
    """The source's table that has the row."""
    if isinstance(row, StagedEnrolment):
        return "user_courses" if row.older else "user_enrolments"
    if isinstance(row, StagedState):
        return "content_consumption" if row.older else "user_content_consumption"
    return ARCHIVE if row.archived else "assessment_aggregator"


class RowResult(msgspec.Struct):
    """What one source row is: of a learner (`user_id` and `staged`), or nothing to be staged. `fate` None: that is
    known only when all rows of the learner are there.
    """

    user_id: str = ""
    staged: Staged | None = None
    fate: Fate | None = None
    problems: list[MoveProblem] = []
    held: list[HeldRow] = []


class ConvertedEnrolment(msgspec.Struct, frozen=True):
    """A row of `enrolment`. `states`, `scores`: as the columns hold them.

    No dataclass as its neighbours are: a struct is copied with another value in a tenth of the time, which is done a
    few times for every enrolment of a source.
    """

    user_id: str
    batch_id: str
    course_id: str
    active: bool
    added_by: str | None
    added_how: str
    enrolled_at: datetime
    status: int
    progress: int
    percentage: int
    completed_at: datetime | None
    last_read_content_id: str | None
    last_read_content_status: int | None
    last_access_at: datetime | None
    updated_at: datetime
    states: States
    scores: dict[str, Score]
    certificates: list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class ConvertedAttempt:
    """A row of `attempt`."""

    user_id: str
    batch_id: str
    content_id: str
    attempt_id: str
    course_id: str
    attempted_ms: int
    score: float
    max_score: float
    questions: list[dict[str, Any]]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ConvertedCertificate:
    """A row of `imported_certificate`. `record`: verbatim, with the learner's name: it is sealed when it is written."""

    certificate_id: str
    user_id: str
    batch_id: str
    course_id: str
    name: str
    source: str
    status: str
    issued_at: datetime | None
    template_id: str | None
    token: str
    record: dict[str, Any]


@dataclass(slots=True)
class Converted:
    """What rows of learners, or of batches, became. `fates`: (source table, fate) → how many rows."""

    user_ids: list[str] = field(default_factory=list)  # of whom these are all rows
    batches: list[ConvertedBatch] = field(default_factory=list)
    enrolments: list[ConvertedEnrolment] = field(default_factory=list)
    attempts: list[ConvertedAttempt] = field(default_factory=list)
    certificates: list[ConvertedCertificate] = field(default_factory=list)
    problems: list[MoveProblem] = field(default_factory=list)
    held: list[HeldRow] = field(default_factory=list)
    fates: Counter[tuple[str, Fate]] = field(default_factory=Counter)
    zones: Counter[str] = field(default_factory=Counter)  # of batch edges: own zone, UTC, neither
