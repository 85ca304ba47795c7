"""Content state read: contract enrolment §3.1, case by case."""

from __future__ import annotations

import pytest

from tests.learning import complete, enrolled, item, new_batch, new_learner, refusal, report, states
from tests.running import Running
from tests.seeds import BOOK, COURSE, QUIZ, VIDEO, answer

PATH = "/v1/content/state/read"


def test_a_state_has_every_field_of_the_contract(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    details = {"mimeType": "video/mp4", "current": ["60"]}
    report(
        service, asha, item(batch_id, VIDEO, 1, lastAccessTime="2026-01-27 07:13:10:000+0000", progressdetails=details)
    )
    assert states(service, asha, batch_id)[VIDEO] == {
        "contentId": VIDEO,
        "courseId": COURSE,
        "collectionId": COURSE,
        "batchId": batch_id,
        "status": 1,
        "progress": 0,
        "viewCount": 1,
        "completedCount": 0,
        "completionPercentage": None,
        "lastAccessTime": "2026-01-27 12:43:10:000+0530",
        "lastCompletedTime": None,
        "progressdetails": details,
    }


def test_contents_come_in_the_order_of_their_ids_and_can_be_chosen(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    complete(service, asha, batch_id, QUIZ, VIDEO, BOOK)
    assert list(states(service, asha, batch_id)) == [VIDEO, BOOK, QUIZ]
    assert list(states(service, asha, batch_id, contentIds=[BOOK, "do_other"])) == [BOOK]


@pytest.mark.parametrize("key", ["courseIds", "contentIds"])
def test_e37_e38_ids_come_in_lists(service: Running, key: str) -> None:
    reply = service.call("POST", PATH, new_learner(), {"courseId": COURSE, "batchId": "1", key: "do_1"})
    assert refusal(reply) == (400, "DATA_TYPE_ERROR", f"Data type of {key} should be List.")


@pytest.mark.parametrize(
    ("request_body", "parameter"),
    [
        ({"batchId": "1"}, "courseId"),
        ({"collectionId": "", "batchId": "1"}, "courseId"),
        ({"courseId": "1"}, "batchId"),
    ],
)
def test_e39_a_missing_id_is_named(service: Running, request_body: object, parameter: str) -> None:
    reply = service.call("POST", PATH, new_learner(), request_body)
    text = f"Mandatory parameter {parameter} is missing."
    assert refusal(reply) == (400, "MANDATORY_PARAMETER_MISSING", text)


def test_e39_the_private_read_names_its_user(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    complete(service, asha, batch_id, VIDEO)
    request = {"courseId": COURSE, "batchId": batch_id}
    reply = service.call("POST", "/private/v1/content/state/read", None, request)
    assert refusal(reply)[2] == "Mandatory parameter userId is missing."
    reply = service.call("POST", "/private/v1/content/state/read", None, {**request, "userId": asha.user_id})
    assert len(reply.json()["result"]["contentList"]) == 1


def test_the_first_of_the_old_course_ids_is_used(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    complete(service, asha, batch_id, VIDEO)
    reply = service.call("POST", PATH, asha, {"courseIds": [COURSE, "do_2"], "batchId": batch_id})
    assert len(reply.json()["result"]["contentList"]) == 1


def test_scores_come_when_they_are_asked_for(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    attempt = {
        "assessmentTs": 1_769_498_000_000,
        "courseId": COURSE,
        "contentId": QUIZ,
        "batchId": batch_id,
        "userId": asha.user_id,
        "attemptId": "9f2c",
        "events": [answer(1, 1.0), answer(2, 0.5)],
    }
    report(service, asha, item(batch_id, VIDEO), assessments=[attempt])
    assert "score" not in states(service, asha, batch_id)[QUIZ]
    found = states(service, asha, batch_id, fields=["progress", "score"])
    assert found[VIDEO]["score"] == []
    assert found[QUIZ]["score"] == [
        {"attemptId": "9f2c", "lastAttemptedOn": 1_769_498_000_000, "totalScore": 1.5, "totalMaxScore": 2.0}
    ]


def test_somebody_elses_states_are_not_read(service: Running) -> None:
    batch_id = new_batch(service)
    asha, kavya = enrolled(service, batch_id), enrolled(service, batch_id)
    complete(service, asha, batch_id, VIDEO)
    assert states(service, kavya, batch_id, userId=asha.user_id) == {}


@pytest.mark.parametrize("path", ["/private/v1/content/state/read", "/api/course/private/v1/content/state/read"])
def test_the_private_read_names_its_learner_on_both_paths(service: Running, path: str) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    complete(service, asha, batch_id, VIDEO)
    request = {"userId": asha.user_id, "courseId": COURSE, "batchId": batch_id}
    (state,) = service.call("POST", path, None, request).json()["result"]["contentList"]
    assert (state["contentId"], state["status"]) == (VIDEO, 2)
