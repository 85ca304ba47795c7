"""Enrolling and leaving at the same moment, with real connections."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TypeVar

import pytest

from lernbatch.database.coalescer import Coalescers
from lernbatch.enrolment import actions
from lernbatch.enrolment.model import EnrolmentRequest
from tests.learning import complete, enrol, enrolled, new_batch, new_learner, row, unenrol
from tests.running import Running
from tests.seeds import LEAF_NODES

T = TypeVar("T")


def at_once(*calls: Callable[[], T]) -> list[T]:
    """All `calls` at once, each in its own thread."""
    with ThreadPoolExecutor(len(calls)) as threads:
        return [future.result() for future in [threads.submit(call) for call in calls]]


def test_of_many_enrols_of_one_learner_at_once_one_succeeds(service: Running) -> None:
    batch_id, asha = new_batch(service), new_learner()
    answers = at_once(*[lambda: enrol(service, asha, batch_id)] * 12)
    codes = Counter(answer.json()["params"]["err"] for answer in answers)
    assert codes == {None: 1, "USER_ALREADY_ENROLLED_COURSE": 11}


def test_of_many_who_leave_at_once_one_succeeds(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    answers = at_once(*[lambda: unenrol(service, asha, batch_id)] * 8)
    codes = Counter(answer.json()["params"]["err"] for answer in answers)
    assert codes == {None: 1, "USER_NOT_ENROLLED_COURSE": 7}


def test_leaving_and_completing_at_once_ends_in_one_of_the_two(service: Running) -> None:
    batch_id = new_batch(service)
    for _ in range(6):
        asha = enrolled(service, batch_id)
        done, left = at_once(
            partial(complete, service, asha, batch_id, *LEAF_NODES), partial(unenrol, service, asha, batch_id)
        )
        stored = row(service, asha, batch_id)
        if left.status_code == 200:
            assert (stored["active"], stored["status"]) == (False, 0)
            assert set(done.json()["result"]["NOT_ENROLLED"]) == set(LEAF_NODES)
        else:
            assert (stored["active"], stored["status"]) == (True, 2)


def test_a_hundred_people_who_want_ten_seats_at_once_get_exactly_ten(service: Running) -> None:
    batch_id = new_batch(service, capacity=10)
    people = [new_learner() for _ in range(100)]
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda person: enrol(service, person, batch_id), people))
    assert Counter(answer.status_code for answer in answers) == {200: 10, 400: 90}
    assert service.sql("SELECT count(*) FROM enrolment WHERE batch_id = $1 AND active", batch_id)[0][0] == 10


@pytest.mark.parametrize("coalescing", [True, False])
def test_of_a_thousand_wishes_for_a_hundred_seats_exactly_a_hundred_come_true(
    service: Running, coalescing: bool
) -> None:
    batch_id = new_batch(service, capacity=100)
    wishes = [EnrolmentRequest(new_learner().user_id, batch_id, None, None) for _ in range(1000)]
    services = replace(service.services, coalescers=Coalescers(enabled=coalescing))

    async def everybody() -> Counter[str]:
        answers = await asyncio.gather(*(actions.enrol(services, wish) for wish in wishes), return_exceptions=True)
        return Counter(type(answer).__name__ for answer in answers)

    assert service.run(everybody()) == {"NoneType": 100, "BatchFull": 900}
    assert service.sql("SELECT count(*) FROM enrolment WHERE batch_id = $1 AND active", batch_id)[0][0] == 100
