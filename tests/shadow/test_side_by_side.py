"""The proxy between two real services: it finds what was planted and nothing else, and no caller notices anything."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from lernbatch.shadow.model import Kind
from tests.learning import item, new_learner
from tests.people import HOME_ORG, VIKRAM
from tests.running import Running, running
from tests.seeds import COURSE, REQUIRED, VIDEO
from tests.shadow.conftest import SHADOW_KEY
from tests.shadow.side_by_side import Altered, Proxied, proxied, setting, through


@dataclass
class Pair:
    """The service that answers, the one that is compared, and what alters the second."""

    primary: Running
    candidate: Running
    altered: Altered
    tmp_path: Path

    @contextmanager
    def proxied(self, *words: str) -> Iterator[Proxied]:
        with proxied(self.primary.url, self.candidate.url, self.tmp_path / "journal", *words) as proxy:
            yield proxy


@pytest.fixture(scope="module")
def services(
    new_dsn: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Running, Running, Altered]]:
    home, altered = tmp_path_factory.mktemp("primary"), Altered()
    with running(home, new_dsn()) as primary:
        primary.token(VIKRAM)
        keys, own = home / "keys" / "public", tmp_path_factory.mktemp("candidate")
        muted: dict[str, Any] = {"takeover": "shadow", "shadow_key": SHADOW_KEY, "public_key_folder": keys}
        with running(own, new_dsn(), altered.around, **muted) as candidate:
            yield primary, candidate, altered


@pytest.fixture
def pair(services: tuple[Running, Running, Altered], tmp_path: Path) -> Pair:
    primary, candidate, altered = services
    altered.changes.clear()
    altered.requests.clear()
    return Pair(primary, candidate, altered, tmp_path)


def learn(proxy: Proxied, service: Running) -> tuple[str, int]:
    """A batch, a learner who enrols, completes a content, and reads it all; the batch, and how many calls that was."""
    today, learner = service.clock.today(), new_learner()

    def call(method: str, path: str, request: Any = None, person: Any = learner) -> Any:
        answer = through(proxy, service, method, path, person, request)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]

    batch = {
        "courseId": COURSE,
        "name": "June",
        "enrollmentType": "open",
        "startDate": today.isoformat(),
        "endDate": (today + timedelta(days=30)).isoformat(),
        "createdFor": [HOME_ORG],
    }
    batch_id = call("POST", "/v1/course/batch/create", batch, VIKRAM)["batchId"]
    names = {"courseId": COURSE, "batchId": batch_id}
    call("POST", "/v1/course/enroll", {**names, "userId": learner.user_id})
    for content_id in REQUIRED[:2]:
        contents = [item(batch_id, content_id)]
        call("PATCH", "/v1/content/state/update", {"userId": learner.user_id, "contents": contents})
    call("POST", "/v1/content/state/read", {**names, "userId": learner.user_id, "contentIds": [VIDEO]})
    call("GET", f"/v1/user/courses/list/{learner.user_id}")
    call("GET", f"/v1/course/batch/read/{batch_id}")
    call("POST", "/v1/course/batch/search", {"filters": {"courseId": [COURSE], "batchId": batch_id}})
    return batch_id, 8


def test_m53_two_services_that_are_the_same_differ_in_nothing(pair: Pair) -> None:
    with pair.proxied() as proxy:
        _, count = learn(proxy, pair.primary)
        entries = proxy.wait_for(count + 1)  # and the look whether it is there
        assert [(entry.route, entry.outcome, entry.differences) for entry in entries if entry.outcome != "same"] == []
        assert proxy.run("report", proxy.folder, "--gate", "0.999").returncode == 0


def test_m54_the_planted_differences_are_found_and_no_other(pair: Pair) -> None:
    def refused(status: int, document: Any) -> tuple[int, Any]:
        return 400, {**document, "responseCode": "CLIENT_ERROR"}

    def other_text(status: int, document: Any) -> tuple[int, Any]:
        document["params"]["errmsg"] = "Done."
        return status, document

    def reversed_courses(status: int, document: Any) -> tuple[int, Any]:
        del document["result"]["courses"][0]["batchId"]
        return status, document

    pair.altered.changes = {
        "POST /v1/course/enroll": refused,
        "PATCH /v1/content/state/update": other_text,
        "POST /v1/content/state/read": setting("contentList", "0", "status", to=1),
        "GET /v1/user/courses/list": reversed_courses,
        "GET /v1/course/batch/read": setting("response", "colour", to="red"),
    }
    with pair.proxied() as proxy:
        _, count = learn(proxy, pair.primary)
        proxy.wait_for(count + 1)
        assert proxy.differences() == {
            ("POST /v1/course/enroll", "status", "$status"),
            ("PATCH /v1/content/state/update", "error", "$.params.errmsg"),
            ("POST /v1/content/state/read", "value", "$.result.contentList[].status"),
            ("GET /v1/user/courses/list/{user_id}", "missing", "$.result.courses[].batchId"),
            ("GET /v1/course/batch/read/{batch_id}", "extra", "$.result.response.colour"),
        }
        assert proxy.run("report", proxy.folder, "--gate", "0").returncode == 1


@pytest.mark.real
def test_m56_the_candidate_s_batch_has_the_primary_s_id(pair: Pair) -> None:
    with pair.proxied() as proxy:
        batch_id, count = learn(proxy, pair.primary)
        proxy.wait_for(count + 1)
    assert pair.candidate.sql("SELECT name FROM batch WHERE batch_id = $1", batch_id)[0]["name"] == "June"


@pytest.mark.real
def test_m51_writes_reach_the_candidate_and_reads_by_the_sample(pair: Pair) -> None:
    with pair.proxied("--sample", "0") as proxy:
        learn(proxy, pair.primary)
        entries = proxy.wait_for(4)
        assert [entry.route for entry in entries] == [
            "POST /v1/course/batch/create",
            "POST /v1/course/enroll",
            "PATCH /v1/content/state/update",
            "PATCH /v1/content/state/update",
        ]


def test_m52_no_token_is_in_the_journal_and_it_is_its_owner_s_alone(pair: Pair) -> None:
    with pair.proxied() as proxy:
        _, count = learn(proxy, pair.primary)
        entries = proxy.wait_for(count + 1)
        token = pair.primary.token(VIKRAM)
        kept = json.dumps([json.loads(json.dumps(str(entry))) for entry in entries])
        assert token not in kept
        assert token.split(".")[2] not in kept
        create = next(entry for entry in entries if "create" in entry.route)
        credential = create.credentials["x-authenticated-user-token"]
        assert credential.subject == VIKRAM.user_id
        assert [file.stat().st_mode & 0o777 for file in proxy.folder.iterdir()] == [0o600]
        assert proxy.folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.real
def test_m54_what_the_primary_catches_up_with_is_late(pair: Pair) -> None:
    asked = 0

    def behind(status: int, document: Any) -> tuple[int, Any]:
        nonlocal asked
        asked += 1
        document["result"]["response"]["name"] = "not yet" if asked == 1 else document["result"]["response"]["name"]
        return status, document

    pair.altered.changes = {"GET /v1/course/batch/read": behind}
    with pair.proxied("--settle", "0.1") as proxy:
        _, count = learn(proxy, pair.primary)
        proxy.wait_for(count + 1)
        assert proxy.differences() == {
            ("GET /v1/course/batch/read/{batch_id}", str(Kind.LATE), "$.result.response.name")
        }
        assert proxy.run("report", proxy.folder, "--gate", "1").returncode == 0
