"""The nouns of batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import IntEnum
from typing import Any

OPEN = "open"
INVITE_ONLY = "invite-only"


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
    """What a create call asks for, validated."""

    course_id: str
    name: str
    enrolment_type: str
    start_date: date
    end_date: date | None
    enrolment_end_date: date | None
    description: str | None
    created_by: str | None
    created_for: tuple[str, ...]
    mentors: tuple[str, ...]
