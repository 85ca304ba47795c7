"""Ids of machine clients and ids of users never meet: neither is ever taken for the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.batch.calls import CREATE, change, creation_request
from tests.learning import at, item, known_learner, new_batch
from tests.people import HOME_ORG, VIKRAM, Person
from tests.running import Running, running
from tests.seeds import COURSE

KEY, OTHER_KEY = "a key of sixteen characters", "another key of sixteen"
TOKEN, MANAGED = "X-Authenticated-User-Token", "X-Authenticated-For"
READ = "/v1/course/batch/read/0140"
CREATOR = ("PUBLIC", "CONTENT_CREATOR", "ORG_ADMIN")
NAMESAKE = Person("timetable", "Time", "Table", HOME_ORG, CREATOR)  # a user of the id that a client has


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, module_dsn: str) -> Iterator[Running]:
    clients = f"timetable={KEY}, reporting={OTHER_KEY}"
    with running(tmp_path_factory.mktemp("clients"), module_dsn, machine_clients=clients) as service:
        yield service


def client(name: str = "timetable", key: str = KEY) -> dict[str, str]:
    return {"X-Authenticated-Client-Id": name, "X-Authenticated-Client-Token": key}


def by_client(service: Running, method: str, path: str, request: object = None, **headers: str) -> Any:
    return service.call(method, path, None, request, headers={**client(), **headers})


@pytest.mark.parametrize("path", [READ, "/api/course/v1/batch/read/0140"])
def test_no_token_of_a_user_counts_that_names_a_client(served: Running, path: str) -> None:
    parent = known_learner(served)
    tokens = {
        "a user's": served.headers(NAMESAKE),
        "of the other client's id": served.headers(replace(NAMESAKE, user_id="reporting")),
        "a child's": {**served.headers(parent), MANAGED: served.token(NAMESAKE, parent_id=parent.user_id)},
    }
    for kind, headers in tokens.items():
        assert served.call("GET", path, headers=headers).status_code == 401, kind
    assert by_client(served, "GET", path).status_code == 200
    # With the client's key beside it, the call is the client's.
    assert by_client(served, "GET", path, **served.headers(NAMESAKE)).status_code == 200


def test_a_late_token_that_names_a_client_reports_nothing(served: Running) -> None:
    before = at(served.clock.now() - timedelta(hours=2))  # when the token was good
    report = {"contents": [item(new_batch(served), lastAccessTime=before)]}
    headers = {TOKEN: served.token(NAMESAKE, expired=True)}
    assert served.call("PATCH", "/v1/content/state/update", None, report, headers=headers).status_code == 401


@pytest.mark.parametrize("parent_id", ["timetable", "TimeTable"])
def test_a_client_speaks_for_no_child(served: Running, parent_id: str) -> None:
    child = known_learner(served)
    managed = {MANAGED: served.token(child, parent_id=parent_id)}
    assert by_client(served, "GET", READ, **managed).status_code == 401
    request = {"courseId": COURSE, "batchId": new_batch(served), "userId": child.user_id}
    assert by_client(served, "POST", "/v1/course/enroll", request, **managed).status_code == 401


def test_what_a_client_made_is_the_client_s_and_no_user_s(served: Running) -> None:
    answer = by_client(served, "POST", CREATE, creation_request(served, mentors=[]))
    batch_id = answer.json()["result"]["batchId"]
    request = {"courseId": COURSE, "id": batch_id, "startDate": served.clock.today().isoformat(), "name": "July"}
    assert change(served, batch_id, NAMESAKE, name="July").status_code == 401
    other = served.call("PATCH", "/v1/course/batch/update", None, request, headers=client("reporting", OTHER_KEY))
    assert other.status_code == 401
    assert by_client(served, "PATCH", "/v1/course/batch/update", request).status_code == 200


def test_nobody_brings_a_client_in_or_makes_it_a_mentor(served: Running) -> None:
    batch_id = new_batch(served, enrollmentType="invite-only")
    added = served.call("POST", f"/v1/course/batch/users/add/{batch_id}", VIKRAM, {"userIds": ["timetable"]})
    assert added.json()["result"]["timetable"] == "User does not belongs to any org ."
    mentor = change(served, batch_id, mentors=["timetable"])
    assert (mentor.status_code, mentor.json()["params"]["err"]) == (400, "INVALID_USER_ID")
    assert served.sql("SELECT FROM enrolment WHERE user_id = 'timetable'") == []
