"""The successor's calls that aggregate directly: contract enrolment §3.6, case by case."""

from __future__ import annotations

from typing import Any

import pytest

from tests.learning import SUCCESS, enrolled, new_batch, new_learner, refusal, row
from tests.people import RAVI, VIKRAM
from tests.running import Running
from tests.seeds import BOOK, COURSE, QUIZ, VIDEO, answer

ACTIVITY, ASSESSMENT = "/v1/activity/agg", "/v1/assessment/agg"
WHOLE = {"userId": "u", "courseId": COURSE, "batchId": "1"}


@pytest.mark.parametrize(
    ("request_body", "code", "text"),
    [
        pytest.param({}, "MANDATORY_PARAMETER_MISSING", "userId is mandatory", id="e61"),
        pytest.param({**WHOLE, "userId": ""}, "MANDATORY_PARAMETER_MISSING", "userId is mandatory", id="e62"),
        pytest.param({**WHOLE, "courseId": " "}, "MANDATORY_PARAMETER_MISSING", "courseId is mandatory", id="e63"),
        pytest.param({**WHOLE, "batchId": None}, "MANDATORY_PARAMETER_MISSING", "batchId is mandatory", id="e64"),
        pytest.param(
            {**WHOLE, "contents": [{"status": 2}]},
            "MANDATORY_PARAMETER_MISSING",
            "contentId is mandatory in contents",
            id="e65_content",
        ),
        pytest.param(
            {**WHOLE, "contents": [{"contentId": "do_1"}]},
            "MANDATORY_PARAMETER_MISSING",
            "status is mandatory in contents",
            id="e65_status",
        ),
        pytest.param(
            {**WHOLE, "contents": [{"contentId": "do_1", "status": "2"}]},
            "INVALID_REQUESTED_DATA",
            "status must be a number",
            id="e66",
        ),
        pytest.param(
            {**WHOLE, "contents": [{"contentId": "do_1", "status": 3}]},
            "INVALID_REQUESTED_DATA",
            "status must be 0, 1, or 2",
            id="e67",
        ),
    ],
)
def test_e61_e62_e63_e64_e65_e66_e67_what_is_wrong_is_named(
    service: Running, request_body: dict[str, Any], code: str, text: str
) -> None:
    assert refusal(service.call("POST", ACTIVITY, new_learner(), request_body)) == (400, code, text)


def test_e68_an_attempt_names_its_course(service: Running) -> None:
    found = refusal(service.call("POST", ASSESSMENT, new_learner(), {"contentId": QUIZ}))
    assert found == (400, "MANDATORY_PARAMETER_MISSING", "Missing userId/courseId in Request Body")


def test_statuses_are_recorded_for_oneself_and_by_managers(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    request = {"userId": asha.user_id, "courseId": COURSE, "batchId": batch_id}
    first = {**request, "contents": [{"contentId": VIDEO, "status": 2}]}
    assert service.call("POST", ACTIVITY, asha, first).json()["result"] == SUCCESS
    second = {**request, "contents": [{"contentId": BOOK, "status": 2}]}
    assert service.call("POST", ACTIVITY, RAVI, second).status_code == 401
    assert service.call("POST", ACTIVITY, VIKRAM, second).status_code == 200
    assert service.call("POST", ACTIVITY, asha, request).json()["result"] == SUCCESS
    assert row(service, asha, batch_id)["progress"] == 2


def test_attempts_are_recorded_alone_and_as_a_list(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    request = {"courseId": COURSE, "batchId": batch_id, "contentId": QUIZ}
    one = {**request, "attemptId": "a", "assessmentTs": 1, "events": [answer(1, 1.0)]}
    assert service.call("POST", ASSESSMENT, asha, one).json()["result"] == {**SUCCESS, "attemptId": "a"}
    items = [{"attemptId": name, "assessmentTs": 2, "events": [answer(1, 0.5)]} for name in "bc"]
    several = service.call("POST", ASSESSMENT, asha, {**request, "assessments": items})
    assert several.json()["result"]["attemptId"] == "N/A"
    assert row(service, asha, batch_id)["scores"] == {QUIZ: [1.0, 1.0, 3]}
