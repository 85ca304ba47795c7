"""Attempts and scores: contract enrolment §3.2 (E45 to E48) and jobs §3."""

from __future__ import annotations

from typing import Any

import pytest

from tests.learning import enrolled, new_batch, new_learner, refusal, report, row, states
from tests.people import Person
from tests.running import Running
from tests.seeds import COURSE, QUIZ, answer

TS = 1_770_000_000_000


def attempt(batch_id: str, *events: Any, attempt_id: str = "a1", ts: int = TS, **more: Any) -> dict[str, Any]:
    return {
        "assessmentTs": ts,
        "courseId": COURSE,
        "contentId": QUIZ,
        "batchId": batch_id,
        "userId": "whoever",
        "attemptId": attempt_id,
        "events": list(events),
        **more,
    }


def submit(service: Running, person: Person, *assessments: dict[str, Any]) -> dict[str, Any]:
    reply = report(service, person, assessments=list(assessments))
    assert reply.status_code == 200, reply.text
    return dict(reply.json()["result"])


def stored(service: Running, person: Person) -> list[Any]:
    return service.sql("SELECT * FROM attempt WHERE user_id = $1 ORDER BY content_id, attempt_id", person.user_id)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        pytest.param({"assessmentTs": ...}, "ATTEMPTED_DATE_REQUIRED", id="e45"),
        pytest.param({"courseId": ""}, "COURSE_ID_REQUIRED_ERROR", id="e46_course"),
        pytest.param({"contentId": None}, "CONTENT_ID_REQUIRED_ERROR", id="e46_content"),
        pytest.param({"batchId": " "}, "COURSE_BATCH_ID_MISSING", id="e47_batch"),
        pytest.param({"userId": ""}, "USERID_MISSING", id="e47_user"),
        pytest.param({"attemptId": ""}, "ATTEMPT_ID_REQUIRED_ERROR", id="e48_attempt"),
        pytest.param({"events": ...}, "EVENTS_DATA_MISSING", id="e48_events"),
    ],
)
def test_e45_e46_e47_e48_what_an_assessment_lacks_is_named(
    service: Running, changed: dict[str, Any], code: str
) -> None:
    sent = {key: value for key, value in {**attempt("1"), **changed}.items() if value is not ...}
    assert refusal(report(service, new_learner(), assessments=[sent]))[:2] == (400, code)


def test_an_attempt_is_stored_with_its_questions_and_scores(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    assert submit(service, asha, attempt(batch_id, answer(1, 1.0), answer(2, 0.5))) == {
        QUIZ: "SUCCESS",
        batch_id: "SUCCESS",
    }
    (found,) = stored(service, asha)
    assert (found["score"], found["max_score"], found["attempted_ms"]) == (1.5, 2.0, TS)
    assert [question["id"] for question in found["questions"]] == ["do_q1", "do_q2"]
    assert found["questions"][0]["resvalues"] == [{"1": '{"text":"A"}'}]
    assert row(service, asha, batch_id)["scores"] == {QUIZ: [1.5, 2.0, 1]}


def test_of_one_question_the_latest_answer_counts(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    late, early = answer(1, 0.0, ets=TS + 9), answer(1, 1.0, ets=TS)
    submit(service, asha, attempt(batch_id, late, early, answer(2, 1.0)))
    assert (stored(service, asha)[0]["score"], stored(service, asha)[0]["max_score"]) == (1.0, 2.0)


def test_a_later_delivery_replaces_an_attempt_and_an_earlier_one_does_not(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    submit(service, asha, attempt(batch_id, answer(1, 1.0), ts=TS + 5))
    submit(service, asha, attempt(batch_id, answer(1, 0.5), ts=TS))
    assert stored(service, asha)[0]["score"] == 1.0
    submit(service, asha, attempt(batch_id, answer(1, 0.25), ts=TS + 6))
    assert stored(service, asha)[0]["score"] == 0.25
    assert row(service, asha, batch_id)["scores"] == {QUIZ: [0.25, 1.0, 1]}


def test_the_best_attempt_is_the_one_with_most_marks(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    submit(service, asha, attempt(batch_id, answer(1, 1.0), attempt_id="a"))
    submit(service, asha, attempt(batch_id, *(answer(n, 0.5) for n in range(4)), attempt_id="b"))
    submit(service, asha, attempt(batch_id, answer(1, 0.5), attempt_id="c"))
    assert row(service, asha, batch_id)["scores"] == {QUIZ: [2.0, 4.0, 3]}


def test_an_attempt_delivered_many_times_counts_once(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    sent = attempt(batch_id, answer(1, 1.0))
    submit(service, asha, sent, sent)
    before = row(service, asha, batch_id)
    submit(service, asha, sent)
    assert row(service, asha, batch_id) == before
    assert before["scores"] == {QUIZ: [1.0, 1.0, 1]}


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param({"contentId": "do_elsewhere", "events": [answer(1, 1.0)]}, id="foreign_content"),
        pytest.param({"events": [answer(n, 1.0) for n in range(5)]}, id="more_answers_than_questions"),
        pytest.param({"events": [{"eid": "ASSESS"}]}, id="unreadable"),
        pytest.param({"events": []}, id="no_answers"),
    ],
)
def test_an_attempt_that_does_not_count_still_completes_its_content(service: Running, sent: dict[str, Any]) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    result = submit(service, asha, attempt(batch_id, **sent))
    content_id = sent.get("contentId", QUIZ)
    assert result == {content_id: "SUCCESS", batch_id: "SUCCESS"}
    assert stored(service, asha) == []
    assert states(service, asha, batch_id)[content_id]["status"] == 2


def test_an_attempt_is_of_the_caller_whoever_it_names(service: Running) -> None:
    batch_id = new_batch(service)
    asha, kavya = enrolled(service, batch_id), enrolled(service, batch_id)
    submit(service, asha, attempt(batch_id, answer(1, 1.0), userId=kavya.user_id))
    assert (len(stored(service, asha)), len(stored(service, kavya))) == (1, 0)


def test_the_state_read_shows_at_most_the_configured_number_of_attempts(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    submit(service, asha, *(attempt(batch_id, answer(1, 1.0), attempt_id=f"a{n:02d}") for n in range(30)))
    shown = states(service, asha, batch_id, fields=["score"])[QUIZ]["score"]
    assert [one["attemptId"] for one in shown] == [f"a{n:02d}" for n in range(25)]
    assert row(service, asha, batch_id)["scores"][QUIZ][2] == 25


def test_of_more_attempts_than_the_setting_the_best_are_kept_whatever_the_order(service: Running) -> None:
    batch_id = new_batch(service)
    sent = [attempt(batch_id, answer(1, n / 40), ts=TS + n % 7, attempt_id=f"a{n:02d}") for n in range(40)]
    kept = [f"a{n:02d}" for n in range(15, 40)]
    for order in (sent, sent[::-1], [*sent[1::2], *sent[::2], *sent]):
        asha = enrolled(service, batch_id)
        for part in range(0, len(order), 9):
            submit(service, asha, *order[part : part + 9])
        assert sorted(found["attempt_id"] for found in stored(service, asha)) == kept
        assert row(service, asha, batch_id)["scores"][QUIZ] == [39 / 40, 1.0, 25]
        revision = row(service, asha, batch_id)["revision"]
        submit(service, asha, *sent[:5])  # which were not kept, and are not now
        assert row(service, asha, batch_id)["revision"] == revision


@pytest.mark.parametrize(
    ("score", "max_score", "kept"),
    [(999, 1, (1.0, 1.0)), (-5, 1, (0.0, 1.0)), (0.5, -3, (0.0, 0.0)), (7, 0, (0.0, 0.0)), (1e300, 2, (2.0, 2.0))],
)
def test_a_score_lies_between_nothing_and_its_maximum(
    service: Running, score: float, max_score: float, kept: tuple[float, float]
) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    submit(service, asha, attempt(batch_id, answer(1, score, max_score=max_score), answer(2, 1.0)))
    (found,) = stored(service, asha)
    assert (found["score"], found["max_score"]) == (kept[0] + 1, kept[1] + 1)
    assert (found["questions"][0]["score"], found["questions"][0]["max_score"]) == kept
    (shown,) = states(service, asha, batch_id, fields=["score"])[QUIZ]["score"]
    assert (shown["totalScore"], shown["totalMaxScore"]) == (kept[0] + 1, kept[1] + 1)


@pytest.mark.parametrize("when", ["2026-02-03 10:20:30:456+0530", "soon", None, True, -1, 1e20, [TS]])
def test_an_assessments_time_in_another_form_is_the_callers_mistake(service: Running, when: object) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    refused = report(service, asha, assessments=[{**attempt(batch_id, answer(1, 1.0)), "assessmentTs": when}])
    assert refusal(refused) == (400, "DATE_FORMAT_ERRROR", "Date format error.")


def test_an_attempt_of_tomorrow_is_shown_as_of_today(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    submit(service, asha, attempt(batch_id, answer(1, 1.0), ts=service.clock.now_ms() + 86_400_000))
    (shown,) = states(service, asha, batch_id, fields=["score"])[QUIZ]["score"]
    assert shown["lastAttemptedOn"] <= service.clock.now_ms()
    (seen,) = service.sql("SELECT attempted_at FROM analyst.attempt WHERE user_id = $1", asha.user_id)
    assert seen["attempted_at"] <= service.clock.now()


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param({"events": [{**answer(1, 1.0), "note": "x" * 65_536}]}, id="a question"),
        pytest.param({"events": [{**answer(n, 1.0), "note": "x" * 60_000} for n in range(5)]}, id="all questions"),
        pytest.param({"note": "x" * 262_144}, id="beside the questions"),
    ],
)
def test_an_attempt_has_a_bound(service: Running, sent: dict[str, Any]) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    refused = report(service, asha, assessments=[{**attempt(batch_id, answer(1, 1.0)), **sent}])
    assert refusal(refused)[:2] == (400, "DATA_SIZE_EXCEEDED")
    assert stored(service, asha) == []
