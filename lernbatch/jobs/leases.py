"""Leases: a row that says who does a piece of work, and until when nobody else may take it over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from lernbatch import log
from lernbatch.database.db import UNREACHABLE


class LeaseLost(Exception):
    """Another worker has taken the work over: this worker must not write any more."""


@asynccontextmanager
async def heartbeat(seconds: float, renew: Callable[[], Awaitable[object]], **about: str) -> AsyncIterator[None]:
    """Call `renew` every `seconds` while the block runs. `about`: the work, for the log.

    A database that does not answer is logged and tried again at the next beat. After LeaseLost there is no more beat:
    the block sees it at its own next statement.
    """

    async def beat() -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await renew()
            except LeaseLost:
                return
            except UNREACHABLE as unreachable:
                log.exception("a lease cannot be renewed", unreachable, **about)

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()
        await asyncio.wait([beating])
