"""Where a learner stands, as tables."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest

from lernbatch.batch.model import Batch
from lernbatch.course.rules import read_tree
from lernbatch.figures import rules
from lernbatch.figures.model import CountedEnrolment, Measure, Reached, Standing
from lernbatch.template.wire import read_templates
from tests.seeds import BOOK, COURSES, EXTRA, PAGE, QUIZ, VIDEO

BEGINS = datetime(2026, 6, 1, tzinfo=UTC)
NOW = BEGINS + timedelta(days=30)
QUIZ_FOR_70 = {"enrollment": {"status": 2}, "assessment": {"score": {">=": 70}}}
ALL = (VIDEO, BOOK, QUIZ, PAGE)


def measure(criteria: dict[str, Any] | None = QUIZ_FOR_70, end: date | None = date(2026, 9, 1)) -> Measure:
    templates = {} if criteria is None else {"t": {"identifier": "t", "name": "Merit", "criteria": criteria}}
    batch = Batch(
        batch_id="b",
        course_id="do_1",
        course_version=None,
        name="June",
        description=None,
        enrolment_type="open",
        created_by="vikram",
        created_for=[],
        mentors=[],
        start_date=BEGINS.date(),
        end_date=end,
        enrolment_start_date=None,
        enrolment_end_date=None,
        time_zone=None,
        capacity=None,
        leave_policy=None,
        status=1,
        templates=templates,
        created_at=BEGINS,
        updated_at=None,
        revision=1,
    )
    return rules.measure(batch, read_tree(COURSES[0]), read_templates(templates), UTC)


def learner(
    *done: str, seen: int | None = 1, score: tuple[float, int] | None = None, joined: int = 29, **fields: Any
) -> CountedEnrolment:
    """Somebody who has completed `done`, was seen `seen` days ago, and has this percent after so many attempts."""
    required = [content_id for content_id in done if content_id != EXTRA]
    values: dict[str, Any] = {
        "user_id": "asha",
        "batch_id": "b",
        "revision": 1,
        "active": True,
        "added_how": "self",
        "enrolled_at": NOW - timedelta(days=joined),
        "status": 2 if len(required) == 4 else 1 if done else 0,
        "percentage": 25 * len(required),
        "completed_at": None,
        "last_access_at": None if seen is None else NOW - timedelta(days=seen),
        "updated_at": NOW,
        "states": msgspec.json.encode({content_id: [2, 100, 1, 1, None, None, 0] for content_id in done}).decode(),
        "scores": msgspec.json.encode({} if score is None else {QUIZ: [score[0], 100, score[1]]}).decode(),
        "certificates": 0,
    }
    return CountedEnrolment(**(values | fields))


@pytest.mark.parametrize(
    ("enrolment", "standing"),
    [
        (learner(active=False), Standing.LEFT),
        (learner(*ALL, certificates=1), Standing.CERTIFIED),
        (learner(seen=None), Standing.NEVER_STARTED),
        (learner(VIDEO, BOOK), Standing.ON_PACE),
        (learner(VIDEO, seen=6), Standing.BEHIND),
        (learner(VIDEO, seen=6, joined=3), Standing.ON_PACE),  # nobody is behind in the first week
        (learner(VIDEO, seen=7), Standing.SLIPPING),
        (learner(VIDEO, seen=13), Standing.SLIPPING),
        (learner(VIDEO, seen=14), Standing.STOPPED),
        (learner(VIDEO, seen=None, joined=20), Standing.STOPPED),  # a report without a time: since he joined
        (learner(VIDEO, BOOK, QUIZ, score=(80, 1), seen=20), Standing.ONE_STEP),  # the page is missing
        (learner(VIDEO, BOOK, QUIZ, score=(60, 1)), Standing.ON_PACE),  # the page and the score
        (learner(VIDEO, BOOK, PAGE, seen=1), Standing.ONE_STEP),  # doing the quiz is one step, with its score
        (learner(*ALL, score=(62, 1)), Standing.ONE_STEP),
        (learner(*ALL, score=(62, 2)), Standing.ONE_STEP),
        (learner(*ALL, score=(62, 3)), Standing.NO_ATTEMPT_LEFT),  # the course lets three
        (learner(*ALL, score=(70, 3)), Standing.COMPLETED),
        (learner(VIDEO, score=(62, 3)), Standing.NO_ATTEMPT_LEFT),  # which nothing else helps
    ],
)
def test_where_a_learner_stands(enrolment: CountedEnrolment, standing: Standing) -> None:
    assert Standing(rules.counted(enrolment, measure(), NOW).standing) is standing


@pytest.mark.parametrize(
    ("enrolment", "criteria", "standing"),
    [
        (learner(VIDEO, BOOK, QUIZ, seen=1), None, Standing.ON_PACE),  # no certificate, no step to one
        (learner(*ALL), None, Standing.COMPLETED),
        (learner(VIDEO, BOOK, QUIZ, score=(10, 3)), {"enrollment": {"status": 2}}, Standing.ONE_STEP),
        (learner(*ALL), {"enrollment": {"status": 2}, "user": {"rootOrgId": "x"}}, Standing.COMPLETED),
        (
            learner(*ALL, score=(90, 2)),
            {"enrollment": {"status": 2}, "assessments": {"contents": {QUIZ: {">=": 95}}}},
            Standing.ONE_STEP,
        ),
        (
            learner(*ALL, score=(90, 2)),
            {"enrollment": {"status": 2}, "assessments": {"score": {">=": 70}, "attempts": {"<=": 1}}},
            Standing.NO_ATTEMPT_LEFT,
        ),
        (
            learner(*ALL, score=(60, 1)),
            QUIZ_FOR_70 | {"assessments": {"score": {">=": 70}, "mode": "all"}},
            Standing.ONE_STEP,
        ),
        (
            learner(*ALL, score=(60, 1)),
            {"enrollment": {"status": 2}, "assessments": {"score": {">=": 70}, "mode": "average"}},
            Standing.ONE_STEP,
        ),
    ],
)
def test_steps_are_those_of_the_certificate_that_is_nearest(
    enrolment: CountedEnrolment, criteria: dict[str, Any] | None, standing: Standing
) -> None:
    assert Standing(rules.counted(enrolment, measure(criteria), NOW).standing) is standing


@pytest.mark.parametrize(
    ("enrolment", "level"),
    [
        (learner(seen=None), Reached.ENROLLED),
        (learner(EXTRA), Reached.STARTED),
        (learner(VIDEO), Reached.STARTED),
        (learner(VIDEO, BOOK), Reached.HALF),
        (learner(*ALL, score=(62, 1)), Reached.COMPLETED),
        (learner(*ALL, score=(70, 1)), Reached.PASSED),
        (learner(*ALL, score=(70, 1), certificates=1), Reached.CERTIFIED),
        (learner(VIDEO, certificates=1), Reached.STARTED),  # awarded early: a level holds all before it
    ],
)
def test_how_far_a_learner_came(enrolment: CountedEnrolment, level: Reached) -> None:
    assert Reached(rules.counted(enrolment, measure(), NOW).reached) is level


@pytest.mark.parametrize("seen", [1, 6, 7, 8, 13, 14])
@pytest.mark.parametrize("done", [(VIDEO,), (VIDEO, BOOK)])
def test_a_standing_holds_until_the_moment_that_is_stored(seen: int, done: tuple[str, ...]) -> None:
    now, moments = NOW, 0
    enrolment = learner(*done, seen=seen)
    while (until := (counted := rules.counted(enrolment, measure(), now)).standing_until) is not None:
        just_before = rules.counted(enrolment, measure(), until - timedelta(microseconds=1))
        assert just_before.standing == counted.standing
        assert rules.counted(enrolment, measure(), until).standing != counted.standing
        now, moments = until, moments + 1
    assert (counted.standing, moments < 4) == (Standing.STOPPED, True)


def test_without_an_end_nobody_is_behind() -> None:
    assert rules.counted(learner(VIDEO, seen=6), measure(end=None), NOW).standing == Standing.ON_PACE


def test_units_tell_what_counts_in_percent_and_where_somebody_stopped() -> None:
    counted = rules.counted(learner(VIDEO, BOOK, EXTRA, seen=20), measure(), NOW)
    assert (counted.units, counted.unit) == ([100, 0], 2)
    said = rules.sentence(counted, measure(), NOW)
    assert (said.key, said.values) == ("stopped", {"days": 20, "unit": 2, "unitName": "Practice"})


def test_the_sentence_of_a_score_names_it_and_the_one_that_is_asked_for() -> None:
    said = rules.sentence(rules.counted(learner(*ALL, score=(62, 1)), measure(), NOW), measure(), NOW)
    assert (said.key, said.values) == (
        "one-step-score",
        {"contentId": QUIZ, "name": "Quiz", "percent": 62, "wanted": ">= 70"},
    )


@pytest.mark.parametrize(
    "other",
    [
        measure(None),
        measure({"enrollment": {"status": 2}}),
        measure(end=date(2026, 9, 2)),
        measure(end=None),
    ],
)
def test_whatever_changes_a_figure_changes_the_digest(other: Measure) -> None:
    assert other.digest != measure().digest
    assert measure().digest == measure().digest
