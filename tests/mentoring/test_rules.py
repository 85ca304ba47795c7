"""Whom to help first, and what came of it, as tables."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import permutations

import pytest

from lernbatch.mentoring import rules
from lernbatch.mentoring.model import ContactOutcome, NeedyLearner
from lernbatch.progress.model import ContentState

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def needy(user_id: str, need: int, days: int | None, school: str = "", school_learners: int = 0) -> NeedyLearner:
    return NeedyLearner(
        user_id=user_id,
        batch_id="b",
        need=need,
        standing=1,
        percentage=0,
        unit=1,
        best=None,
        step=None,
        enrolled_at=NOW - 60 * DAY,
        seen_at=None if days is None else NOW - days * DAY,
        school_id=school,
        school_name=school,
        school_learners=school_learners,
    )


STEP = needy("step", 1, 1)
STEP_LONG_AGO = needy("step, long ago", 1, 9)
SLIPPING = needy("slipping", 2, 8)
SLIPPING_LONGER = needy("slipping longer", 2, 13)
BEHIND = needy("behind", 3, 2)
STOPPED = needy("stopped", 3, 40)
NEVER = needy("never", 4, None)
OF_A_SMALL_SCHOOL = needy("of ten", 4, None, "ten", 10)
OF_A_LARGE_SCHOOL = needy("of eleven", 4, None, "eleven", 11)
IN_ORDER = (STEP_LONG_AGO, STEP, SLIPPING_LONGER, SLIPPING, STOPPED, BEHIND)


def test_who_is_nearest_to_a_certificate_comes_first_and_among_equals_who_was_away_longest() -> None:
    for some in permutations(IN_ORDER):
        assert tuple(rules.helped_first(some)) == IN_ORDER


def test_who_never_began_comes_last_and_a_large_school_before_single_learners() -> None:
    entries = rules.helped_first([NEVER, OF_A_SMALL_SCHOOL, OF_A_LARGE_SCHOOL, BEHIND])
    assert entries == [BEHIND, OF_A_LARGE_SCHOOL, NEVER, OF_A_SMALL_SCHOOL]


@pytest.mark.parametrize(("learners", "entries"), [(10, 10), (11, 1), (30, 1)])
def test_more_than_ten_of_one_school_are_one_entry(learners: int, entries: int) -> None:
    school = [needy(f"user {n}", 4, None, "school", learners) for n in range(learners)]
    assert len(rules.helped_first(school)) == entries


def test_two_schools_are_two_entries_and_the_same_school_in_two_batches_too() -> None:
    many = [needy(f"user {n}", 4, None, f"school {n % 2}", 11) for n in range(22)]
    assert len(rules.helped_first(many)) == 2


def test_the_list_has_twelve_entries_at_most() -> None:
    assert len(rules.helped_first([needy(f"user {n}", 1 + n % 4, n) for n in range(40)])) == 12
    assert rules.helped_first([]) == []


def state(updated: datetime) -> ContentState:
    return ContentState(1, 50, 1, 0, None, None, int(updated.timestamp() * 1000))


@pytest.mark.parametrize(
    ("did", "completed", "days", "outcome"),
    [
        ([], None, 0, ContactOutcome.WAITING),
        ([], None, 2.9, ContactOutcome.WAITING),
        ([], None, 3, ContactOutcome.NOTHING),
        ([-1], None, 1, ContactOutcome.WAITING),  # what was before does not count
        ([-1], None, 4, ContactOutcome.NOTHING),
        ([0.1], None, 0.2, ContactOutcome.CAME_BACK),
        ([3], None, 30, ContactOutcome.CAME_BACK),
        ([3.1], None, 30, ContactOutcome.NOTHING),  # so late it was not the contact
        ([-5, 2, 9], None, 30, ContactOutcome.CAME_BACK),
        ([1], 2, 30, ContactOutcome.COMPLETED),
        ([1], 20, 30, ContactOutcome.COMPLETED),
        ([1], -2, 30, ContactOutcome.CAME_BACK),
    ],
)
def test_what_came_of_a_contact(
    did: list[float], completed: float | None, days: float, outcome: ContactOutcome
) -> None:
    states = {str(number): state(NOW + after * DAY) for number, after in enumerate(did)}
    completed_at = None if completed is None else NOW + completed * DAY
    assert rules.outcome(NOW, completed_at, states, NOW + days * DAY) is outcome


def test_a_contact_can_be_undone_for_a_day() -> None:
    rules.check_undo(NOW, NOW + DAY)
    with pytest.raises(rules.TooLateToUndo):
        rules.check_undo(NOW, NOW + DAY + timedelta(seconds=1))


def test_the_strip_has_the_days_of_four_weeks() -> None:
    moments = [NOW - days * DAY for days in (0, 0, 1, 27, 28, -1)]
    states = {
        str(number): ContentState(1, 0, 1, 0, int(at.timestamp() * 1000), None, int((NOW + DAY).timestamp() * 1000))
        for number, at in enumerate(moments)
    }
    assert rules.active_days(states, NOW.date(), UTC) == [date(2026, 6, 4), date(2026, 6, 30), date(2026, 7, 1)]
