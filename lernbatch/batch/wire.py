"""The JSON of batches: the contract's keys, defaults and the order in which it complains."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from lernbatch.batch import dates
from lernbatch.batch.model import (
    LEAVE_ALWAYS,
    LEAVE_NEVER,
    LEAVE_UNTIL_START,
    Batch,
    Change,
    NewBatch,
)
from lernbatch.batch.rules import UnexpectedParameter, enrolment_end, is_enrolment_type, status_now
from lernbatch.envelope import timestamp
from lernbatch.errors import Malformed, Missing, Refused, WrongType
from lernbatch.wire import blank, course_id, text

MOST_CAPACITY = 2**31 - 1
_LENIENT_DATE = re.compile(r"\s*\d+-\d+-\d+")  # all that the reference's first look at a date asks for (U9)
_PROPS = ("courseId", "collectionId", "name", "description", "enrollmentType", "startDate", "endDate")
_MORE_PROPS = (
    "enrollmentEndDate",
    "createdFor",
    "mentors",
    "enrollmentStartDate",
    "capacity",
    "leavePolicy",
    "timeZone",
)
_NO_COLUMN = {"courseCreator": "coursecreator", "hashTagId": "hashtagid"}  # what its bean takes and its database not


class InvalidValue(Refused):
    """A value outside the set that its parameter allows."""

    code = "INVALID_PARAMETER_VALUE"

    def __init__(self, value: object, parameter: str) -> None:
        shown = "null" if value is None else str(value)[:200]
        super().__init__(f"Invalid value {shown} for parameter {parameter}. Please provide a valid value.")


class InvalidProgressStatus(Refused):
    code = "INVALID_PROGRESS_STATUS"
    message = "Progress status value should be NOT_STARTED(0), STARTED(1), COMPLETED(2)."


def read_new_batch(
    request: dict[str, Any], caller_id: str | None, now: datetime, platform: ZoneInfo, *, private: bool = False
) -> NewBatch:
    """{"courseId": "do_1", "name": "June", "enrollmentType": "open", "startDate": "2026-06-01", …}

    Complains in the order of contract batches §3.1, C2 to C18, in which parsing and rules take turns.
    `private`: the request's `createdBy` counts.
    """
    course = course_id(request)
    name = mandatory(request, "name")
    enrolment_type = read_enrolment_type(request)
    zone = _zone(request) or platform
    start, end, enrolment_end_date = read_new_dates(request, now, zone)
    created_for, mentors = read_ids(request, "createdFor"), read_ids(request, "mentors")
    if request.get("participants") is not None:
        raise UnexpectedParameter("participants")
    additions = read_additions(request, zone)
    last_day = enrolment_end(end, enrolment_end_date)
    dates.check_enrolment_start(additions.get("enrolment_start_date"), last_day)
    return NewBatch(
        course_id=course,
        name=name,
        enrolment_type=enrolment_type,
        start_date=start,
        end_date=end,
        enrolment_end_date=enrolment_end_date,
        description=text(request, "description"),
        created_by=_creator(request, caller_id) if private else caller_id,
        created_for=texts(created_for),
        mentors=_unique(texts(mentors)),
        unknown_property=next((name for key, name in _NO_COLUMN.items() if request.get(key) is not None), None),
        **additions,
    )


def read_new_dates(request: dict[str, Any], now: datetime, zone: ZoneInfo) -> tuple[date, date | None, date | None]:
    """Start, end and end of enrolment of a new batch, each parsed and checked in its turn (C7 to C14)."""
    start = read_date(mandatory(request, "startDate"), zone)
    dates.check_new_start(now.astimezone(zone).date(), start)
    end = _optional_date(request, "endDate", zone)
    dates.check_end(start, end)
    enrolment_end_date = _optional_date(request, "enrollmentEndDate", zone)
    dates.check_enrolment_end(start, end, enrolment_end_date)
    return start, end, enrolment_end_date


def read_change(request: dict[str, Any], now: datetime, platform: ZoneInfo) -> Change:
    """{"courseId": "do_1", "id": "0140…", "startDate": "2026-06-01", "endDate": "2026-07-31", "mentors": ["u1"]}

    Complains in the order of contract batches §3.2, U2 to U13.
    """
    course = course_id(request)
    _check_progress_status(request.get("status"))
    fields: dict[str, Any] = {}
    if "name" in request:
        fields["name"] = _changed_name(request)
    if "enrollmentType" in request:
        fields["enrolment_type"] = read_enrolment_type(request)
    batch_id = mandatory(request, "id")
    if "batchId" in request:
        batch_id = text(request, "batchId") or ""
    zone = _zone(request) or platform
    start, end, enrolment_end_date = _changed_dates(request, now, zone)
    created_for, mentors = read_ids(request, "createdFor"), read_ids(request, "mentors")
    if "createdFor" in request:
        fields["created_for"] = texts(created_for)
    if "mentors" in request:
        fields["mentors"] = _unique(texts(mentors))
    if (description := text(request, "description")) is not None:
        fields["description"] = description
    return Change(
        course_id=course,
        batch_id=batch_id,
        start_date=start,
        end_date=end,
        enrolment_end_date=enrolment_end_date,
        has_participants=request.get("participants") is not None,
        fields=fields | read_additions(request, zone),
    )


def _creator(request: dict[str, Any], caller_id: str | None) -> str | None:
    named = text(request, "createdBy")
    return caller_id if blank(named) else named


def _check_progress_status(status: object) -> None:
    """A batch's status is checked and then ignored, as the reference does (U4, defect 34)."""
    if status is not None and (isinstance(status, bool) or str(status) not in ("0", "1", "2")):
        raise InvalidProgressStatus


def _changed_name(request: dict[str, Any]) -> str:
    name = text(request, "name")
    if name is None or blank(name):
        raise InvalidValue(name, "name")
    return name


def _changed_dates(
    request: dict[str, Any], now: datetime, zone: ZoneInfo
) -> tuple[date | None, date | None, date | None]:
    """Start (None: no day of the calendar), end and end of enrolment (None: as they are); U9 to U12."""
    sent_start, sent_end = text(request, "startDate") or "", text(request, "endDate")
    if not _LENIENT_DATE.match(sent_start):
        raise dates.UnreadableDate
    start, end = _date_or_none(sent_start, zone), None
    if sent_end is not None and not blank(sent_end):
        end = read_date(sent_end, zone)
        if start is None:
            raise dates.UnreadableDate
        dates.check_changed_end(now.astimezone(zone).date(), start, end)
    return start, end, _date_or_none(text(request, "enrollmentEndDate") or "", zone)


def whole(fields: dict[str, Any], key: str, default: int) -> int:
    """The number under `key`: 0 to 2147483647, as the reference's integers. Raises: Malformed."""
    value = fields.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**31:
        raise Malformed
    return value


def read_batch_id(request: dict[str, Any]) -> str:
    """Raises: Missing."""
    return mandatory(request, "batchId")


def read_clone(
    request: dict[str, Any], source: Batch, caller_id: str | None, now: datetime, platform: ZoneInfo
) -> NewBatch:
    """{"batchId": "0140…", "startDate": "2026-06-01", "endDate": "2026-07-31", "name": "July"}

    Dates are always new, and checked as those of a new batch (C7 to C14); name and our own fields may be.
    """
    zone = _zone(request) or (ZoneInfo(source.time_zone) if source.time_zone else platform)
    start, end, enrolment_end_date = read_new_dates(request, now, zone)
    kept = {"time_zone": source.time_zone, "capacity": source.capacity, "leave_policy": source.leave_policy}
    additions = {**kept, **read_additions(request, zone)}
    last_day = enrolment_end(end, enrolment_end_date)
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
    return tuple(key for key in request if key in (*_PROPS, *_MORE_PROPS))


def show_created(batch: Batch) -> dict[str, Any]:
    """{"response": "SUCCESS", "batchId": "01400123456789012345"}"""
    return {"response": "SUCCESS", "batchId": batch.batch_id}


def read_enrolment_type(request: dict[str, Any]) -> str:
    """Raises: Missing, InvalidValue (C5, C6, U6, U7)."""
    enrolment_type = mandatory(request, "enrollmentType")
    if not is_enrolment_type(enrolment_type):
        raise InvalidValue(enrolment_type, "enrollmentType")
    return enrolment_type


def read_additions(request: dict[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    """Our own optional fields that are in `request`; null takes one away. They are checked after the contract's."""
    found: dict[str, Any] = {}
    if "timeZone" in request:
        named = request["timeZone"]
        if named is not None and _zone(request) is None:
            raise InvalidValue(named, "timeZone")
        found["time_zone"] = named
    if "enrollmentStartDate" in request:
        found["enrolment_start_date"] = _optional_date(request, "enrollmentStartDate", zone)
    if "capacity" in request:
        capacity = request["capacity"]
        whole = isinstance(capacity, int) and not isinstance(capacity, bool)
        if capacity is not None and not (whole and 1 <= capacity <= MOST_CAPACITY):
            raise InvalidValue(capacity, "capacity")
        found["capacity"] = capacity
    if "leavePolicy" in request:
        policy = request["leavePolicy"]
        if policy not in (None, LEAVE_ALWAYS, LEAVE_UNTIL_START, LEAVE_NEVER):
            raise InvalidValue(policy, "leavePolicy")
        found["leave_policy"] = policy
    return found


def read_date(value: str, zone: ZoneInfo) -> date:
    """`2026-06-01`, or an ISO instant: the day it is in `zone` then. Raises: UnreadableDate."""
    day, separator, _ = value.partition("T")
    if len(day) != 10 or (not separator and len(value) != 10):
        raise dates.UnreadableDate
    try:
        at = datetime.fromisoformat(value) if separator else None
        return at.astimezone(zone).date() if at is not None and at.tzinfo else date.fromisoformat(day)
    except (ValueError, OverflowError) as wrong:
        raise dates.UnreadableDate from wrong


def read_ids(request: dict[str, Any], key: str) -> list[Any]:
    """The list under `key`; empty when the key is absent. Raises: WrongType, also for null (C15, C16, U13)."""
    value = request.get(key, [])
    if not isinstance(value, list):
        raise WrongType(key, "Arrays")
    return value


def show_batch(batch: Batch, now: datetime, platform: ZoneInfo, *, iso: bool = False) -> dict[str, Any]:
    """The document of read and search (contract batches §2.2, §3.3): one shape, whoever wrote last (defects 8, 9).

    What was never set of our own fields, and the description, is left out. `iso`: dates as UTC instants.
    """
    zone = ZoneInfo(batch.time_zone) if batch.time_zone else platform

    def first(day: date | None) -> str | None:
        return show_date(day) if not iso or day is None else _instant(day, time.min, zone)

    def last(day: date | None) -> str | None:
        return show_date(day) if not iso or day is None else _instant(day, time(23, 59, 59, 999_000), zone)

    optional = {
        "description": batch.description,
        "enrollmentStartDate": first(batch.enrolment_start_date),
        "capacity": batch.capacity,
        "leavePolicy": batch.leave_policy,
        "timeZone": batch.time_zone,
    }
    return {
        "identifier": batch.batch_id,
        "id": batch.batch_id,
        "batchId": batch.batch_id,
        "courseId": batch.course_id,
        "collectionId": batch.course_id,
        "name": batch.name,
        "enrollmentType": batch.enrolment_type,
        "status": status_now(batch, now, platform),
        "startDate": first(batch.start_date),
        "endDate": last(batch.end_date),
        "enrollmentEndDate": last(batch.enrolment_end_date),
        "effectiveEnrollmentEndDate": last(enrolment_end(batch.end_date, batch.enrolment_end_date)),
        "createdBy": batch.created_by,
        "createdFor": batch.created_for,
        "mentors": batch.mentors,
        "createdDate": timestamp(batch.created_at.astimezone(platform)),
        "updatedDate": timestamp(batch.updated_at.astimezone(platform)) if batch.updated_at else None,
        "certTemplates": batch.templates,
        "cert_templates": batch.templates,
        **{key: value for key, value in optional.items() if value is not None},
    }


def show_etag(batch: Batch) -> str:
    """The revision as HTTP wants it: the text to send in `If-Match`."""
    return f'"{batch.revision}"'


def show_date(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _instant(day: date, at: time, zone: ZoneInfo) -> str:
    instant = datetime.combine(day, at, zone).astimezone(UTC)
    return f"{instant:%Y-%m-%dT%H:%M:%S}.{instant.microsecond // 1000:03d}Z"


def mandatory(request: dict[str, Any], key: str) -> str:
    value = text(request, key)
    if value is None or blank(value):
        raise Missing(key)
    return value


def _optional_date(request: dict[str, Any], key: str, zone: ZoneInfo) -> date | None:
    value = text(request, key)
    return None if blank(value) or value is None else read_date(value, zone)


def _date_or_none(value: str, zone: ZoneInfo) -> date | None:
    try:
        return read_date(value, zone)
    except dates.UnreadableDate:
        return None


def _zone(request: dict[str, Any]) -> ZoneInfo | None:
    """The zone that the request names; None when it names none, or none that exists."""
    named = request.get("timeZone")
    try:
        return ZoneInfo(named) if isinstance(named, str) and named else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def texts(values: list[Any]) -> list[str]:
    """Raises: Malformed, when one is no text (C18)."""
    if not all(isinstance(value, str) for value in values):
        raise Malformed
    return values


def _unique(values: list[str]) -> list[str]:
    return list(dict.fromkeys(values))
