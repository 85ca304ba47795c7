"""Which dates fit together, for a new batch and for one that runs; and the refusals."""

from __future__ import annotations

from datetime import date

from lernbatch.batch.model import Batch, BatchChange
from lernbatch.errors import Refused


class StartsInThePast(Refused):
    code = "COURSE_BATCH_START_DATE_INVALID"
    message = "Batch start date should be either today or future date."


class StartIsMissing(Refused):
    """An update's start date is no day of the calendar."""

    code = "COURSE_BATCH_START_DATE_REQUIRED"
    message = "Batch start date is mandatory."


class InvalidStart(Refused):
    """A start date that moves though the batch has begun, or that moves into the past."""

    code = "INVALID_BATCH_START_DATE_ERROR"
    message = "Please provide valid Start Date."


class EndsBeforeStart(Refused):
    code = "END_DATE_ERROR"
    message = "End date should be greater than start date."


class InvalidEnd(Refused):
    """An update's end date that is over, or earlier than the start."""

    code = "INVALID_BATCH_END_DATE_ERROR"
    message = "Please provide valid End Date."


class AlreadyClosed(Refused):
    """A batch that has ended cannot be made to have ended earlier."""

    code = "COURSE_BATCH_END_DATE_ERROR"
    message = "Batch has been closed."


class EnrolmentEndsBeforeStart(Refused):
    code = "ENROLLMENT_END_DATE_START_ERROR"
    message = "Enrollment End date should be greater than course batch start date."


class EnrolmentEndsAfterEnd(Refused):
    code = "ENROLLMENT_END_DATE_END_ERROR"
    message = "Enrollment End date should be lesser than course batch end date."


class EnrolmentEndsInThePast(Refused):
    code = "ENROLLMENT_END_DATE_UPDATE_ERROR"
    message = "Invalid Enrollment End date. Please provide future date."


class EnrolmentStartsTooLate(Refused):
    """The first day of enrolment lies behind its last. Ours: the reference has no such date."""

    code = "ENROLLMENT_START_DATE_ERROR"
    message = "Enrollment Start date should not be later than the last day of enrollment."


def check_new_start(today: date, start: date) -> None:
    """Raises: StartsInThePast (C9)."""
    if start < today:
        raise StartsInThePast


def check_end(start: date, end: date | None) -> None:
    """Raises: EndsBeforeStart (C11, U11)."""
    if end is not None and end <= start:
        raise EndsBeforeStart


def check_changed_end(today: date, start: date, end: date) -> None:
    """Raises: EndsBeforeStart, InvalidEnd (U11, U12)."""
    check_end(start, end)
    if end < today:
        raise InvalidEnd


def check_enrolment_end(start: date, end: date | None, enrolment_end: date | None) -> None:
    """Raises: EnrolmentEndsBeforeStart, EnrolmentEndsAfterEnd (C13, C14, U22, U23)."""
    if enrolment_end is None:
        return
    if enrolment_end < start:
        raise EnrolmentEndsBeforeStart
    if end is not None and enrolment_end > end:
        raise EnrolmentEndsAfterEnd


def check_enrolment_start(enrolment_start: date | None, last_day: date | None) -> None:
    """`last_day`: the last on which learners may enrol, see rules.enrolment_end. Raises: EnrolmentStartsTooLate."""
    if enrolment_start is not None and last_day is not None and enrolment_start > last_day:
        raise EnrolmentStartsTooLate


def check_change(batch: Batch, change: BatchChange, today: date) -> None:
    """Raises the refusal of the first date of `change` that does not fit `batch` as it stands.

    Source: contract batches §3.2, U17 to U24. Enrolment's end is checked as it will be, so that a batch that is
    shortened does not keep one behind its end (defect 17).
    """
    start = change.start_date
    if start is None:
        raise StartIsMissing
    if start != batch.start_date and (batch.start_date <= today or start < today):
        raise InvalidStart
    end = change.end_date or batch.end_date
    if end is not None and start >= end:  # a start on the end date would be refused had the end been sent too (U11)
        raise InvalidEnd
    if change.end_date and batch.end_date and change.end_date < batch.end_date < today:
        raise AlreadyClosed
    enrolment_end = change.enrolment_end_date or batch.enrolment_end_date
    check_enrolment_end(start, end, enrolment_end)
    if enrolment_end is not None and enrolment_end != batch.enrolment_end_date and enrolment_end < today:
        raise EnrolmentEndsInThePast
