"""What is true of batches: status by date, enrolment by date, who may change and manage them; and the refusals."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from lernbatch.batch.model import (
    INVITE_ONLY,
    LEAVE_NEVER,
    LEAVE_UNTIL_START,
    OPEN,
    Batch,
    BatchChange,
    BatchDates,
    BatchStatus,
    Effect,
    EnrolmentState,
    NewBatch,
    Situation,
)
from lernbatch.config import Config
from lernbatch.errors import Forbidden, LernbatchError, NotFound, Refused
from lernbatch.web.caller import Caller

# Who may make batches and manage them, by their roles; whose batch it is, is another question: see may_manage.
MANAGER_ROLES = ("CONTENT_CREATOR", "COURSE_CREATOR", "COURSE_MENTOR")
# What a change of is noted: the API's name → ours.
NOTED_FIELDS = {
    "name": "name",
    "description": "description",
    "startDate": "start_date",
    "endDate": "end_date",
    "enrollmentStartDate": "enrolment_start_date",
    "enrollmentEndDate": "enrolment_end_date",
    "enrollmentType": "enrolment_type",
    "capacity": "capacity",
    "leavePolicy": "leave_policy",
    "mentors": "mentors",
    "createdFor": "created_for",
}
LONGEST_NOTED = 200  # characters of a value
# The fields of a user that may be shown to anybody: in certificates, and in templates' criteria.
SHAREABLE = ("rootOrgId", "rootOrgName", "userType", "userSubType")


class InvalidBatch(Refused):
    """No batch of that id in that course."""

    code = "INVALID_COURSE_BATCH_ID"
    message = "Invalid course batch id "  # the trailing blank is the contract's


class InvalidOrganisation(Refused):
    code = "INVALID_ORG_ID"
    message = "INVALID_ORG_ID"


class ForeignOrganisation(Forbidden):
    """An addition: batches are made for one's own organisations, or for those that one administers."""

    message = "A batch can be made only for your own organisations."


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
    """The whole object of the call is missing (P1), or it is larger than its bound."""

    code = "INVALID_REQUESTED_DATA"
    message = "Requested data for this operation is not valid."


class UnexpectedParameter(Refused):
    """A field that this call does not set (C17, U14)."""

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


class TooManyChanges(LernbatchError):
    """So many change the batch at once that this change was not applied in time."""

    http_status = 409
    code = "BATCH_BUSY"
    message = "Many are changing this batch at this moment. Read it, and send the change again."


def status_on(today: date, start: date, end: date | None) -> BatchStatus:
    """The status a batch has on `today`; its end date is its last day.

    Source: contract jobs §1, the effective dates of the status updater.
    """
    if end is not None and today > end:
        return BatchStatus.ENDED
    return BatchStatus.ONGOING if today >= start else BatchStatus.UPCOMING


def status_due_on(status: BatchStatus, start: date, end: date | None) -> date | None:
    """The day on which `status` stops being right; None if never."""
    if status is BatchStatus.UPCOMING:
        return start
    if status is BatchStatus.ONGOING and end is not None and end < date.max:
        return end + timedelta(days=1)
    return None


def day_in(time_zone: str | None, now: datetime, platform: ZoneInfo) -> date:
    """The day that `now` is for a batch: in its own time zone, else in the platform's."""
    return now.astimezone(ZoneInfo(time_zone) if time_zone else platform).date()


def status_now(batch: Batch, now: datetime, zone: ZoneInfo) -> BatchStatus:
    """The status of `batch` at `now`, whatever is stored. `zone`: the platform's."""
    return status_on(day_in(batch.time_zone, now, zone), batch.start_date, batch.end_date)


def enrolment_end(end: date | None, enrolment_end: date | None, closes_days_before: int) -> date | None:
    """The last day on which learners may enrol: the given one, else so many days before the end; None: no last day.

    `closes_days_before`: the setting `enrolment_closes_days_before_end`, 1 or 0 days. This rule stands here alone: a
    search compares its stored result.
    """
    if enrolment_end is not None or end is None:
        return enrolment_end
    return end - timedelta(days=closes_days_before)


def enrolment_state(batch: BatchDates, today: date, closes_days_before: int) -> EnrolmentState:
    """Whether the dates of `batch` let learners in on `today`. This rule stands here alone.

    A batch that has ended is ENDED, whatever its enrolment dates say; one whose last day of enrolment lies before its
    first is CLOSED. `closes_days_before`: see enrolment_end. Source: contract enrolment §2.1, E08 to E10.
    """
    if status_on(today, batch.start_date, batch.end_date) is BatchStatus.ENDED:
        return EnrolmentState.ENDED
    last_day = enrolment_end(batch.end_date, batch.enrolment_end_date, closes_days_before)
    if last_day is not None and today > last_day:
        return EnrolmentState.CLOSED
    if batch.enrolment_start_date is not None and today < batch.enrolment_start_date:
        return EnrolmentState.NOT_BEGUN
    return EnrolmentState.OPEN


def may_leave(policy: str | None, today: date, start: date) -> bool:
    """Whether learners may leave a batch: always, until it starts, or never."""
    if policy == LEAVE_UNTIL_START:
        return today < start
    return policy != LEAVE_NEVER


def enrolment_is_open(batch: Batch, today: date, learners: int, closes_days_before: int) -> bool:
    """Whether somebody could enrol into `batch` on `today`, when `learners` are in it."""
    is_open = enrolment_state(batch, today, closes_days_before) is EnrolmentState.OPEN
    return is_open and (batch.capacity is None or learners < batch.capacity)


def effects(before: Situation, after: Situation) -> tuple[Effect, ...]:
    """What becomes different for learners who have not completed the batch, in the order of the wire."""
    ended, ends = before.status is BatchStatus.ENDED, after.status is BatchStatus.ENDED
    occurs: dict[Effect, bool] = {
        "progress-ends": ends and not ended,
        "progress-resumes": ended and not ends,
        "may-no-longer-leave": before.may_leave and not after.may_leave,
        "may-leave-again": after.may_leave and not before.may_leave,
    }
    return tuple(effect for effect, is_so in occurs.items() if is_so)


def new_batch(new: NewBatch, batch_id: str, now: datetime, zone: ZoneInfo) -> Batch:
    """Return the first revision of a new batch, with the status that its dates give it. `zone`: the platform's."""
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
        status=BatchStatus.UPCOMING,
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


class Owned(Protocol):
    """What has a creator, mentors and organisations: a batch, a learner's place in it, a report of it."""

    @property
    def created_by(self) -> str | None: ...
    @property
    def created_for(self) -> Sequence[str]: ...
    @property
    def mentors(self) -> Sequence[str]: ...


class KnownUser(Protocol):
    """A user of the user service."""

    @property
    def is_active(self) -> bool: ...
    @property
    def root_org_id(self) -> str: ...


def is_of(person: KnownUser | None, organisation_ids: Collection[str] | None) -> bool:
    """Whether `person` exists, is active, and belongs by root organisation to one of these; None: to any."""
    return (
        person is not None and person.is_active and (organisation_ids is None or person.root_org_id in organisation_ids)
    )


def owns(owned: Owned, user_id: str | None, organisation_ids: Collection[str] | None) -> bool:
    """Whether a batch belongs to a user: to its creator, a mentor, or an administrator of one of its organisations.

    `user_id` None: a caller without an id, who is nobody's creator or mentor. `organisation_ids`: the organisations
    that the user administers; None: all.
    """
    if user_id is not None and user_id in (owned.created_by, *owned.mentors):
        return True
    return organisation_ids is None or any(org in organisation_ids for org in owned.created_for)


def may_change(caller: Caller, owned: Owned) -> bool:
    """Creator and mentors, as they stand before the change, may change a batch (defect 15); administrators may not."""
    return not caller.authentication_enabled or owns(owned, caller.user_id, ())


def may_manage(caller: Caller, owned: Owned, config: Config, roles: Iterable[str] | None = None) -> bool:
    """Whether the caller manages a batch: may enrol others, award certificates, see the learners.

    `roles`: role names that count instead of the administrators', for reports. All rooms call this one rule.
    """
    administered = caller.organisations_with(config.administrator_roles if roles is None else roles)
    return is_unbounded(caller, config) or owns(owned, caller.user_id, administered)


def is_unbounded(caller: Caller, config: Config) -> bool:
    """Whether ownership does not count, for this caller or in this installation."""
    return not config.ownership_enforced or not caller.authentication_enabled


def administers(
    caller: Caller, organisation_ids: Iterable[str], config: Config, roles: Iterable[str] | None = None
) -> bool:
    """Whether the caller administers one of the organisations; none of them: the whole platform. `roles`: as above."""
    names = config.administrator_roles if roles is None else roles
    return is_unbounded(caller, config) or caller.administers(organisation_ids, names)


def foreign_organisations(
    caller: Caller, organisation_ids: Iterable[str], own: Collection[str], administrator_roles: Iterable[str]
) -> list[str]:
    """Those of `organisation_ids` for which the caller may not make batches. `own`: the caller's organisations."""
    if not caller.authentication_enabled or not caller.is_user:
        return []  # a system with a key of its own, or the platform's network, acts for all of them
    roles = tuple(administrator_roles)
    return [org for org in organisation_ids if org not in own and not caller.administers([org], roles)]


def changed(batch: Batch, change: BatchChange, now: datetime, zone: ZoneInfo, *, keeps_course: bool) -> Batch:
    """Return the next revision of `batch`, with the status that its new dates give it. `zone`: the platform's.

    A reopened batch follows its course's newest publication again, unless `keeps_course`.
    """
    changed = replace(
        batch,
        start_date=change.start_date or batch.start_date,
        end_date=change.end_date or batch.end_date,
        enrolment_end_date=change.enrolment_end_date or batch.enrolment_end_date,
        updated_at=now,
        revision=batch.revision + 1,
        **change.fields,
    )
    status = status_now(changed, now, zone)
    reopened = batch.status == BatchStatus.ENDED and status is not BatchStatus.ENDED
    version = None if reopened and not keeps_course else batch.course_version
    return replace(changed, status=status, course_version=version)


def differences(before: Batch, after: Batch) -> dict[str, tuple[str | None, str | None] | None]:
    """What a change has changed: field, as the API calls it, → before and after as texts; None of those with ids."""
    changes: dict[str, tuple[str | None, str | None] | None] = {}
    for name, field in NOTED_FIELDS.items():
        old, new = getattr(before, field), getattr(after, field)
        if old != new:
            is_listed = isinstance(old, list)
            changes[name] = None if is_listed else (_noted(old), _noted(new))
    return changes


def _noted(value: date | str | int | None) -> str | None:
    return None if value is None else str(value)[:LONGEST_NOTED]


def administered(caller: Caller, config: Config) -> list[str] | None:
    """The ids of the organisations that the caller administers, sorted; None: all."""
    held_in = caller.organisations_with(config.administrator_roles)
    return None if not caller.authentication_enabled or held_in is None else sorted(held_in)
