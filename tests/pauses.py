"""How long a service's event loop is busy with one thing while others wait: in processor time, not by the clock."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.running import Running

FACTOR = 6  # of the measure, which is about 25 ms on a quiet machine


class Longest:
    """The longest pause of a block, in seconds of the loop's own processor time."""

    seconds = 0.0


@contextmanager
def longest_pause(service: Running) -> Iterator[Longest]:
    """Between two looks of a task that looks all the time, the loop's thread did one thing after the other.

    Its processor time counts, so a machine with other work to do, which makes it wait, changes nothing.
    """
    longest, stop = Longest(), asyncio.Event()

    async def look() -> None:
        before = time.thread_time()
        while not stop.is_set():
            await asyncio.sleep(0.001)
            now = time.thread_time()
            longest.seconds, before = max(longest.seconds, now - before), now

    async def start() -> asyncio.Task[None]:
        return asyncio.create_task(look())

    async def end(task: asyncio.Task[None]) -> None:
        stop.set()
        await task

    task = service.run(start())
    try:
        yield longest
    finally:
        service.run(end(task))


def measure() -> float:
    """Seconds of processor time of a fixed piece of Python, here and now: the slower of two."""

    def work() -> float:
        before = time.thread_time()
        sum(len(str(number)) for number in range(300_000))
        return time.thread_time() - before

    return max(work(), work())


def check(service: Running, act: Callable[[], object]) -> None:
    """`act` does not keep the loop from everything else."""
    allowed = measure()
    # As a process that serves does when it has started: what the tests hold is no garbage to be looked through.
    gc.collect()
    gc.freeze()
    try:
        with longest_pause(service) as longest:
            act()
    finally:
        gc.unfreeze()
    allowed = FACTOR * max(allowed, measure())
    assert longest.seconds < allowed, f"the loop was busy for {longest.seconds:.3f} s, {allowed:.3f} s are allowed"
