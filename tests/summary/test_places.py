"""Where learners live: everybody is looked up once and kept, and an answer says what it lacks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from lernbatch.person import jobs
from tests.learning import refusal
from tests.people import HOME_ORG, VIKRAM
from tests.running import Running, lifespan, running, served
from tests.seeds import COURSE

DISTRICTS = ("Tumkur", "Mandya", "Kolar")


@dataclass
class UserService:
    """Knows everybody, of whom every seventh cannot be read; counts how often it is asked about whom."""

    asked: list[str] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await lifespan(receive, send)
            return
        user_id = scope["path"].rpartition("/")[2]
        self.asked.append(user_id)
        if user_id in self.broken:
            await JSONResponse({"responseCode": "SERVER_ERROR"}, 500)(scope, receive, send)
            return
        number = int(user_id.rpartition("-")[2]) if user_id.startswith("learner-") else 0
        places = [{"type": "state", "name": "Karnataka"}, {"type": "district", "name": DISTRICTS[number % 3]}]
        person = {"id": user_id, "rootOrgId": HOME_ORG, "firstName": user_id, "userLocations": places}
        await JSONResponse({"responseCode": "OK", "result": {"response": person}})(scope, receive, send)


@pytest.fixture(scope="module")
def users() -> UserService:
    return UserService()


@pytest.fixture(scope="module")
def placing(users: UserService, module_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service whose people are known to that user service alone, which has no call for many of them."""
    home: Path = tmp_path_factory.mktemp("home")
    with served(users) as url:
        settings = {"user_org_url": url, "upstream_attempts": 1, "upstream_calls_per_request": 150}
        with running(home, module_dsn, **settings) as service:
            yield service


@pytest.fixture(autouse=True)
def nobody_asked(users: UserService) -> None:
    users.asked.clear()
    users.broken.clear()


def new_batch(service: Running, created_by: str = VIKRAM.user_id, course_id: str = COURSE) -> str:
    batch_id = f"0{uuid4().int % 10**18}"
    service.sql(
        """INSERT INTO batch (batch_id, course_id, name, enrolment_type, created_by, created_for, start_date, status,
                              created_at)
           VALUES ($1, $2, 'June', 'invite-only', $3, $4, current_date, 1, now())""",
        batch_id,
        course_id,
        created_by,
        [HOME_ORG],
    )
    return batch_id


def filled(service: Running, learners: int) -> str:
    batch_id = new_batch(service)
    service.sql(
        """INSERT INTO enrolment (user_id, batch_id, course_id, active, enrolled_at, updated_at)
           SELECT format('learner-%s-%s', $1::text, number), $1, $2, true, now(), now()
             FROM generate_series(0, $3 - 1) AS number""",
        batch_id,
        COURSE,
        learners,
    )
    return batch_id


def summary(service: Running, batch_id: str, *by: str) -> dict[str, Any]:
    request = {"filters": {"collectionId": COURSE, "batchId": batch_id}, "groupBy": list(by)}
    answer = service.call("POST", "/v1/collection/summary", None, request)
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["result"])


def counts(result: dict[str, Any]) -> dict[str | None, int]:
    return {group["district"]: group["values"][0]["count"] for group in result["groupBy"]}


def read_people(service: Running) -> None:
    while service.run(jobs.fetch_missing_profiles(service.services)):
        pass


def test_a_large_batch_is_placed_by_a_job_and_the_answer_says_so_until_then(
    placing: Running, users: UserService
) -> None:
    batch_id = filled(placing, 1200)
    first = summary(placing, batch_id, "dist")
    assert first["metrics"] == [{"type": "enrolment", "count": 1200}]
    assert first["notKnownYet"] == [{"type": "enrolment", "count": 1190}]
    assert sum(counts(first).values()) == 1200
    assert len(users.asked) == 10
    read_people(placing)
    assert len(users.asked) == 10 + 1200
    users.asked.clear()
    second = summary(placing, batch_id, "dist", "state")
    assert counts(second) == dict.fromkeys(DISTRICTS, 400)
    assert "notKnownYet" not in second
    assert users.asked == []


def test_who_cannot_be_read_now_stops_nobody_else(placing: Running, users: UserService) -> None:
    batch_id = filled(placing, 50)
    users.broken = {f"learner-{batch_id}-{number}" for number in range(0, 50, 7)}
    summary(placing, batch_id, "dist")
    read_people(placing)
    users.broken.clear()
    found = summary(placing, batch_id, "dist")
    assert "notKnownYet" not in found  # the eight who are missing were read with this answer
    assert sum(counts(found).values()) == 50
    assert set(counts(found)) == set(DISTRICTS)


def test_a_summary_without_places_asks_nobody(placing: Running, users: UserService) -> None:
    found = summary(placing, filled(placing, 20))
    assert (found["metrics"], users.asked) == ([{"type": "enrolment", "count": 20}], [])
    assert "notKnownYet" not in found


def test_a_failing_user_service_leaves_the_places_open(placing: Running, users: UserService) -> None:
    batch_id = filled(placing, 3)
    users.broken = {f"learner-{batch_id}-{number}" for number in range(3)}
    found = summary(placing, batch_id, "dist")
    assert counts(found) == {None: 3}
    assert found["notKnownYet"] == [{"type": "enrolment", "count": 3}]


def test_one_request_causes_no_more_calls_than_the_setting_allows(placing: Running, users: UserService) -> None:
    batch_id = new_batch(placing)
    request = {"batchId": batch_id, "userIds": [f"learner-x-{number}" for number in range(200)]}
    adding = placing.call("POST", f"/v1/course/batch/users/add/{batch_id}", VIKRAM, request)
    assert refusal(adding)[:2] == (400, "DATA_SIZE_EXCEEDED")
    assert len(users.asked) <= 150
    users.asked.clear()
    planning = placing.call("POST", "/v1/batch/roster/plan", VIKRAM, request)  # which knows beforehand
    assert (refusal(planning)[:2], users.asked) == ((400, "ROSTER_TOO_MANY_NEW_LEARNERS"), [])
    users.asked.clear()
    request["userIds"] = request["userIds"][:30]  # the next request has a budget of its own
    assert placing.call("POST", "/v1/batch/roster/plan", VIKRAM, request).status_code == 200


def test_a_search_looks_up_few_creators(placing: Running, users: UserService) -> None:
    course_id = f"do_{uuid4().int % 10**15}"
    for number in range(130):
        new_batch(placing, f"learner-c-{number}", course_id)
    request = {"filters": {"courseId": course_id}, "limit": 130}
    answer = placing.call("POST", "/v1/course/batch/search?creatorDetails=firstName", VIKRAM, request)
    hits = answer.json()["result"]["response"]["content"]
    assert len(hits) == 130
    assert sum("creatorDetails" in hit for hit in hits) == len(users.asked) == 100
