"""How fast rows are made."""

from __future__ import annotations

import asyncio

import pytest

from lernbatch.exhaust.pace import Pace

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def seconds_for(pace: Pace, *sets: int) -> float:
    loop = asyncio.get_running_loop()
    began = loop.time()
    await asyncio.gather(*(pace.keep(rows) for rows in sets))
    return loop.time() - began


async def test_files_that_share_a_pace_share_its_rows() -> None:
    # What comes after 150 rows at 1,000 a second comes no sooner than they may be done.
    assert await seconds_for(Pace(1000), 50, 100, 10) >= 0.149


async def test_a_pause_gives_no_credit() -> None:
    pace = Pace(1000)
    await pace.keep(10)
    await asyncio.sleep(0.05)
    assert await seconds_for(pace, 100, 1) >= 0.099


async def test_without_a_pace_nobody_waits() -> None:
    async with asyncio.timeout(300):  # ten million rows, which no pace lets through in that time
        for _ in range(10_000):
            await Pace(0).keep(1000)
