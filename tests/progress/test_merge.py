"""The rules of progress: whatever order reports come in, the state they end in is one and the same."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from lernbatch.course.model import Course, LeafNode
from lernbatch.progress import rules
from lernbatch.progress.model import Completion, ContentState, Report, States

NOW = 1_770_000_000_000
AT = datetime(2026, 2, 3, tzinfo=UTC)
NOTHING_YET = Completion(0, 0, 0, None)

reports = st.builds(
    Report,
    content_id=st.sampled_from(["do_1", "do_2"]),
    course_id=st.just("do_c"),
    status=st.integers(0, 3),
    progress=st.integers(0, 120),
    accessed_ms=st.none() | st.integers(NOW - 3, NOW),
    completed_ms=st.none() | st.integers(NOW - 3, NOW),
    views=st.integers(0, 4),
    completions=st.integers(0, 4),
    details=st.none() | st.sampled_from([{"a": 1}, {"a": 2}, "x", [1]]),
    is_view=st.booleans(),
)


def merged(listed: list[Report], states: States | None = None) -> States:
    return rules.merge_all(states or {}, listed, NOW)


@given(st.lists(reports, max_size=8), st.randoms(use_true_random=False))
def test_any_order_and_any_repetition_end_in_the_same_states(listed: list[Report], random: object) -> None:
    again = listed + listed[: len(listed) // 2]
    random.shuffle(again)  # type: ignore[attr-defined]
    assert merged(again) == merged(listed)


@given(st.lists(reports, max_size=8), st.integers(0, 8))
def test_any_grouping_ends_in_the_same_states(listed: list[Report], cut: int) -> None:
    assert merged(listed[cut:], merged(listed[:cut])) == merged(listed)


@given(st.lists(reports, min_size=1, max_size=8))
def test_no_report_takes_anything_back(listed: list[Report]) -> None:
    states: States = {}
    for report in listed:
        before, states = states, merged([report], states)
        for content_id, old in before.items():
            new = states[content_id]
            assert (new.status, new.progress, new.views, new.completions) >= (old.status, 0, 0, 0)
            assert new.progress >= old.progress
            assert new.views >= old.views
            assert new.completions >= old.completions
            assert (new.last_access_ms or 0) >= (old.last_access_ms or 0)


views_in_order = st.lists(st.booleans(), min_size=1, max_size=150).map(
    lambda completing: [Report("do_1", "do_c", 1 + done, accessed_ms=NOW + n) for n, done in enumerate(completing)]
)


@given(views_in_order, st.randoms(use_true_random=False), st.lists(st.integers(0, 149), max_size=20))
def test_every_view_is_counted_once_if_it_comes_before_eight_later_ones(
    views: list[Report], random: Random, again: list[int]
) -> None:
    late = rules.VIEWS_REMEMBERED - 1
    shuffled = sorted(views, key=lambda report: (report.accessed_ms or 0) + random.uniform(0, late))
    repeated = [
        report for n, report in enumerate(shuffled) for report in shuffled[n : n + 1] + shuffled[: again.count(n)]
    ]
    expected = merged(views)
    assert merged(shuffled) == merged(repeated) == expected
    state = expected["do_1"]
    assert state.views == len(views)
    assert state.completions == sum(report.status == 2 for report in views)
    assert len(state.seen or ()) <= rules.VIEWS_REMEMBERED


@given(st.lists(st.tuples(st.integers(0, 200), st.booleans()), max_size=150))
def test_views_in_any_order_are_never_counted_twice_and_have_a_bound(views: list[tuple[int, bool]]) -> None:
    listed = [Report("do_1", "do_c", 2 if done else 1, accessed_ms=NOW + moment) for moment, done in views]
    moments = len({moment for moment, _ in views})
    for state in merged(listed + listed).values():
        assert min(moments, rules.VIEWS_REMEMBERED) <= state.views <= moments
        assert len(state.seen or ()) <= rules.VIEWS_REMEMBERED


@given(views_in_order, views_in_order)
def test_two_accounts_have_the_views_of_both(views: list[Report], others: list[Report]) -> None:
    others = [replace(report, accessed_ms=(report.accessed_ms or 0) + 1_000) for report in others]
    first, second = merged(views)["do_1"], merged(others)["do_1"]
    joined = rules.join(first, second)
    assert joined == rules.join(second, first)
    assert joined.views == len(views) + len(others)
    assert joined.completions == sum(report.status == 2 for report in views + others)
    assert rules.join(joined, joined) == joined


def test_a_row_of_many_views_is_folded_when_it_is_touched() -> None:
    stored = ContentState(1, 0, 64, 0, NOW, None, NOW, None, tuple((NOW - n) * 2 for n in range(64)))
    touched = merged([Report("do_1", "do_c", 1, accessed_ms=NOW + 1)], {"do_1": stored})["do_1"]
    assert (touched.views, len(touched.seen or ()), touched.older and touched.older.views) == (65, 8, 57)


def test_a_first_partial_report_keeps_its_progress() -> None:
    assert merged([Report("do_1", "do_c", 1, progress=40)])["do_1"].progress == 40


def test_a_report_that_says_nothing_new_leaves_the_very_same_object() -> None:
    states = merged([Report("do_1", "do_c", 2, accessed_ms=NOW)])
    assert rules.merge_all(states, [Report("do_1", "do_c", 1, accessed_ms=NOW)], NOW + 5) is states


def test_one_view_is_stored_without_a_list_of_views() -> None:
    assert merged([Report("do_1", "do_c", 1, accessed_ms=NOW)])["do_1"].seen is None
    twice = merged([Report("do_1", "do_c", 1, accessed_ms=NOW), Report("do_1", "do_c", 2, accessed_ms=NOW + 1)])
    assert twice["do_1"].seen == ((NOW + 1) * 2 + 1, NOW * 2)


def tree(required: int, optional: int) -> Course:
    leaves = tuple(
        LeafNode(f"do_{n}", "", "", "", "", "", n >= required, unit_ids=()) for n in range(required + optional)
    )
    return Course("do_c", "1", "", "Live", "", leaves, (), {})


def done(*numbers: int) -> States:
    return {f"do_{n}": ContentState(2, 100, 1, 1, NOW, NOW, NOW) for n in numbers}


@pytest.mark.parametrize(
    ("course", "states", "expected"),
    [
        (tree(4, 0), {}, (0, 0, 0)),
        (tree(4, 0), done(0), (1, 1, 25)),
        (tree(3, 0), done(0, 1), (1, 2, 66)),  # floored
        (tree(2, 2), done(0, 1), (2, 2, 100)),  # optional ones do not matter
        (tree(2, 2), done(2, 3), (1, 0, 0)),
        (tree(0, 2), done(1), (2, 0, 100)),  # all are optional: the first completes
        (tree(0, 2), {}, (0, 0, 0)),
        (tree(2, 0), done(7, 8), (1, 0, 0)),  # not of this course
        (tree(0, 0), done(0), (1, 0, 0)),  # a tree without leaves completes nobody
    ],
)
def test_completion(course: Course, states: States, expected: tuple[int, int, int]) -> None:
    found = rules.completion(course, states, NOTHING_YET, AT)
    assert (found.status, found.progress, found.percentage) == expected
    assert (found.completed_at == AT) == (found.status == 2)


def test_what_is_completed_stays_so_when_the_course_grows() -> None:
    earlier = Completion(2, 2, 100, AT.replace(year=2025))
    found = rules.completion(tree(5, 0), done(0, 1), earlier, AT)
    assert found == replace(earlier, progress=2)


def test_a_removed_leaf_can_complete_an_open_enrolment() -> None:
    started = rules.completion(tree(3, 0), done(0, 1), NOTHING_YET, AT)
    assert rules.completion(tree(2, 0), done(0, 1), started, AT).status == 2


@pytest.mark.parametrize(
    ("today", "accessed", "taken"),
    [(11, 10, True), (17, 1, True), (18, 10, False), (12, 11, False), (12, None, False), (10, 10, False)],
)
def test_late_reports_are_taken_for_a_week_after_the_end(today: int, accessed: int | None, taken: bool) -> None:
    day = None if accessed is None else date(2026, 3, accessed)
    assert rules.accepts_late(date(2026, 3, today), date(2026, 3, 1), date(2026, 3, 10), day, 7) is taken


def test_last_read_is_the_latest_access_and_of_two_at_once_the_greater_id() -> None:
    for order in itertools.permutations(["do_0", "do_1", "do_2"]):
        states = {content_id: done(int(content_id[-1]))[content_id] for content_id in order}
        assert rules.last_read(states).content_id == "do_2"
