"""The same reports through HTTP, by many clients at once, in any order and grouping, end in one and the same row."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from tests.learning import at, enrolled, item, new_batch, report, row
from tests.people import Person
from tests.running import Running
from tests.seeds import COURSE, LEAF_NODES, QUIZ, answer

COMPARED = ("status", "progress", "percentage", "last_read_content_id", "last_access_at", "scores", "states")


def reports(service: Running, batch_id: str) -> list[dict[str, Any]]:
    """The life of a learner in the course: openings, completions, two attempts, one of them sent twice over."""
    now = service.clock.now()
    opened = [
        item(batch_id, content_id, status, progress=30 * n, lastAccessTime=at(now + timedelta(seconds=17 * n + status)))
        for n, content_id in enumerate(LEAF_NODES)
        for status in (1, 2, 1)
    ]
    attempts = [
        {
            "assessmentTs": 1_770_000_000_000 + number,
            "courseId": COURSE,
            "contentId": QUIZ,
            "batchId": batch_id,
            "userId": "me",
            "attemptId": attempt_id,
            "events": [answer(n, score) for n in range(number + 1)],
        }
        for number, (attempt_id, score) in enumerate([("a", 1.0), ("b", 0.5), ("a", 0.25)])
    ]
    return [*({"contents": [one]} for one in opened), *({"assessments": [one]} for one in attempts)]


def stored(service: Running, person: Person, batch_id: str) -> dict[str, Any]:
    found = row(service, person, batch_id)
    for state in found["states"].values():
        state[6] = None  # when the state last changed: the time of delivery
    attempts = service.sql(
        "SELECT attempt_id, attempted_ms, score, max_score, questions FROM attempt WHERE user_id = $1 ORDER BY 1",
        person.user_id,
    )
    return {**{key: found[key] for key in COMPARED}, "attempts": [tuple(attempt) for attempt in attempts]}


@pytest.mark.parametrize("seed", range(3))
def test_concurrent_clients_end_in_the_same_row_as_one_in_order(service: Running, seed: int) -> None:
    batch_id = new_batch(service)
    sent, random = reports(service, batch_id), Random(seed)
    one, many = enrolled(service, batch_id), enrolled(service, batch_id)
    for request in sent:
        assert report(service, one, **request).status_code == 200
    again = sent * 2
    random.shuffle(again)
    pairs = [again[n : n + 2] for n in range(0, len(again), 2)]

    def send(pair: list[dict[str, Any]]) -> int:
        contents = [entry for request in pair for entry in request.get("contents", [])]
        assessments = [entry for request in pair for entry in request.get("assessments", [])]
        return report(service, many, *contents, assessments=assessments).status_code

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(send, pairs)) == {200}
    assert stored(service, many, batch_id) == stored(service, one, batch_id)
