"""The rules of enrolment, as tables."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from lernbatch.batch.rules import InvalidBatch
from lernbatch.course import filters
from lernbatch.enrolment import rules
from lernbatch.enrolment.model import Eligibility, Enrolment
from lernbatch.errors import LernbatchError
from tests.enrolment.eligibility import OPEN

TODAY = date(2026, 6, 15)
YESTERDAY, TOMORROW = TODAY - timedelta(days=1), TODAY + timedelta(days=1)
ENROLLED = {"active": True, "status": 1}


def refusal(rule: Any, *arguments: Any, **options: Any) -> type[LernbatchError] | None:
    try:
        rule(*arguments, **options)
    except LernbatchError as refused:
        return type(refused)
    return None


@pytest.mark.parametrize(
    ("batch", "by_learner", "refused"),
    [
        ({}, True, None),
        ({"enrolment_type": "invite-only"}, True, rules.WrongEnrolmentType),
        ({"enrolment_type": "invite-only"}, False, None),
        ({"enrolment_type": "secret"}, True, rules.WrongEnrolmentType),
        ({"enrolment_type": "secret"}, False, rules.WrongEnrolmentType),
        ({"end_date": YESTERDAY}, True, rules.BatchEnded),
        ({"end_date": TODAY}, True, rules.EnrolmentClosed),  # without a last day, it is the day before the end
        ({"end_date": TOMORROW}, True, None),
        ({"end_date": TODAY, "enrolment_end_date": TODAY}, True, None),  # a day that is set counts as it is
        ({"enrolment_end_date": TODAY}, True, None),
        ({"enrolment_end_date": YESTERDAY}, True, rules.EnrolmentClosed),
        ({"enrolment_start_date": TODAY}, True, None),
        ({"enrolment_start_date": TOMORROW}, True, rules.EnrolmentNotOpen),
        ({"start_date": TOMORROW}, True, None),  # a batch that is still to come takes enrolments
        ({"active": True}, True, rules.AlreadyEnrolled),
        ({"active": False, "status": 1}, True, None),
        # The order in which the contract complains.
        ({"enrolment_type": "secret", "end_date": YESTERDAY}, True, rules.WrongEnrolmentType),
        ({"end_date": YESTERDAY, "active": True}, True, rules.BatchEnded),
        ({"enrolment_end_date": YESTERDAY, "active": True}, True, rules.EnrolmentClosed),
    ],
)
def test_a_learner_may_enrol_or_is_told_why_not(batch: dict[str, Any], by_learner: bool, refused: Any) -> None:
    eligibility = replace(OPEN, **batch)
    assert (
        refusal(
            rules.check_enrol, eligibility, TODAY, by_learner=by_learner, invite_only_closed=True, closes_days_before=1
        )
        is refused
    )


@pytest.mark.parametrize(
    ("batch", "by_learner", "closed", "refused"),
    [
        (ENROLLED, True, True, None),
        ({}, True, True, rules.NotEnrolled),
        ({"active": False, "status": 1}, True, True, rules.NotEnrolled),
        ({"active": True, "status": 2}, True, True, rules.BatchEnded),
        ({"active": True, "status": 2}, False, True, rules.BatchEnded),
        ({**ENROLLED, "end_date": YESTERDAY}, True, True, rules.BatchEnded),
        ({**ENROLLED, "enrolment_type": "invite-only"}, True, True, rules.WrongEnrolmentType),
        ({**ENROLLED, "enrolment_type": "invite-only"}, True, False, None),
        ({**ENROLLED, "enrolment_type": "invite-only"}, False, True, None),
        ({**ENROLLED, "leave_policy": "never"}, True, True, rules.LeavingClosed),
        ({**ENROLLED, "leave_policy": "never"}, False, True, None),  # it binds who leaves alone
        ({**ENROLLED, "leave_policy": "always"}, True, True, None),
    ],
)
def test_a_learner_may_leave_or_is_told_why_not(
    batch: dict[str, Any], by_learner: bool, closed: bool, refused: Any
) -> None:
    eligibility = replace(OPEN, **batch)
    assert refusal(rules.check_unenrol, eligibility, TODAY, by_learner=by_learner, invite_only_closed=closed) is refused


@pytest.mark.parametrize(
    ("eligibility", "course_id", "refused"),
    [(OPEN, "do_1", None), (OPEN, None, None), (OPEN, "do_2", InvalidBatch), (None, None, InvalidBatch)],
)
def test_a_batch_is_found_by_its_own_course_alone(
    eligibility: Eligibility | None, course_id: str | None, refused: Any
) -> None:
    assert refusal(rules.check_course, eligibility, course_id) is refused


@pytest.mark.parametrize(
    ("status", "progress", "shown"), [(0, 0, 0), (1, 0, 0), (0, 1, 1), (1, 3, 1), (2, 0, 2), (2, 5, 2)]
)
def test_the_list_shows_the_status_that_the_progress_says(status: int, progress: int, shown: int) -> None:
    assert rules.shown_status(status, progress) == shown


NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("reported", "shown"),
    [(None, None), (NOON - timedelta(hours=1), NOON - timedelta(hours=1)), (NOON + timedelta(days=9), NOON)],
)
def test_nothing_was_opened_after_this_service_heard_of_it(reported: datetime | None, shown: datetime | None) -> None:
    enrolment = Enrolment(
        "asha", "b", "do_1", True, None, NOON, 1, 0, 0, None, None, None, reported, NOON, "{}", None, None, [], 1
    )
    assert rules.accessed_at(enrolment) == shown


CONTENT = {"status": "Live", "language": ["English", "Hindi"], "trackable": {"enabled": "Yes"}, "year": 2026}


@pytest.mark.parametrize(
    ("asked", "matches"),
    [
        ({}, True),
        ({"status": "live"}, True),
        ({"status": ["Draft", "LIVE"]}, True),
        ({"status": "Draft"}, False),
        ({"status": []}, True),  # an empty list lets everything pass
        ({"language": "hindi"}, True),
        ({"language": ["Tamil"]}, False),
        ({"trackable.enabled": "Yes"}, True),
        ({"trackable.enabled": "No"}, False),
        ({"trackable.missing": "Yes"}, False),
        ({"status.enabled": "Live"}, False),
        ({"missing": "x"}, False),
        ({"missing": None}, True),
        ({"year": 2026}, True),
        ({"status": "Live", "language": "Tamil"}, False),
    ],
)
def test_a_course_passes_the_filters_of_a_search(asked: dict[str, Any], matches: bool) -> None:
    assert filters.matches(CONTENT, filters.folded(asked)) is matches
