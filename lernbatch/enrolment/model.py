"""The nouns of enrolment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import IntEnum, StrEnum
from typing import Any, TypeAlias

import msgspec

from lernbatch.jobs.outbox.telemetry import Origin

EnrolmentKey: TypeAlias = tuple[str, str]  # learner and batch: what an enrolment is known by
Cursor: TypeAlias = tuple[datetime, str]  # when somebody enrolled, and the batch: where a page of enrolments ended


class _Status(msgspec.Struct, array_like=True, gc=False):
    """Of a content's state its first field alone: the others are passed over (progress.model.ContentState)."""

    status: int


STATUSES = msgspec.json.Decoder(dict[str, _Status])  # of the JSON of an enrolment's states


def completed_ids(states: str) -> list[str]:
    """The contents that a learner has completed, of the JSON of the enrolment's states."""
    return [content_id for content_id, state in STATUSES.decode(states).items() if state.status == Progress.COMPLETED]


class Progress(IntEnum):
    """How far a learner is in a batch; the numbers are the wire's."""

    NOT_STARTED = 0
    STARTED = 1
    COMPLETED = 2


class EnrolmentSource(StrEnum):
    """How a learner was enrolled. A bulk file never removes someone added by hand."""

    SELF = "self"
    HAND = "hand"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class EnrolmentRequest:
    """A request to enrol a learner, or to let one leave. `course_id` None: the batch's own; `added_by`: who asks."""

    user_id: str
    batch_id: str
    course_id: str | None
    added_by: str | None
    source: EnrolmentSource = EnrolmentSource.SELF
    origin: Origin = field(default=Origin(), compare=False)

    @property
    def key(self) -> EnrolmentKey:
        return self.user_id, self.batch_id


@dataclass(frozen=True, slots=True)
class Eligibility:
    """What decides whether one learner may enrol in one batch or leave it: the batch's rules, and the enrolment if any.

    `active` None: never enrolled. Days belong to the batch's zone.
    """

    user_id: str
    batch_id: str
    course_id: str
    name: str
    enrolment_type: str
    start_date: date
    end_date: date | None
    enrolment_start_date: date | None
    enrolment_end_date: date | None
    time_zone: str | None
    capacity: int | None
    leave_policy: str | None
    created_by: str | None
    created_for: Sequence[str]
    mentors: Sequence[str]
    active: bool | None
    status: int | None


class JoinState(StrEnum):
    """What a batch offers somebody who thinks of joining it."""

    JOIN = "join"
    SIGN_IN = "sign-in"  # then it is said whether one may
    NOT_OPEN = "not-open"
    CLOSED = "closed"
    FULL = "full"
    INVITE_ONLY = "invite-only"
    ENROLLED = "enrolled"
    COMPLETED = "completed"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class JoinOffer:
    """What a batch offers. `on`: the day on which joining opens, or the last on which it was, or is, possible."""

    state: JoinState
    on: date | None = None
    seats_left: int | None = None  # None: no bound


@dataclass(frozen=True, slots=True)
class Enrolment:
    """One learner in one batch, with what the list of enrolled courses shows."""

    user_id: str
    batch_id: str
    course_id: str
    active: bool
    added_by: str | None
    enrolled_at: datetime
    status: int
    progress: int
    percentage: int
    completed_at: datetime | None
    last_read_content_id: str | None
    last_read_content_status: int | None
    last_access_at: datetime | None
    updated_at: datetime
    states: str  # JSON, of which the list shows the statuses
    course_version: str | None  # by which its batch measures; None: the newest
    batch_revision: int | None  # None: there is no such batch
    certificates: Sequence[Mapping[str, Any]]
    position: int  # of the question it answers, from 1


@dataclass(frozen=True, slots=True)
class EnrolmentsQuery:
    """Which of a learner's active enrolments, newest first.

    `course_ids` None: of all courses, else at least one; `after`: those behind it; `offset`: how many are passed over.
    """

    user_id: str
    limit: int
    course_ids: Sequence[str] | None = None
    offset: int = 0
    after: Cursor | None = None


@dataclass(frozen=True, slots=True)
class EnrolmentPage:
    """A page of enrolments. `count`: of all pages; `cursor`: where the next page begins, None: there is none."""

    enrolments: Sequence[Enrolment]
    count: int
    cursor: Cursor | None
