"""The figures of batches, over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from lernbatch.batch import actions as batches
from lernbatch.figures import actions, jobs
from tests.figures.calls import a_class, figures, listed
from tests.learning import complete, enrolled, item, new_batch, refusal, report
from tests.people import ADMIN, MEERA, RAVI, VIKRAM
from tests.running import Running
from tests.seeds import VIDEO


def test_a_small_batch_is_counted_at_once(service: Running) -> None:
    batch_id, people = a_class(service)
    found = figures(service, batch_id)
    assert found["reached"] == {"enrolled": 4, "started": 3, "half": 2, "completed": 1, "passed": 1, "certified": 0}
    assert (found["enrolled"], found["active"], found["certified"]) == (4, 3, 0)
    assert {name: count for name, count in found["standings"].items() if count} == {
        "left": 1,
        "never-started": 1,
        "on-pace": 2,
        "completed": 1,
    }
    assert [(unit["name"], unit["finished"]) for unit in found["units"]] == [("गिनती", 2), ("Practice", 1)]
    today = service.clock.today().isoformat()
    assert found["days"] == [{"date": today, "enrolled": 4, "completed": 1, "certified": 0}]
    complete(service, people["idle"], batch_id, VIDEO)
    assert figures(service, batch_id)["reached"]["started"] == 4


def test_the_figures_are_what_the_other_calls_count(service: Running) -> None:
    batch_id, _ = a_class(service)
    found = figures(service, batch_id)
    search = {"filters": {"identifier": batch_id}, "fields": ["participantCount", "completedCount"]}
    batch = service.call("POST", "/v1/course/batch/search", VIKRAM, search).json()["result"]["response"]["content"][0]
    assert (found["enrolled"], found["reached"]["completed"]) == (batch["participantCount"], batch["completedCount"])


def test_time_alone_moves_the_standings(service: Running) -> None:
    batch_id = new_batch(service, days=90)
    complete(service, enrolled(service, batch_id), batch_id, VIDEO)
    told = []
    for days in (0, 8, 7):
        service.clock.move(days=days)
        told.append([name for name, count in figures(service, batch_id)["standings"].items() if count])
    assert told == [["on-pace"], ["slipping"], ["stopped"]]
    assert figures(service, batch_id)["active"] == 0


@pytest.mark.parametrize("level", ["started", "half", "completed", "passed", "certified"])
def test_each_figure_and_each_gap_is_a_list_of_so_many(service: Running, level: str) -> None:
    batch_id, _ = a_class(service)
    found = figures(service, batch_id)["reached"]
    levels = list(found)
    upper = levels[levels.index(level) - 1]
    assert listed(service, batch_id, filters={"reached": level})["count"] == found[level]
    gap = listed(service, batch_id, filters={"reached": upper, "notReached": level})["count"]
    assert gap + found[level] == found[upper]


def test_each_standing_is_a_list_of_so_many(service: Running) -> None:
    batch_id, _ = a_class(service)
    for name, count in figures(service, batch_id)["standings"].items():
        assert listed(service, batch_id, filters={"standings": [name]})["count"] == count


def test_a_batch_without_learners_has_nothing_but_noughts(service: Running) -> None:
    found = figures(service, new_batch(service))
    assert found["countedAt"] is not None
    assert (found["enrolled"], set(found["reached"].values()), found["days"]) == (0, {0}, [])
    assert [unit["finished"] for unit in found["units"]] == [0, 0]


def test_several_batches_are_told_in_the_order_of_the_request(service: Running) -> None:
    batch_ids = [new_batch(service) for _ in range(3)]
    enrolled(service, batch_ids[1])
    answer = service.call("POST", "/v1/course/batch/figures", VIKRAM, {"batchIds": batch_ids[::-1]})
    rows = answer.json()["result"]["response"]
    assert [(row["batchId"], row["enrolled"]) for row in rows] == list(zip(batch_ids[::-1], [0, 1, 0], strict=True))


def test_a_large_batch_is_counted_by_the_job_when_somebody_looks(
    service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "MOST_LIVE", 2)
    batch_id, people = a_class(service)
    assert figures(service, batch_id)["countedAt"] is None
    while service.run(jobs.count(service.services)):
        pass
    before = figures(service, batch_id)
    assert (before["enrolled"], before["reached"]["started"]) == (4, 3)
    complete(service, people["idle"], batch_id, VIDEO)
    assert figures(service, batch_id) == before
    assert service.run(jobs.count(service.services)) == 0, "it is not counted again at once"
    service.clock.move(seconds=70)
    figures(service, batch_id)
    assert service.run(jobs.count(service.services)) > 0
    assert figures(service, batch_id)["reached"]["started"] == 4


def test_a_report_of_one_learner_counts_one_learner(service: Running) -> None:
    batch_id, people = a_class(service)
    figures(service, batch_id)
    batch = service.run(batches.find(service.services.pool, batch_id))
    assert batch is not None
    measures = service.run(actions.measures_of(service.services, [batch]))
    assert service.run(actions.count(service.services, list(measures.values()))) == 0
    report(service, people["idle"], item(batch_id, VIDEO, 1))
    assert service.run(actions.count(service.services, list(measures.values()))) == 1


def test_figures_are_for_who_manages_the_batch(service: Running) -> None:
    batch_id = new_batch(service, mentors=[MEERA.user_id])
    for caller in (VIKRAM, MEERA, ADMIN):
        assert figures(service, batch_id, caller)["enrolled"] == 0
    for path, request in (("figures", {"batchIds": [batch_id]}), ("learners", {"batchId": batch_id})):
        assert service.call("POST", f"/v1/course/batch/{path}", RAVI, request).status_code == 401
    assert service.call("GET", f"/v1/course/batch/figures/{batch_id}", RAVI).status_code == 401


def test_what_is_wrong_with_a_request_is_said(service: Running) -> None:
    batch_id = new_batch(service)

    def answer(path: str, **request: Any) -> tuple[int, str | None, str | None]:
        return refusal(service.call("POST", f"/v1/course/batch/{path}", VIKRAM, request))

    assert answer("figures")[:2] == (400, "MANDATORY_PARAMETER_MISSING")
    assert answer("figures", batchIds=["none"])[:2] == (400, "INVALID_COURSE_BATCH_ID")
    assert answer("figures", batchIds=[str(n) for n in range(51)])[:2] == (400, "DATA_SIZE_EXCEEDED")
    assert answer("learners")[:2] == (400, "MANDATORY_PARAMETER_MISSING")
    assert answer("learners", batchId="none")[:2] == (400, "INVALID_COURSE_BATCH_ID")
    for wrong in (
        {"limit": 51},
        {"limit": 0},
        {"sort_by": "name"},
        {"cursor": "x"},
        {"cursor": "WyIrc2VlbiIsMCwwLCJ1Il0="},  # of another order
        {"filters": {"standings": ["well"]}},
        {"filters": {"unit": 0}},
        {"filters": {"seenFrom": "2026-06-01T00:00:00"}},
    ):
        assert answer("learners", batchId=batch_id, **wrong)[:2] == (400, "INVALID_REQUESTED_DATA"), wrong
