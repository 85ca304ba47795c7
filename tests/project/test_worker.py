"""Jobs: one at a time under a lease, taken over from the dead, retried when they fail, finished at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lernbatch.jobs import worker
from lernbatch.jobs.worker import Job
from lernbatch.services import Services
from tests.running import Running, running

WAIT_SECONDS = 300


@pytest.fixture
def own(dsn: str, tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path, dsn) as service:
        yield service


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while not holds():
            await asyncio.sleep(0.01)


class Counting:
    """A job that has `work` things to do, and counts how many of its runs are under way at once."""

    def __init__(self, work: int = 3) -> None:
        self.work, self.done, self.at_once, self.most_at_once = work, 0, 0, 0

    async def run(self, _: Services) -> int:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0.02)
        self.at_once -= 1
        if self.done < self.work:
            self.done += 1
            return 1
        return 0


def keep(own: Running, jobs: list[Job], holds: Callable[[], bool], times: int = 1) -> None:
    """Run `times` workers with these jobs until `holds`."""

    async def work() -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(times):
                group.create_task(one())

    async def one() -> None:
        async with worker.running(own.services, jobs):
            await until(holds)

    own.run(work())


def test_a_job_runs_until_nothing_is_due(own: Running) -> None:
    counting = Counting(work=5)
    keep(own, [Job("test.count", counting.run, every_seconds=60)], lambda: counting.done == 5)
    assert own.run(worker.run_now(own.services, Job("test.count", counting.run, every_seconds=60))) == 0


def test_two_workers_never_run_a_leased_job_at_once(own: Running) -> None:
    counting = Counting(work=20)
    keep(own, [Job("test.alone", counting.run, every_seconds=0.01)], lambda: counting.done == 20, times=2)
    assert counting.most_at_once == 1


def test_a_failing_job_is_recorded_and_tried_again(own: Running) -> None:
    tries = []

    async def fail(_: Services) -> int:
        tries.append(1)
        if len(tries) == 1:
            raise ValueError("the first time")
        return 0

    def failed() -> bool:
        return bool(tries)

    job = Job("test.fail", fail, every_seconds=0.01)
    keep(own, [job], failed)
    row = own.sql("SELECT failures, last_error, leased_by FROM job WHERE kind = 'test.fail'")[0]
    assert (row["failures"], row["leased_by"]) == (1, None)
    assert "the first time" in row["last_error"]
    own.clock.move(minutes=10)
    keep(own, [job], lambda: len(tries) > 1)
    assert own.sql("SELECT failures FROM job WHERE kind = 'test.fail'")[0]["failures"] == 0


def test_the_lease_of_a_killed_process_is_taken_over_when_it_is_over(own: Running) -> None:
    own.sql(
        "INSERT INTO job (kind, next_run_at, leased_by, leased_until)"
        " VALUES ('test.dead', now() - interval '1 hour', 'a dead process', now() + interval '60 s')"
    )
    counting = Counting(work=1)
    job = Job("test.dead", counting.run, every_seconds=0.01)
    beside = Counting(work=1)
    keep(own, [job, Job("test.alive", beside.run, every_seconds=0.01)], lambda: beside.done == 1)
    assert counting.done == 0
    own.clock.move(seconds=120)
    keep(own, [job], lambda: counting.done == 1)
