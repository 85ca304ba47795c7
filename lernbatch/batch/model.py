"""The nouns of batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import IntEnum
from typing import Any

OPEN = "open"
INVITE_ONLY = "invite-only"

LEAVE_ALWAYS = "always"
LEAVE_UNTIL_START = "until-start"
LEAVE_NEVER = "never"


class Status(IntEnum):
    """Where a batch stands; the numbers are the wire's."""

    UPCOMING = 0
    ONGOING = 1
    ENDED = 2


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
class NewBatch:
    """What a create call asks for, its fields and dates checked."""

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
class Change:
    """What an update call asks for. None: as it is; dates cannot be cleared (contract batches §3.2).

    `start_date` None: what was sent is no day, which is refused in its turn (U17).
    `fields`: what replaces the batch's fields of the same names.
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
class ParticipantsAsked:
    """Which learners of a batch are asked for: those enrolled, or those who left."""

    batch_id: str
    active: bool
    limit: int
    offset: int


@dataclass(frozen=True, slots=True)
class Participants:
    """How many there are, and the ids of those asked for, in order."""

    count: int
    user_ids: list[str]
