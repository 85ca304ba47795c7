"""What is true of batches: status by date, who may change them, what may be done in them; and the refusals."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from lernbatch.auth import Caller
from lernbatch.batch.model import (
    INVITE_ONLY,
    LEAVE_NEVER,
    LEAVE_UNTIL_START,
    OPEN,
    Batch,
    Change,
    NewBatch,
    Situation,
    Status,
)
from lernbatch.errors import LernbatchError, NotFound, Refused, Unauthorized


class InvalidBatch(Refused):
    """No batch of that id in that course."""

    code = "INVALID_COURSE_BATCH_ID"
    message = "Invalid course batch id "  # the trailing blank is the contract's


class InvalidOrganisation(Refused):
    code = "INVALID_ORG_ID"
    message = "INVALID_ORG_ID"


class UnknownCreator(NotFound):
    """The creator of a batch with mentors is nobody the user service knows."""

    message = "user not found."


class InvalidUser(Refused):
    """A mentor who does not exist, or no longer."""

    code = "INVALID_USER_ID"
    message = "User Id does not exists in our records"


class ForeignMentor(Refused):
    """A mentor whose root organisation is not the creator's."""

    code = "USER_NOT_ASSOCIATED_TO_ROOT_ORG"

    def __init__(self, user_id: str) -> None:
        super().__init__(f"User (ID = {user_id}) not associated to course batch creator root org.")


class InvalidRequest(Refused):
    """What the call is about is missing as a whole (P1), or is more than is reasonable."""

    code = "INVALID_REQUESTED_DATA"
    message = "Requested data for this operation is not valid."


class UnexpectedParameter(Refused):
    """Something that is not set by this call (C17, U14)."""

    code = "INVALID_REQUEST_PARAMETER"

    def __init__(self, parameter: str) -> None:
        super().__init__(f"Invalid parameter {parameter} in request.")


class UnknownProperty(Refused):
    """A property of a create call that no batch has (C25)."""

    code = "INVALID_PROPERTY_ERROR"

    def __init__(self, name: str) -> None:
        super().__init__(f"Invalid property {name}.")


class ChangedMeanwhile(LernbatchError):
    """The batch is no longer at the revision that If-Match names: read it again."""

    http_status = 412
    code = "BATCH_CHANGED"
    message = "The batch was changed by somebody else."


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
    if status is Status.ONGOING and end is not None and end < date.max:
        return end + timedelta(days=1)
    return None


def day_in(time_zone: str | None, now: datetime, platform: ZoneInfo) -> date:
    """The day that `now` is for a batch: in its own time zone, else in the platform's."""
    return now.astimezone(ZoneInfo(time_zone) if time_zone else platform).date()


def status_now(batch: Batch, now: datetime, zone: ZoneInfo) -> Status:
    """The status of `batch` at `now`, whatever is stored. `zone`: the platform's."""
    return status_on(day_in(batch.time_zone, now, zone), batch.start_date, batch.end_date)


def enrolment_end(end: date | None, enrolment_end: date | None, closes_before: int) -> date | None:
    """The last day on which learners may enrol: as given, else so many days before the end; None: no last day.

    `closes_before`: the installation's; 1, or 0 for the end itself.
    """
    if enrolment_end is not None or end is None:
        return enrolment_end
    return end - timedelta(days=closes_before)


def enrolment_has_begun(today: date, enrolment_start: date | None) -> bool:
    """Whether the first day on which learners may enrol has come; without one it has from the beginning."""
    return enrolment_start is None or today >= enrolment_start


def has_room(capacity: int | None, learners: int) -> bool:
    """Whether one more than `learners` fits."""
    return capacity is None or learners < capacity


def may_leave(policy: str | None, today: date, start: date) -> bool:
    """Whether learners may leave a batch: always, until it starts, or never."""
    if policy == LEAVE_UNTIL_START:
        return today < start
    return policy != LEAVE_NEVER


def enrolment_is_open(batch: Batch, today: date, learners: int, closes_before: int) -> bool:
    """Whether somebody could enrol into `batch` on `today`, when `learners` are in it."""
    last_day = enrolment_end(batch.end_date, batch.enrolment_end_date, closes_before)
    return (
        status_on(today, batch.start_date, batch.end_date) is not Status.ENDED
        and enrolment_has_begun(today, batch.enrolment_start_date)
        and (last_day is None or today <= last_day)
        and has_room(batch.capacity, learners)
    )


def effects(before: Situation, after: Situation) -> tuple[str, ...]:
    """What becomes different for learners who have not completed the batch."""
    ended, ends = before.status is Status.ENDED, after.status is Status.ENDED
    happens = {
        "progress-ends": ends and not ended,
        "progress-resumes": ended and not ends,
        "may-no-longer-leave": before.may_leave and not after.may_leave,
        "may-leave-again": after.may_leave and not before.may_leave,
    }
    return tuple(effect for effect, does in happens.items() if does)


def made(new: NewBatch, batch_id: str, now: datetime, zone: ZoneInfo) -> Batch:
    """The batch that `new` asks for, with the status that its dates give it. `zone`: the platform's."""
    batch = Batch(
        batch_id=batch_id,
        course_id=new.course_id,
        course_version=None,
        name=new.name,
        description=new.description,
        enrolment_type=new.enrolment_type,
        created_by=new.created_by,
        created_for=new.created_for,
        mentors=new.mentors,
        start_date=new.start_date,
        end_date=new.end_date,
        enrolment_start_date=new.enrolment_start_date,
        enrolment_end_date=new.enrolment_end_date,
        time_zone=new.time_zone,
        capacity=new.capacity,
        leave_policy=new.leave_policy,
        status=Status.UPCOMING,
        templates=new.templates,
        created_at=now,
        updated_at=None,
        revision=1,
    )
    return replace(batch, status=status_now(batch, now, zone))


def is_invite_only(enrolment_type: str) -> bool:
    return enrolment_type.lower() == INVITE_ONLY


def is_enrolment_type(text: str) -> bool:
    return text.lower() in (OPEN, INVITE_ONLY)


def may_change(caller: Caller, batch: Batch) -> bool:
    """Creator and mentors, as they stand before the change, may change a batch (defect 15)."""
    return not caller.authentication_enabled or caller.user_id in (batch.created_by, *batch.mentors)


def changed(batch: Batch, change: Change, now: datetime, zone: ZoneInfo, *, keeps_course: bool) -> Batch:
    """`batch` as `change` leaves it, one revision on, with the status that its new dates give it.

    One that is reopened follows its course's newest publication again, unless batches keep the one they began with.
    """
    moved = replace(
        batch,
        start_date=change.start_date or batch.start_date,
        end_date=change.end_date or batch.end_date,
        enrolment_end_date=change.enrolment_end_date or batch.enrolment_end_date,
        updated_at=now,
        revision=batch.revision + 1,
        **change.fields,
    )
    status = status_now(moved, now, zone)
    reopened = batch.status == Status.ENDED and status is not Status.ENDED
    version = None if reopened and not keeps_course else batch.course_version
    return replace(moved, status=status, course_version=version)


def administered(caller: Caller, roles: Iterable[str]) -> list[str] | None:
    """The organisations whose administrator the caller is; None: of all. Raises: Unauthorized, when of none."""
    names = frozenset(roles)
    held = [role for role in caller.roles if role.name in names]
    if not caller.authentication_enabled or any(not role.organisation_ids for role in held):
        return None
    if not held:
        raise Unauthorized
    return sorted({org_id for role in held for org_id in role.organisation_ids})
