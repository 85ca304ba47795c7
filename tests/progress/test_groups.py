"""What a group has done: contract enrolment §4.2, case by case."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from tests.learning import complete, enrol, enrolled, known_learner, new_batch, new_learner, refusal, report
from tests.people import ADMIN, Person
from tests.running import Running
from tests.seeds import BOOK, COURSE, QUIZ, VIDEO, answer

PATH = "/v1/group/activity/agg"
UNIT = "do_3100000000000000021"


def new_group(service: Running, *people: Person) -> str:
    group_id = str(uuid4())
    members = [{"userId": person.user_id, "name": person.first_name, "role": "member"} for person in people]
    service.sql("INSERT INTO sandbox_group VALUES ($1, 'Class 7b', $2)", group_id, members)
    return group_id


def ask(service: Running, person: Person, group_id: str, activity_id: str = COURSE) -> Any:
    request = {"groupId": group_id, "activityId": activity_id, "activityType": "Course"}
    return service.call("POST", PATH, person, request)


@pytest.mark.parametrize(
    ("request_body", "code", "text"),
    [
        pytest.param({}, "GROUP_ID_MISSING", "GroupId is mandatory.", id="e56"),
        pytest.param({"groupId": "g"}, "ACTIVITY_ID_MISSING", "ActivityId is mandatory.", id="e57"),
        pytest.param(
            {"groupId": "g", "activityId": "a"}, "ACTIVITY_TYPE_MISSING", "ActivityType is mandatory.", id="e58"
        ),
    ],
)
def test_e56_e57_e58_what_is_missing_is_named(service: Running, request_body: object, code: str, text: str) -> None:
    assert refusal(service.call("POST", PATH, new_learner(), request_body)) == (400, code, text)


def test_a_group_with_very_many_enrolments_is_counted_whole(service: Running) -> None:
    asha = new_learner()
    group_id = new_group(service, asha)
    service.sql(
        """INSERT INTO enrolment (user_id, batch_id, course_id, active, enrolled_at, updated_at, progress, states)
           SELECT $1, 'group-' || number, $2, true, now(), now(), 1, $3 FROM generate_series(1, 10100) AS number""",
        asha.user_id,
        COURSE,
        {VIDEO: [2, 100, 1, 1, 0, 0, 0]},
    )
    for activity_id in (COURSE, UNIT):
        result = ask(service, asha, group_id, activity_id).json()["result"]
        assert len(result["members"]) == 10_100
        assert {member["agg"][0]["value"] for member in result["members"]} == {1.0}


def test_e59_a_group_that_cannot_be_read_has_no_code(service: Running) -> None:
    found = ask(service, new_learner(), "no such group")
    assert refusal(found) == (500, None, "Error while fetching group members record.")


def test_an_id_of_which_no_address_can_be_made_is_no_failure_of_the_other_service(service: Running) -> None:
    """Five failures in a row and a service is left alone: nobody brings that about for all others by a long id."""
    asha = new_learner()
    for _ in range(service.config.upstream_failures + 1):
        assert ask(service, asha, "g" * 70_000).status_code == 500  # E59
        listed = service.call("POST", "/v2/user/courses/admin/list", ADMIN, {"userId": "u" * 70_000})
        assert refusal(listed)[:2] == (400, "INVALID_REQUESTED_DATA")
    assert ask(service, asha, new_group(service, asha)).status_code == 200
    known = known_learner(service).user_id
    assert service.call("POST", "/v2/user/courses/admin/list", ADMIN, {"userId": known}).status_code == 200


def test_members_are_shown_with_what_they_have_done(service: Running) -> None:
    batch_id = new_batch(service)
    asha, kavya, idle = enrolled(service, batch_id), enrolled(service, batch_id), enrolled(service, batch_id)
    complete(service, asha, batch_id, VIDEO, BOOK)
    attempt = {"assessmentTs": 1, "courseId": COURSE, "contentId": QUIZ, "batchId": batch_id, "userId": "me"}
    report(service, kavya, assessments=[{**attempt, "attemptId": "a", "events": [answer(1, 1.0), answer(2, 0.0)]}])
    found = ask(service, asha, new_group(service, asha, kavya, idle)).json()["result"]
    assert found["activity"]["agg"][0]["value"] == 2
    figures = {
        member["name"] + member["userId"]: {one["metric"]: one["value"] for one in member["agg"]}
        for member in found["members"]
    }
    assert figures == {
        "Asha" + asha.user_id: {"completedCount": 2.0},
        "Asha" + kavya.user_id: {
            "completedCount": 1.0,
            f"score:{QUIZ}": 1.0,
            f"max_score:{QUIZ}": 2.0,
            f"attempts_count:{QUIZ}": 1.0,
        },
    }


def test_who_is_in_two_batches_stands_there_twice(service: Running) -> None:
    first, second = new_batch(service), new_batch(service)
    asha = enrolled(service, first)
    enrol(service, asha, second)
    complete(service, asha, first, VIDEO)
    complete(service, asha, second, BOOK)
    found = ask(service, asha, new_group(service, asha)).json()["result"]
    assert (found["activity"]["agg"][0]["value"], len(found["members"])) == (1, 2)


def test_a_unit_counts_its_own_contents(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    complete(service, asha, batch_id, VIDEO, QUIZ)
    (member,) = ask(service, asha, new_group(service, asha), UNIT).json()["result"]["members"]
    assert member["agg"][0]["value"] == 1.0


def test_only_members_see_what_a_group_has_done(service: Running) -> None:
    group_id = new_group(service, new_learner())
    assert ask(service, new_learner(), group_id).status_code == 403
    assert json.loads(ask(service, new_learner(), group_id).text)["result"] == {}
