"""What is true of batches, as tables: a line is a case."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from lernbatch.batch import rules
from lernbatch.batch.model import BatchChange, BatchStatus, EnrolmentState, Situation
from lernbatch.config import Config
from lernbatch.web.caller import Caller, Role
from tests.batch.samples import JUNE
from tests.people import ADMIN, ASHA, HOME_ORG, MEERA, OTHER_ORG, VIKRAM

UPCOMING, ONGOING, ENDED = BatchStatus.UPCOMING, BatchStatus.ONGOING, BatchStatus.ENDED
KOLKATA = ZoneInfo("Asia/Kolkata")


def june(day: int) -> date:
    return date(2026, 6, day)


@pytest.mark.parametrize(
    ("today", "end", "status"),
    [
        (date(2026, 5, 31), june(30), UPCOMING),
        (june(1), june(30), ONGOING),  # the first day counts
        (june(30), june(30), ONGOING),  # and so does the last one
        (date(2026, 7, 1), june(30), ENDED),
        (date(2026, 5, 31), None, UPCOMING),
        (date.max, None, ONGOING),  # an open end never comes
    ],
)
def test_the_status_follows_the_dates(today: date, end: date | None, status: BatchStatus) -> None:
    assert rules.status_on(today, june(1), end) is status


@pytest.mark.parametrize(
    ("status", "end", "due_on"),
    [
        (UPCOMING, june(30), june(1)),
        (ONGOING, june(30), date(2026, 7, 1)),
        (ONGOING, None, None),
        (ONGOING, date.max, None),  # there is no day after it
        (ENDED, june(30), None),
    ],
)
def test_a_status_is_due_on_the_day_on_which_it_stops_being_right(
    status: BatchStatus, end: date | None, due_on: date | None
) -> None:
    assert rules.status_due_on(status, june(1), end) == due_on
    if due_on is not None:
        assert rules.status_on(due_on, june(1), end) is not status


@pytest.mark.parametrize(
    ("time_zone", "day"),
    [
        (None, june(2)),  # 00:30 in Kolkata, the platform's zone
        ("Asia/Kolkata", june(2)),
        ("UTC", june(1)),
        ("Pacific/Honolulu", june(1)),
        ("Pacific/Kiritimati", june(2)),
    ],
)
def test_a_day_begins_in_the_zone_of_the_batch(time_zone: str | None, day: date) -> None:
    assert rules.day_in(time_zone, datetime(2026, 6, 1, 19, 0, tzinfo=UTC), KOLKATA) == day


@pytest.mark.parametrize(
    ("end", "enrolment_end", "closes_days_before", "last_day"),
    [
        (june(30), None, 1, june(29)),
        (june(30), None, 0, june(30)),
        (june(30), june(10), 1, june(10)),  # what was given stands, whatever the setting
        (june(30), june(30), 1, june(30)),
        (None, june(10), 1, june(10)),
        (None, None, 1, None),
    ],
)
def test_enrolment_ends_as_given_or_so_many_days_before_the_end(
    end: date | None, enrolment_end: date | None, closes_days_before: int, last_day: date | None
) -> None:
    assert rules.enrolment_end(end, enrolment_end, closes_days_before) == last_day


NOT_BEGUN, OPEN, CLOSED = EnrolmentState.NOT_BEGUN, EnrolmentState.OPEN, EnrolmentState.CLOSED
OVER = EnrolmentState.ENDED


@pytest.mark.parametrize(
    ("today", "enrolment_start", "enrolment_end", "closes_days_before", "state"),
    [
        (date(2026, 5, 1), None, None, 1, OPEN),  # long before the batch starts
        (june(29), None, None, 1, OPEN),
        (june(30), None, None, 1, CLOSED),
        (june(30), None, None, 0, OPEN),
        (june(10), None, june(10), 1, OPEN),
        (june(11), None, june(10), 1, CLOSED),
        (june(4), june(5), None, 1, NOT_BEGUN),
        (june(5), june(5), None, 1, OPEN),
        (date(2026, 7, 1), None, None, 0, OVER),
        (date(2026, 7, 1), date(2026, 7, 2), june(10), 1, OVER),  # that it is over comes first
        (june(12), june(20), june(10), 1, CLOSED),  # then that enrolment is
    ],
)
def test_enrolment_is_open_between_its_dates(
    today: date,
    enrolment_start: date | None,
    enrolment_end: date | None,
    closes_days_before: int,
    state: EnrolmentState,
) -> None:
    batch = replace(JUNE, enrolment_start_date=enrolment_start, enrolment_end_date=enrolment_end)
    assert rules.enrolment_state(batch, today, closes_days_before) is state
    assert rules.enrolment_is_open(batch, today, 0, closes_days_before) is (state is OPEN)


@pytest.mark.parametrize(
    ("capacity", "learners", "is_open"), [(None, 10**6, True), (2, 1, True), (2, 2, False), (2, 3, False)]
)
def test_enrolment_is_open_while_there_is_a_place(capacity: int | None, learners: int, is_open: bool) -> None:
    assert rules.enrolment_is_open(replace(JUNE, capacity=capacity), june(5), learners, 1) is is_open


@pytest.mark.parametrize(
    ("policy", "before_start", "on_start"),
    [(None, True, True), ("always", True, True), ("until-start", True, False), ("never", False, False)],
)
def test_learners_leave_as_the_policy_says(policy: str | None, before_start: bool, on_start: bool) -> None:
    assert rules.may_leave(policy, date(2026, 5, 31), june(1)) is before_start
    assert rules.may_leave(policy, june(1), june(1)) is on_start


def situation(status: BatchStatus, *, may_leave: bool) -> Situation:
    return Situation(status, enrolment_is_open=True, last_enrolment_day=None, may_leave=may_leave, seats_left=None)


@pytest.mark.parametrize(
    ("before", "after", "effects"),
    [
        ((ONGOING, True), (ONGOING, True), ()),
        ((UPCOMING, True), (ONGOING, True), ()),
        ((ONGOING, True), (ENDED, True), ("progress-ends",)),
        ((ENDED, True), (ONGOING, True), ("progress-resumes",)),
        ((ENDED, True), (ENDED, True), ()),
        ((UPCOMING, True), (ONGOING, False), ("may-no-longer-leave",)),
        ((ONGOING, False), (UPCOMING, True), ("may-leave-again",)),
        ((ONGOING, True), (ENDED, False), ("progress-ends", "may-no-longer-leave")),
    ],
)
def test_a_change_has_these_effects_on_learners(
    before: tuple[BatchStatus, bool], after: tuple[BatchStatus, bool], effects: tuple[str, ...]
) -> None:
    assert rules.effects(*(situation(status, may_leave=leave) for status, leave in (before, after))) == effects


@pytest.mark.parametrize(
    ("text", "is_type", "is_invite_only"),
    [
        ("open", True, False),
        ("OPEN", True, False),
        ("Invite-Only", True, True),
        ("invite only", False, False),
        ("", False, False),
    ],
)
def test_enrolment_types_are_spelled_in_any_letter_case(text: str, is_type: bool, is_invite_only: bool) -> None:
    assert (rules.is_enrolment_type(text), rules.is_invite_only(text)) == (is_type, is_invite_only)


@pytest.mark.parametrize(
    ("user_id", "administers", "owned"),
    [
        (VIKRAM.user_id, (), True),  # the creator
        (MEERA.user_id, (), True),  # a mentor
        (ASHA.user_id, (), False),
        (ASHA.user_id, (HOME_ORG,), True),
        (ASHA.user_id, (OTHER_ORG,), False),
        (ASHA.user_id, None, True),  # of all organisations
        (None, (), False),
    ],
)
def test_a_batch_is_its_creators_its_mentors_and_its_administrators(
    user_id: str | None, administers: tuple[str, ...] | None, owned: bool
) -> None:
    assert rules.owns(JUNE, user_id, administers) is owned


def test_a_batch_without_a_creator_is_not_of_somebody_without_an_id() -> None:
    nobodys = replace(JUNE, created_by=None, mentors=[])
    assert not rules.owns(nobodys, None, ())
    assert not rules.may_change(Caller(), nobodys)
    assert not rules.may_manage(Caller(), nobodys, Config())


def caller(user_id: str | None, *roles: Role) -> Caller:
    return Caller(user_id=user_id, token="a token", roles=roles)


HOME_ADMIN = Role("ORG_ADMIN", frozenset((HOME_ORG,)))
OTHER_ADMIN = Role("ORG_ADMIN", frozenset((OTHER_ORG,)))
PLATFORM_ADMIN = Role("SYSTEM_ADMINISTRATION", frozenset())
CREATOR_EVERYWHERE = Role("COURSE_CREATOR", frozenset())


@pytest.mark.parametrize(
    ("who", "manages", "changes"),
    [
        (caller(VIKRAM.user_id), True, True),
        (caller(MEERA.user_id), True, True),
        (caller(ASHA.user_id), False, False),
        (caller(ADMIN.user_id, HOME_ADMIN), True, False),  # administrators see and award, they do not change
        (caller(ADMIN.user_id, OTHER_ADMIN), False, False),
        (caller(ADMIN.user_id, PLATFORM_ADMIN), True, False),
        (caller(ADMIN.user_id, CREATOR_EVERYWHERE), False, False),  # no role of administrators
        (Caller(authentication_enabled=False), True, True),
    ],
)
def test_who_manages_a_batch_and_who_changes_it(who: Caller, manages: bool, changes: bool) -> None:
    assert rules.may_manage(who, JUNE, Config()) is manages
    assert rules.may_change(who, JUNE) is changes


def test_where_ownership_does_not_count_everybody_manages_but_does_not_change() -> None:
    stranger = caller(ASHA.user_id)
    assert rules.may_manage(stranger, JUNE, Config(ownership_enforced=False))
    assert not rules.may_change(stranger, JUNE)


@pytest.mark.parametrize(
    ("who", "own", "foreign"),
    [
        (caller(VIKRAM.user_id), {HOME_ORG}, [OTHER_ORG]),
        (caller(VIKRAM.user_id), set(), [HOME_ORG, OTHER_ORG]),
        (caller(ADMIN.user_id, OTHER_ADMIN), {HOME_ORG}, []),
        (caller(ADMIN.user_id, PLATFORM_ADMIN), set(), []),
        (Caller(), set(), []),  # a system acts for all of them
    ],
)
def test_batches_are_made_for_ones_own_organisations(who: Caller, own: set[str], foreign: list[str]) -> None:
    roles = Config().administrator_roles
    assert rules.foreign_organisations(who, [HOME_ORG, OTHER_ORG], own, roles) == foreign


@pytest.mark.parametrize(
    ("stored", "new_end", "keeps_course", "status", "version"),
    [
        (BatchStatus.ENDED, date(2026, 8, 1), False, ONGOING, None),  # reopened: the newest publication
        (BatchStatus.ENDED, date(2026, 8, 1), True, ONGOING, "7-abc"),
        (BatchStatus.ONGOING, date(2026, 8, 1), False, ONGOING, "7-abc"),
        (BatchStatus.ENDED, None, False, ENDED, "7-abc"),
    ],
)
def test_a_reopened_batch_follows_its_course_again(
    stored: BatchStatus, new_end: date | None, keeps_course: bool, status: BatchStatus, version: str | None
) -> None:
    batch = replace(JUNE, status=stored, course_version="7-abc")
    change = BatchChange(batch.course_id, batch.batch_id, batch.start_date, new_end, None)
    changed = rules.changed(batch, change, datetime(2026, 7, 2, tzinfo=UTC), KOLKATA, keeps_course=keeps_course)
    assert (changed.status, changed.course_version, changed.revision) == (status, version, batch.revision + 1)
