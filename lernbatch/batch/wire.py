"""The JSON of batches: the contract's keys, defaults and the order in which it complains."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from msgspec import UNSET, Meta, UnsetType

from lernbatch.batch import dates
from lernbatch.batch.model import (
    LONGEST_DESCRIPTION,
    LONGEST_NAME,
    MOST_MENTORS,
    MOST_ORGANISATIONS,
    Batch,
    BatchChange,
    NewBatch,
)
from lernbatch.batch.rules import UnexpectedParameter, enrolment_end
from lernbatch.batch.wire_document import EnrolmentType
from lernbatch.batch.wire_fields import (
    InvalidBatchValue,
    bounded,
    date_or_none,
    ids,
    optional_date,
    read_additions,
    read_date,
    read_enrolment_type,
    read_ids,
    read_zone,
    unique,
)
from lernbatch.errors import Refused
from lernbatch.web.fields import UnreadableDate, blank, course_id, mandatory, text
from lernbatch.web.schema import BatchId, CourseId, Day, Done, Fields, UserId

_LENIENT_DATE = re.compile(r"\s*\d+-\d+-\d+")  # all that the reference's first look at a date asks for (U9)
_PROPS = (
    *("courseId", "collectionId", "name", "description", "enrollmentType", "startDate", "endDate", "enrollmentEndDate"),
    *("createdFor", "mentors", "enrollmentStartDate", "capacity", "leavePolicy", "isUnenrollmentAllowed", "timeZone"),
)
_NO_COLUMN = {"courseCreator": "coursecreator", "hashTagId": "hashtagid"}  # what its bean takes and its database not


class InvalidProgressStatus(Refused):
    code = "INVALID_PROGRESS_STATUS"
    message = "Progress status value should be NOT_STARTED(0), STARTED(1), COMPLETED(2)."


class BatchAdditions(Fields, kw_only=True):
    """The fields of a batch that are ours; null takes one away."""

    enrollment_start_date: (
        Annotated[Day | None, Meta(description="The first day on which learners may enrol.")] | UnsetType
    ) = UNSET
    capacity: (
        Annotated[Annotated[int, Meta(ge=1, le=2**31 - 1)] | None, Meta(description="At most so many learners.")]
        | UnsetType
    ) = UNSET
    leave_policy: (
        Annotated[Literal["always", "until-start", "never"] | None, Meta(description="When learners may leave.")]
        | UnsetType
    ) = UNSET
    is_unenrollment_allowed: (
        Annotated[bool | None, Meta(description="True: leavePolicy always; false: never.")] | UnsetType
    ) = UNSET
    time_zone: (
        Annotated[str | None, Meta(description="Whose days the dates are.", examples=["Asia/Kolkata"])] | UnsetType
    ) = UNSET


class BatchFields(BatchAdditions, kw_only=True):
    """What both a new batch and a change may set beside their mandatory fields."""

    description: str | UnsetType | None = UNSET
    end_date: Annotated[Day | None, Meta(description="The last day; null: open ended.")] | UnsetType = UNSET
    enrollment_end_date: (
        Annotated[Day | None, Meta(description="The last day on which learners may enrol.")] | UnsetType
    ) = UNSET
    created_for: (
        Annotated[
            list[Annotated[str, Meta(examples=["0126000000000000001"])]], Meta(description="Organisations it is for.")
        ]
        | UnsetType
    ) = UNSET
    mentors: Annotated[list[UserId], Meta(description="They may change the batch as its creator may.")] | UnsetType = (
        UNSET
    )


class BatchCreation(BatchFields, kw_only=True):
    """A new batch."""

    course_id: CourseId
    name: Annotated[str, Meta(examples=["June"])]
    enrollment_type: EnrolmentType
    start_date: Day


class PrivateBatchCreation(BatchCreation, kw_only=True):
    """A new batch that the platform makes in somebody's name."""

    created_by: UserId | UnsetType | None = UNSET


class BatchUpdate(BatchFields, kw_only=True):
    """A change of a batch; a field that is absent stays as it is."""

    course_id: CourseId
    id: BatchId
    name: Annotated[str, Meta(examples=["June"])] | UnsetType = UNSET
    enrollment_type: EnrolmentType | UnsetType = UNSET
    start_date: Day


class BatchClone(BatchAdditions, kw_only=True):
    """A batch after another one, with dates of its own."""

    batch_id: BatchId
    name: Annotated[str, Meta(examples=["July"])] | UnsetType = UNSET
    start_date: Day
    end_date: Day | UnsetType | None = UNSET
    enrollment_end_date: Day | UnsetType | None = UNSET


class CreatedBatch(Done, kw_only=True):
    """The answer of a call that made a batch."""

    batch_id: BatchId


def read_new_batch(
    request: dict[str, Any],
    caller_id: str | None,
    now: datetime,
    platform: ZoneInfo,
    *,
    closes_days_before: int,
    private: bool = False,
) -> NewBatch:
    """{"courseId": "do_1", "name": "June", "enrollmentType": "open", "startDate": "2026-06-01", …}

    Complains in the order of contract batches §3.1, C2 to C18, in which parsing and rules take turns.
    `private`: the request's `createdBy` counts. `closes_days_before`: see rules.enrolment_end.
    """
    course = bounded(course_id(request), "courseId")
    name = bounded(mandatory(request, "name"), "name", LONGEST_NAME)
    enrolment_type = read_enrolment_type(request)
    zone = read_zone(request) or platform
    start, end, enrolment_end_date = read_new_dates(request, now, zone)
    created_for, mentors = read_ids(request, "createdFor"), read_ids(request, "mentors")
    if request.get("participants") is not None:
        raise UnexpectedParameter("participants")
    additions = read_additions(request, zone)
    last_day = enrolment_end(end, enrolment_end_date, closes_days_before)
    dates.check_enrolment_start(additions.get("enrolment_start_date"), last_day)
    description = _description(request)
    creator = text(request, "createdBy") if private else None
    creator = caller_id if creator is None or blank(creator) else bounded(creator, "createdBy")
    return NewBatch(
        course_id=course,
        name=name,
        enrolment_type=enrolment_type,
        start_date=start,
        end_date=end,
        enrolment_end_date=enrolment_end_date,
        description=description,
        created_by=creator,
        created_for=ids(created_for, "createdFor", MOST_ORGANISATIONS),
        mentors=unique(ids(mentors, "mentors", MOST_MENTORS)),
        unknown_property=next((name for key, name in _NO_COLUMN.items() if request.get(key) is not None), None),
        **additions,
    )


def read_new_dates(request: dict[str, Any], now: datetime, zone: ZoneInfo) -> tuple[date, date | None, date | None]:
    """Start, end and end of enrolment of a new batch, each parsed and checked in its turn (C7 to C14)."""
    start = read_date(mandatory(request, "startDate"), zone)
    dates.check_new_start(now.astimezone(zone).date(), start)
    end = optional_date(request, "endDate", zone)
    dates.check_end(start, end)
    enrolment_end_date = optional_date(request, "enrollmentEndDate", zone)
    dates.check_enrolment_end(start, end, enrolment_end_date)
    return start, end, enrolment_end_date


def named_batch(request: dict[str, Any]) -> str | None:
    """The id of the batch that a change is of, if it is one at all: `batchId` wins over `id`."""
    named = request.get("batchId" if "batchId" in request else "id")
    return named if isinstance(named, str) else None


def read_change(request: dict[str, Any], now: datetime, own_zone: ZoneInfo) -> BatchChange:
    """{"courseId": "do_1", "id": "0140…", "startDate": "2026-06-01", "endDate": "2026-07-31", "mentors": ["u1"]}

    Complains in the order of contract batches §3.2, U2 to U13. `own_zone`: the batch's, as it is stored.
    """
    course = course_id(request)
    status = request.get("status")  # checked and then ignored, as the reference does (U4, defect 34)
    if status is not None and (isinstance(status, bool) or str(status) not in ("0", "1", "2")):
        raise InvalidProgressStatus
    fields: dict[str, Any] = {}
    if "name" in request:
        fields["name"] = _changed_name(request)
    if "enrollmentType" in request:
        fields["enrolment_type"] = read_enrolment_type(request)
    batch_id = mandatory(request, "id")
    if "batchId" in request:
        batch_id = text(request, "batchId") or ""
    zone = read_zone(request) or own_zone
    start, end, enrolment_end_date = _changed_dates(request, now, zone)
    created_for, mentors = read_ids(request, "createdFor"), read_ids(request, "mentors")
    if "createdFor" in request:
        fields["created_for"] = ids(created_for, "createdFor", MOST_ORGANISATIONS)
    if "mentors" in request:
        fields["mentors"] = unique(ids(mentors, "mentors", MOST_MENTORS))
    if (description := _description(request)) is not None:
        fields["description"] = description
    return BatchChange(
        course_id=course,
        batch_id=batch_id,
        start_date=start,
        end_date=end,
        enrolment_end_date=enrolment_end_date,
        has_participants=request.get("participants") is not None,
        fields=fields | read_additions(request, zone),
    )


def _description(request: dict[str, Any]) -> str | None:
    description = text(request, "description")
    return None if description is None else bounded(description, "description", LONGEST_DESCRIPTION)


def _changed_name(request: dict[str, Any]) -> str:
    name = text(request, "name")
    if name is None or blank(name):
        raise InvalidBatchValue(name, "name")
    return bounded(name, "name", LONGEST_NAME)


def _changed_dates(
    request: dict[str, Any], now: datetime, zone: ZoneInfo
) -> tuple[date | None, date | None, date | None]:
    """Start (None: no day of the calendar), end and end of enrolment (None: as they are); U9 to U12."""
    sent_start, sent_end = text(request, "startDate") or "", text(request, "endDate")
    if not _LENIENT_DATE.match(sent_start):
        raise UnreadableDate
    start, end = date_or_none(sent_start, zone), None
    if sent_end is not None and not blank(sent_end):
        end = read_date(sent_end, zone)
        if start is None:
            raise UnreadableDate
        dates.check_changed_end(now.astimezone(zone).date(), start, end)
    return start, end, date_or_none(text(request, "enrollmentEndDate") or "", zone)


def read_batch_id(request: dict[str, Any]) -> str:
    """Raises: Missing."""
    return mandatory(request, "batchId")


def read_clone(
    request: dict[str, Any],
    source: Batch,
    caller_id: str | None,
    now: datetime,
    platform: ZoneInfo,
    closes_days_before: int,
) -> NewBatch:
    """{"batchId": "0140…", "startDate": "2026-06-01", "endDate": "2026-07-31", "name": "July"}

    Dates are always new, and checked as those of a new batch (C7 to C14); name and our own fields may be.
    """
    zone = read_zone(request) or (ZoneInfo(source.time_zone) if source.time_zone else platform)
    start, end, enrolment_end_date = read_new_dates(request, now, zone)
    kept = {"time_zone": source.time_zone, "capacity": source.capacity, "leave_policy": source.leave_policy}
    additions = {**kept, **read_additions(request, zone)}
    last_day = enrolment_end(end, enrolment_end_date, closes_days_before)
    dates.check_enrolment_start(additions.get("enrolment_start_date"), last_day)
    return NewBatch(
        course_id=source.course_id,
        name=_changed_name(request) if "name" in request else source.name,
        enrolment_type=source.enrolment_type,
        start_date=start,
        end_date=end,
        enrolment_end_date=enrolment_end_date,
        description=source.description,
        created_by=caller_id,
        created_for=source.created_for,
        mentors=source.mentors,
        templates=source.templates,
        **additions,
    )


def read_props(request: dict[str, Any]) -> tuple[str, ...]:
    """Which of a batch's fields a request names, for its audit."""
    return tuple(key for key in request if key in _PROPS)
