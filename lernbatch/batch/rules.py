"""What is true of batches: status by date, dates that fit, who may change them; and the refusals."""

from __future__ import annotations

from datetime import date, timedelta

from lernbatch.auth import Caller
from lernbatch.batch.model import INVITE_ONLY, OPEN, Batch, Status
from lernbatch.errors import Refused


class InvalidCourse(Refused):
    code = "INVALID_COURSE_ID"
    message = "Course doesnot exist. Please provide a valid course identifier"


class InvalidOrganisation(Refused):
    code = "INVALID_ORG_ID"
    message = "INVALID_ORG_ID"


class InvalidUser(Refused):
    code = "INVALID_USER_ID"
    message = "User Id does not exists in our records"


class ForeignMentor(Refused):
    """A mentor whose root organisation is not the creator's."""

    code = "USER_NOT_ASSOCIATED_TO_ROOT_ORG"

    def __init__(self, user_id: str) -> None:
        super().__init__(f"User (ID = {user_id}) not associated to course batch creator root org.")


class InvalidBatch(Refused):
    code = "INVALID_COURSE_BATCH_ID"
    message = "Invalid course batch id "  # the trailing blank is the contract's


class StartsInThePast(Refused):
    code = "COURSE_BATCH_START_DATE_INVALID"
    message = "Batch start date should be either today or future date."


class EndsBeforeStart(Refused):
    code = "END_DATE_ERROR"
    message = "End date should be greater than start date."


class EnrolmentEndsBeforeStart(Refused):
    code = "ENROLLMENT_END_DATE_START_ERROR"
    message = "Enrollment End date should be greater than course batch start date."


class EnrolmentEndsAfterEnd(Refused):
    code = "ENROLLMENT_END_DATE_END_ERROR"
    message = "Enrollment End date should be lesser than course batch end date."


def status_on(today: date, start: date, end: date | None) -> Status:
    """The status a batch has on `today`; its end date is its last day.

    Source: contract jobs §1, the effective dates of the status updater.
    """
    if end is not None and today > end:
        return Status.ENDED
    return Status.ONGOING if today >= start else Status.UPCOMING


def status_due_on(status: Status, start: date, end: date | None) -> date | None:
    """The day on which `status` stops being right; None if never."""
    if status is Status.UPCOMING:
        return start
    if status is Status.ONGOING and end is not None:
        return end + timedelta(days=1)
    return None


def enrolment_end(end: date | None, enrolment_end: date | None) -> date | None:
    """The last day on which learners may enrol: as given, else the day before the end; None: no last day."""
    if enrolment_end is not None or end is None:
        return enrolment_end
    return end - timedelta(days=1)


def is_invite_only(enrolment_type: str) -> bool:
    return enrolment_type.lower() == INVITE_ONLY


def is_enrolment_type(text: str) -> bool:
    return text.lower() in (OPEN, INVITE_ONLY)


def check_new_dates(today: date, start: date, end: date | None, enrolment_end: date | None) -> None:
    """Raises the refusal of the first date of a new batch that does not fit (contract batches §3.1, C9 to C14)."""
    if start < today:
        raise StartsInThePast
    if end is not None and end <= start:
        raise EndsBeforeStart
    if enrolment_end is not None and enrolment_end < start:
        raise EnrolmentEndsBeforeStart
    if enrolment_end is not None and end is not None and enrolment_end > end:
        raise EnrolmentEndsAfterEnd


def may_change(caller: Caller, batch: Batch) -> bool:
    """Creator and mentors, as they stand before the change, may change a batch (defect 15)."""
    return not caller.authentication_enabled or caller.user_id in (batch.created_by, *batch.mentors)
