"""What the database or the user service cannot bear in one learner's name is that learner's failure alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.certificate.cohort import Cohort, new_cohort
from tests.people import VIKRAM
from tests.running import Running, running, served

LEARNERS = 40
NUL, SURROGATE = rb'"Asha\u0000 K"', rb'"Asha \ud800"'


@dataclass
class People:
    """A user service that gives people the names it was told, as raw JSON; everybody else is called Learner."""

    names: dict[str, bytes] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)  # whom it answers about with a failure

    async def answer(self, request: Request) -> Response:
        user_id = request.url.path.rpartition("/")[2]
        if user_id in self.refused:
            return Response(rb'{"responseCode": "CLIENT_ERROR", "params": {"err": "A\u0000B"}}', 400)
        found = b'{"content": [{"id": "%s"}]}' % VIKRAM.org_id.encode()
        if request.method == "GET":
            name = self.names.get(user_id, b'"Learner"')
            found = b'{"id": "%s", "firstName": %s, "rootOrgId": "o1"}' % (user_id.encode(), name)
        return Response(b'{"responseCode": "OK", "result": {"response": %s}}' % found)


@pytest.fixture(scope="module")
def people() -> People:
    return People()


@pytest.fixture(scope="module")
def far(new_dsn: Callable[[], str], people: People, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with (
        served(Starlette(routes=[Route("/{path:path}", people.answer, methods=["GET", "POST"])])) as url,
        running(tmp_path_factory.mktemp("far"), new_dsn(), user_org_url=url, certificate_attempts=3) as service,
    ):
        yield service


@pytest.fixture
def cohort(far: Running, people: People) -> Cohort:
    """Learners who all completed, in a batch that awards."""
    people.names.clear()
    people.refused.clear()
    far.clock.stop()
    cohort = new_cohort(far)
    for n in range(LEARNERS):
        cohort.put(f"learner-{n:02d}", 2, {})
    cohort.attach()
    return cohort


def explained(cohort: Cohort, user_id: str) -> Any:
    path = f"/v1/course/batch/cert/explain/{cohort.batch_id}/{user_id}"
    return cohort.service.call("GET", path, VIKRAM).json()["result"]["response"]


@pytest.mark.parametrize("name", [NUL, SURROGATE])
def test_a_name_that_cannot_be_written_stops_nobody_else(cohort: Cohort, people: People, name: bytes) -> None:
    bad = {"learner-00", "learner-17", "learner-39"}
    people.names |= dict.fromkeys(bad, name)
    cohort.work()
    assert {row["user_id"] for row in cohort.certificates()} == {f"learner-{n:02d}" for n in range(LEARNERS)} - bad
    assert {row["user_id"] for row in cohort.due() if row["attempts"]} == bad


def test_it_is_tried_with_growing_pauses_then_parked_and_explain_says_why(cohort: Cohort, people: People) -> None:
    people.names["learner-17"] = NUL
    cohort.work()
    pauses = []
    for _ in range(2):
        (row,) = cohort.due()
        pauses.append(row["due_at"] - cohort.service.clock.now())
        cohort.service.clock.move(seconds=60)
        cohort.work()
    assert pauses[0] < pauses[1]
    waiting = explained(cohort, "learner-17")["due"]
    assert (waiting["parked"], waiting["attempts"]) == (True, 3)
    assert waiting["error"] == "This certificate cannot be written (UntranslatableCharacterError)."
    people.names.clear()
    cohort.service.call("POST", "/v1/course/batch/cert/retry", VIKRAM, {"batchId": cohort.batch_id})
    cohort.work()
    assert len(cohort.certificates()) == LEARNERS


def test_what_another_service_says_is_for_the_log_alone(cohort: Cohort, people: People) -> None:
    people.refused.add("learner-17")
    cohort.work()
    assert len(cohort.certificates()) == LEARNERS - 1
    assert explained(cohort, "learner-17")["due"]["error"] == "The user service did not say who this is."
