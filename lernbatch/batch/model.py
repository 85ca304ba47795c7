"""The nouns of batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum, IntEnum, auto
from typing import Any, Literal, Protocol, TypeAlias

from lernbatch.jobs.outbox.telemetry import Origin
from lernbatch.web.caller import Caller

OPEN = "open"
INVITE_ONLY = "invite-only"

LEAVE_ALWAYS = "always"
LEAVE_UNTIL_START = "until-start"
LEAVE_NEVER = "never"

# What a batch may hold, in characters and entries: others copy its texts into courses, mails and reports.
LONGEST_NAME = 500
LONGEST_DESCRIPTION = 10_000
LONGEST_ID = 256
MOST_ORGANISATIONS = 500
MOST_MENTORS = 500


class BatchStatus(IntEnum):
    """The status of a batch; the numbers are the wire's."""

    UPCOMING = 0
    ONGOING = 1
    ENDED = 2


class EnrolmentState(Enum):
    """Whether a batch takes learners on a given day, as far as its dates say."""

    NOT_BEGUN = auto()
    OPEN = auto()
    CLOSED = auto()  # the last day of enrolment is over
    ENDED = auto()  # the batch is over


class BatchDates(Protocol):
    """The days that a batch lives by, all in its own time zone."""

    @property
    def start_date(self) -> date: ...
    @property
    def end_date(self) -> date | None: ...
    @property
    def enrolment_start_date(self) -> date | None: ...
    @property
    def enrolment_end_date(self) -> date | None: ...


@dataclass(frozen=True, slots=True)
class Batch:
    """A course offered to people between two dates. Days belong to the batch's zone, `end_date` is its last day."""

    batch_id: str
    course_id: str
    course_version: str | None
    name: str
    description: str | None
    enrolment_type: str  # open or invite-only, in the caller's letter case
    created_by: str | None
    created_for: list[str]
    mentors: list[str]
    start_date: date
    end_date: date | None
    enrolment_start_date: date | None
    enrolment_end_date: date | None
    time_zone: str | None
    capacity: int | None
    leave_policy: str | None
    status: int
    templates: Mapping[str, Any]
    created_at: datetime
    updated_at: datetime | None
    revision: int


@dataclass(frozen=True, slots=True)
class NotedChange:
    """A change of a batch. `fields`: name, as the API has it, → before and after; None of those that hold ids."""

    revision: int
    changed_at: datetime
    changed_by: str | None
    fields: Mapping[str, Sequence[str | None] | None]


@dataclass(frozen=True, slots=True)
class ListedBatch:
    """The part of a batch that a course's list shows. `name` and `created_for` are cut to their bounds."""

    batch_id: str
    course_id: str
    name: str
    enrolment_type: str
    created_for: list[str]
    start_date: date
    end_date: date | None
    enrolment_end_date: date | None
    time_zone: str | None


@dataclass(frozen=True, slots=True)
class ChangeRequester:
    """The caller of a change and the origin of the request, for permissions and audits.

    `props`: the names of the fields that the request sets.
    """

    caller: Caller
    origin: Origin
    props: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NewBatch:
    """A batch to be created, its fields and dates checked. Days belong to its own zone."""

    course_id: str
    name: str
    enrolment_type: str
    start_date: date
    end_date: date | None
    enrolment_end_date: date | None
    description: str | None
    created_by: str | None
    created_for: list[str]
    mentors: list[str]
    enrolment_start_date: date | None = None
    time_zone: str | None = None
    capacity: int | None = None
    leave_policy: str | None = None
    templates: Mapping[str, Any] = field(default_factory=dict)
    unknown_property: str | None = None  # a property that the reference's database refuses (C25)


@dataclass(frozen=True, slots=True)
class BatchChange:
    """A change of a batch. None: the date stays as it is; dates cannot be cleared (contract batches §3.2).

    `start_date` None: the request's is no day of the calendar, which is refused later (U17).
    `fields`: values that replace the batch's fields of the same names.
    """

    course_id: str
    batch_id: str
    start_date: date | None
    end_date: date | None
    enrolment_end_date: date | None
    has_participants: bool = False
    fields: Mapping[str, Any] = field(default_factory=dict)
    revisions: frozenset[int] | None = None  # those that If-Match names; None: any


@dataclass(frozen=True, slots=True)
class ParticipantsQuery:
    """A page of a batch's learners: of those enrolled, or of those who left."""

    batch_id: str
    active: bool
    limit: int
    offset: int


@dataclass(frozen=True, slots=True)
class Participants:
    """How many learners there are, and the ids of one page of them, in order."""

    count: int
    user_ids: list[str]


@dataclass(frozen=True, slots=True)
class Situation:
    """What a learner may do in a batch on a given day.

    `last_enrolment_day` None: no last day; `seats_left` None: no capacity, below 0: more learners than seats.
    """

    status: BatchStatus
    enrolment_is_open: bool
    last_enrolment_day: date | None
    may_leave: bool
    seats_left: int | None


Effect: TypeAlias = Literal["progress-ends", "progress-resumes", "may-no-longer-leave", "may-leave-again"]


@dataclass(frozen=True, slots=True)
class Preview:
    """The effects of a change that is not made. `affected`: how many learners notice them; `user_ids`: the first ones.

    `active`: learners in the batch; `unfinished`: those who have not completed it.
    """

    batch_id: str
    before: Situation
    after: Situation
    active: int
    unfinished: int
    effects: tuple[Effect, ...]
    affected: int
    user_ids: list[str]


@dataclass(frozen=True, slots=True)
class Transfer:
    """One person is to replace another. `organisation_ids` None: in batches of any organisation.

    `successor_organisation_ids`: of which the successor must be; None: of those of the batches.
    """

    from_user_id: str
    to_user_id: str
    organisation_ids: list[str] | None
    asked_by: str
    successor_organisation_ids: list[str] | None = None


@dataclass(frozen=True, slots=True)
class ListingsRequest:
    """Courses whose lists of batches are to be published: named ones, those of named batches, or all."""

    everything: bool
    course_ids: list[str]
    batch_ids: list[str]
