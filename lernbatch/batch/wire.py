"""The JSON of batches: the contract's keys, defaults and the order in which it complains."""

from __future__ import annotations

from datetime import date
from typing import Any

from lernbatch.batch.model import Batch, NewBatch
from lernbatch.batch.rules import enrolment_end, is_enrolment_type
from lernbatch.envelope import timestamp
from lernbatch.errors import Malformed, Missing, Refused, WrongType
from lernbatch.wire import blank, course_id, text


class InvalidEnrolmentType(Refused):
    code = "INVALID_PARAMETER_VALUE"

    def __init__(self, value: str) -> None:
        super().__init__(f"Invalid value {value} for parameter enrollmentType. Please provide a valid value.")


class UnreadableDate(Refused):
    code = "DATE_FORMAT_ERRROR"  # three R: the contract's spelling
    message = "Date format error."


class UnexpectedParameter(Refused):
    code = "INVALID_REQUEST_PARAMETER"

    def __init__(self, parameter: str) -> None:
        super().__init__(f"Invalid parameter {parameter} in request.")


def read_new_batch(request: dict[str, Any], created_by: str | None) -> NewBatch:
    """{"courseId": "do_1", "name": "June", "enrollmentType": "open", "startDate": "2026-06-01", …}

    Complains in the order of contract batches §3.1, C2 to C18; the order of the dates is for the rules.
    """
    course = course_id(request)
    name = _mandatory(request, "name")
    enrolment_type = _mandatory(request, "enrollmentType")
    if not is_enrolment_type(enrolment_type):
        raise InvalidEnrolmentType(enrolment_type)
    start = read_date(_mandatory(request, "startDate"))
    end, enrolment_end_date = (_optional_date(request, key) for key in ("endDate", "enrollmentEndDate"))
    created_for, mentors = (_strings(request, key) for key in ("createdFor", "mentors"))
    if request.get("participants") is not None:
        raise UnexpectedParameter("participants")
    return NewBatch(
        course_id=course,
        name=name,
        enrolment_type=enrolment_type,
        start_date=start,
        end_date=end,
        enrolment_end_date=enrolment_end_date,
        description=text(request, "description"),
        created_by=created_by,
        created_for=created_for,
        mentors=tuple(dict.fromkeys(mentors)),
    )


def read_date(value: str) -> date:
    """`2026-06-01`, or an ISO instant whose day counts. Raises: UnreadableDate."""
    day, separator, _ = value.partition("T")
    if len(day) != 10 or (not separator and len(value) != 10):
        raise UnreadableDate
    try:
        return date.fromisoformat(day)
    except ValueError as wrong:
        raise UnreadableDate from wrong


def show_batch(batch: Batch, zone: Any) -> dict[str, Any]:
    """The document of read and search (contract batches §2.2, §3.3)."""
    return {
        "identifier": batch.batch_id,
        "id": batch.batch_id,
        "batchId": batch.batch_id,
        "courseId": batch.course_id,
        "collectionId": batch.course_id,
        "name": batch.name,
        "description": batch.description,
        "enrollmentType": batch.enrolment_type,
        "status": batch.status,
        "startDate": show_date(batch.start_date),
        "endDate": show_date(batch.end_date),
        "enrollmentEndDate": show_date(batch.enrolment_end_date),
        "effectiveEnrollmentEndDate": show_date(enrolment_end(batch.end_date, batch.enrolment_end_date)),
        "createdBy": batch.created_by,
        "createdFor": batch.created_for,
        "mentors": batch.mentors,
        "createdDate": timestamp(batch.created_at.astimezone(zone)),
        "updatedDate": timestamp(batch.updated_at.astimezone(zone)) if batch.updated_at else None,
        "certTemplates": batch.templates,
        "cert_templates": batch.templates,
    }


def show_date(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _mandatory(request: dict[str, Any], key: str) -> str:
    value = text(request, key)
    if value is None or blank(value):
        raise Missing(key)
    return value


def _optional_date(request: dict[str, Any], key: str) -> date | None:
    value = text(request, key)
    return None if blank(value) or value is None else read_date(value)


def _strings(request: dict[str, Any], key: str) -> tuple[str, ...]:
    if key not in request:
        return ()
    value = request[key]
    if not isinstance(value, list):
        raise WrongType(key, "Arrays")
    if not all(isinstance(item, str) for item in value):
        raise Malformed
    return tuple(value)
