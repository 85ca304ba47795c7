"""The coalescer: one flush for what waits, each answered after its own, one bad item harms nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from lernbatch.database import coalescer
from lernbatch.database.coalescer import Again, Coalescer, Coalescers
from lernbatch.database.shards import Shards
from lernbatch.errors import Busy

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def everybody_else() -> None:
    """Let the other tasks run until they wait."""
    for _ in range(5):
        await asyncio.sleep(0)


class Flushes:
    """A flush that doubles numbers, notes what it was given, and can be held back."""

    def __init__(self) -> None:
        self.sets: list[list[int]] = []
        self.open = asyncio.Event()

    async def __call__(self, items: Sequence[int]) -> list[int | Exception | Again]:
        self.sets.append(list(items))
        await self.open.wait()
        if -1 in items:
            raise ValueError("a bad row")
        return [item * 2 for item in items]


async def test_what_arrives_during_a_flush_is_done_together_in_the_next() -> None:
    flushes = Flushes()
    queue = Coalescer(flushes)
    tasks = [asyncio.create_task(queue.do(1))]
    await everybody_else()
    tasks += [asyncio.create_task(queue.do(n)) for n in (2, 3, 4)]
    await everybody_else()
    flushes.open.set()
    assert await asyncio.gather(*tasks) == [2, 4, 6, 8]
    assert flushes.sets == [[1], [2, 3, 4]]


async def test_one_bad_item_fails_alone() -> None:
    flushes = Flushes()
    flushes.open.set()
    queue = Coalescer(flushes)
    answers = await asyncio.gather(*(queue.do(n) for n in (1, -1, 3)), return_exceptions=True)
    assert answers[0] == 2
    assert isinstance(answers[1], ValueError)
    assert answers[2] == 6


async def test_an_item_that_lost_a_race_is_done_again_a_bounded_number_of_times() -> None:
    tries = 0

    async def flush(items: Sequence[int]) -> list[int | Exception | Again]:
        nonlocal tries
        tries += 1
        return [item if tries == 3 else Again() for item in items]

    assert await Coalescer(flush).do(7) == 7

    async def hopeless(items: Sequence[int]) -> list[int | Exception | Again]:
        return [Again() for _ in items]

    with pytest.raises(Busy):
        await Coalescer(hopeless).do(7)


async def test_what_an_item_lacks_is_fetched_while_others_go_on() -> None:
    fetched = asyncio.Event()

    async def flush(items: Sequence[str]) -> list[str | Exception | Again]:
        return [Again(first=fetched.wait) if item == "slow" and not fetched.is_set() else item for item in items]

    queue = Coalescer(flush)
    slow = asyncio.create_task(queue.do("slow"))
    assert await queue.do("quick") == "quick"
    assert not slow.done()
    fetched.set()
    assert await slow == "slow"


async def test_a_full_queue_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coalescer, "MOST_WAITING", 2)
    flushes = Flushes()
    queue = Coalescer(flushes)
    tasks = [asyncio.create_task(queue.do(0))]
    await everybody_else()
    tasks += [asyncio.create_task(queue.do(n)) for n in (1, 2)]
    await everybody_else()
    with pytest.raises(Busy):
        await queue.do(3)
    flushes.open.set()
    await asyncio.gather(*tasks)


async def test_each_group_has_a_flush_of_its_own_that_waits_for_no_other() -> None:
    flushes: list[list[int]] = []
    opened = asyncio.Event()

    async def flush(items: Sequence[int]) -> list[int | Exception | Again]:
        flushes.append(list(items))
        if items[0] % 2:
            await opened.wait()
        return list(items)

    queue = Coalescer(flush, group=lambda item: item % 2)
    odd = [asyncio.create_task(queue.do(n)) for n in (1, 3, 5)]
    assert await asyncio.gather(*(queue.do(n) for n in (2, 4))) == [2, 4]
    assert not any(task.done() for task in odd)
    opened.set()
    assert await asyncio.gather(*odd) == [1, 3, 5]
    assert all(len({item % 2 for item in items}) == 1 for items in flushes)


async def test_what_waits_is_bounded_over_all_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coalescer, "MOST_WAITING", 2)
    flushes = Flushes()
    queue = Coalescer(flushes, group=lambda item: item % 2)
    tasks = [asyncio.create_task(queue.do(n)) for n in (0, 1)]
    await everybody_else()
    tasks += [asyncio.create_task(queue.do(n)) for n in (2, 3)]
    await everybody_else()
    with pytest.raises(Busy):
        await queue.do(4)
    flushes.open.set()
    await asyncio.gather(*tasks)


async def test_on_citus_the_learners_of_one_flush_are_of_one_shard() -> None:
    shards = Shards([-(2**31), -(2**30), 0, 2**30], [11, 12, 13, 14], ["node:5432"] * 4)
    learners = [f"learner-{number}" for number in range(200)]
    flushes: list[list[str]] = []

    async def flush(_: None, items: Sequence[str]) -> list[str | Exception | Again]:
        flushes.append(list(items))
        return list(items)

    queue: Coalescer[str, str] = Coalescers(enabled=True, shard_of=shards.of).of(flush, None, lambda learner: learner)
    assert await asyncio.gather(*(queue.do(learner) for learner in learners)) == learners
    assert sorted(learner for items in flushes for learner in items) == sorted(learners)
    assert {len({shards.of(learner) for learner in items}) for items in flushes} == {1}
    assert len(flushes) < len(learners) / 10  # they are together all the same


async def test_switched_off_every_item_is_a_flush_of_its_own() -> None:
    flushes = Flushes()
    flushes.open.set()
    queue = Coalescer(flushes, enabled=False)
    assert await asyncio.gather(*(queue.do(n) for n in (1, 2))) == [2, 4]
    assert flushes.sets == [[1], [2]]
