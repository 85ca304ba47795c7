"""The rules of enrolment: who may enrol, who may leave, who may do it for others; and the refusals.

Dates are the batch's: its last day of enrolment and whether enrolment is open are rules of batch.rules, enrolment_end
and enrolment_state.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime

from lernbatch.batch import rules as batch
from lernbatch.batch.model import BatchStatus, EnrolmentState
from lernbatch.batch.rules import KnownUser
from lernbatch.config import Config
from lernbatch.course.model import Course
from lernbatch.enrolment.model import Eligibility, Enrolment, JoinOffer, JoinState, Progress
from lernbatch.errors import Refused
from lernbatch.web.caller import Caller


class WrongEnrolmentType(Refused):
    """Learners do not come and go by themselves in an invite-only batch."""

    code = "ENROLLMENT_TYPE_VALIDATION"
    message = "Enrollment type should be invite-only."  # the contract's text, also when it should be open


class BatchEnded(Refused):
    """The batch is over, or the learner has completed it: the contract has one text for both."""

    code = "COURSE_BATCH_ALREADY_COMPLETED"
    message = "Course batch is already completed."


class EnrolmentClosed(Refused):
    code = "COURSE_BATCH_ENROLLMENT_DATE_ENDED"
    message = "Course batch enrollment date has ended."


class EnrolmentNotOpen(Refused):
    """An addition: the batch's enrolment start date is still to come."""

    code = "COURSE_BATCH_ENROLLMENT_NOT_STARTED"
    message = "Course batch enrollment has not started."


class AlreadyEnrolled(Refused):
    code = "USER_ALREADY_ENROLLED_COURSE"
    message = "User has already Enrolled this course ."


class NotEnrolled(Refused):
    code = "USER_NOT_ENROLLED_COURSE"
    message = "User is not enrolled to given course batch."


class BatchFull(Refused):
    """An addition: the batch has a capacity, and it is reached."""

    code = "COURSE_BATCH_CAPACITY_REACHED"
    message = "Course batch has no seat left."


class LeavingClosed(Refused):
    """An addition: the batch's leave policy does not let this learner go now."""

    code = "COURSE_BATCH_LEAVE_NOT_ALLOWED"
    message = "Course batch does not allow to leave now."


class NotToBring(Refused):
    """An addition: nobody of that id, or nobody whom the caller may bring into this batch.

    Both have one text, the contract's of files (E28), so that nobody learns here who exists elsewhere.
    """

    code = "USER_NOT_BELONGS_TO_ANY_ORG"
    message = "User does not belongs to any org ."


def check_course(eligibility: Eligibility | None, course_id: str | None) -> Eligibility:
    """`eligibility`, if there is such a batch and it is of that course. Raises: batch.rules.InvalidBatch (E06)."""
    if eligibility is None or (course_id is not None and eligibility.course_id != course_id):
        raise batch.InvalidBatch
    return eligibility


def check_enrol(
    eligibility: Eligibility, today: date, *, by_learner: bool, invite_only_closed: bool, closes_days_before: int
) -> None:
    """Raises the refusal of enrolling, in the contract's order (E07 to E10).

    `by_learner`: the learner does it; `invite_only_closed`: the installation keeps invite-only batches closed to that;
    `closes_days_before`: see batch.rules.enrolment_end.
    The capacity is not looked at: only the database can say who gets the last seat.
    """
    check_type(eligibility, is_closed=by_learner and invite_only_closed)
    match batch.enrolment_state(eligibility, today, closes_days_before):
        case EnrolmentState.ENDED:
            raise BatchEnded
        case EnrolmentState.CLOSED:
            raise EnrolmentClosed
        case EnrolmentState.NOT_BEGUN:
            raise EnrolmentNotOpen
    if eligibility.active:
        raise AlreadyEnrolled


def join_offer(
    eligibility: Eligibility,
    today: date,
    *,
    is_known: bool,
    invite_only_closed: bool,
    seats_left: int | None,
    closes_days_before: int,
) -> JoinOffer:
    """What the batch offers one person today: by the same refusals as enrolling.

    `is_known`: somebody is signed in; `invite_only_closed`: the installation keeps such batches closed to learners;
    `seats_left` None: no capacity; `closes_days_before`: see batch.rules.enrolment_end.
    """
    if eligibility.active and eligibility.status == Progress.COMPLETED:
        return JoinOffer(JoinState.COMPLETED)
    last_day = batch.enrolment_end(eligibility.end_date, eligibility.enrolment_end_date, closes_days_before)
    try:
        check_running(eligibility, today)
        if eligibility.active:
            return JoinOffer(JoinState.ENROLLED)
        check_enrol(
            eligibility,
            today,
            by_learner=True,
            invite_only_closed=invite_only_closed,
            closes_days_before=closes_days_before,
        )
    except BatchEnded:
        return JoinOffer(JoinState.ENDED, eligibility.end_date)
    except WrongEnrolmentType:
        return JoinOffer(JoinState.INVITE_ONLY)
    except EnrolmentClosed:
        return JoinOffer(JoinState.CLOSED, last_day)
    except EnrolmentNotOpen:
        return JoinOffer(JoinState.NOT_OPEN, eligibility.enrolment_start_date)
    if seats_left is not None and seats_left <= 0:
        return JoinOffer(JoinState.FULL, seats_left=0)
    return JoinOffer(JoinState.JOIN if is_known else JoinState.SIGN_IN, last_day, seats_left)


def check_unenrol(eligibility: Eligibility, today: date, *, by_learner: bool, invite_only_closed: bool) -> None:
    """Raises the refusal of leaving, in the contract's order (E11 to E15).

    `by_learner`, `invite_only_closed`: as in `check_enrol`.
    """
    check_type(eligibility, is_closed=by_learner and invite_only_closed)
    check_running(eligibility, today)
    if not eligibility.active:
        raise NotEnrolled
    if eligibility.status == Progress.COMPLETED:
        raise BatchEnded
    if by_learner and not batch.may_leave(eligibility.leave_policy, today, eligibility.start_date):
        raise LeavingClosed


def check_type(eligibility: Eligibility, *, is_closed: bool) -> None:
    """`is_closed`: invite-only batches are, to who does it. Raises: WrongEnrolmentType."""
    if not batch.is_enrolment_type(eligibility.enrolment_type):
        raise WrongEnrolmentType
    if is_closed and batch.is_invite_only(eligibility.enrolment_type):
        raise WrongEnrolmentType


def check_running(eligibility: Eligibility, today: date) -> None:
    """Raises: BatchEnded."""
    if batch.status_on(today, eligibility.start_date, eligibility.end_date) is BatchStatus.ENDED:
        raise BatchEnded


def reach(caller: Caller, config: Config) -> list[str] | None:
    """The organisations beside a batch's own from which the caller may bring people in; None: all."""
    if config.enrol_across_organisations or batch.is_unbounded(caller, config):
        return None
    return batch.administered(caller, config)


def may_bring_in(
    person: KnownUser | None, created_for: Collection[str], reach: Collection[str] | None, *, has_ended: bool
) -> bool:
    """Whether who manages a batch may enrol `person` there: by hand, by a file, by a plan, by its undoing.

    The person exists, is active, and belongs by root organisation to `created_for`, for whom the batch is, or to
    `reach`, the organisations that the caller administers. None: all. `has_ended`: the account was deleted or merged
    into another here, which the user service may still not say.
    """
    return not has_ended and batch.is_of(person, None if reach is None else (*created_for, *reach))


def leaf_nodes_to_show(enrolment: Enrolment, course: Course) -> int:
    """The contents that stand beside an enrolment's progress: those that count in it, so that 100 % is all of them.

    Optional ones do not count. Who has completed the course is not measured again by what was added to it since.
    """
    count = len(course.required_ids)
    return min(count, enrolment.progress) if enrolment.status == Progress.COMPLETED else count


def accessed_at(enrolment: Enrolment) -> datetime | None:
    """When the course was last opened, but not after this service was told of it (a phone's clock)."""
    reported = enrolment.last_access_at
    return None if reported is None else min(reported, enrolment.updated_at)


def shown_status(status: int, progress: int) -> Progress:
    """The status that the list shows: completed stays completed, else what the progress says (enrolment §2.5.3)."""
    if status == Progress.COMPLETED:
        return Progress.COMPLETED
    return Progress.NOT_STARTED if progress == 0 else Progress.STARTED
