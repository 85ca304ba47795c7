"""How often a caller may do what costs others something: counted by each process, shared through the database.

No request waits for the others' counts. A process counts by itself and exchanges what it counted once a second, so that
N processes together admit what is allowed, and at most what N-1 of them admit within that second beyond it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

from lernbatch import log
from lernbatch.database import db, sql
from lernbatch.database.db import Pool
from lernbatch.errors import LernbatchError
from lernbatch.services import Services

Q = sql.load("lernbatch.web")
MOST_CALLERS = 10_000  # that a process counts in one minute; who comes after them is admitted
EXCHANGE_SECONDS = 1.0
KEPT = timedelta(minutes=2)
FORGOTTEN_AT_ONCE = 10_000


class TooOften(LernbatchError):
    """More than a rate allows; when the minute is over it may be tried again."""

    http_status = 429
    code = "TOO_MANY_REQUESTS"
    message = "That was tried too often. Please wait a minute."
    retry_after_seconds = 60

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__()
        self.retry_after_seconds = retry_after_seconds


@dataclass(slots=True)
class _Count:
    total: int = 0  # of all processes, at the last exchange
    unsent: int = 0  # of this one, since then


@dataclass(frozen=True, slots=True)
class CallerCount:
    """How often all processes together admitted a caller in a minute."""

    caller_hash: bytes
    times: int


class Rates:
    """What each caller did in the running minute, as far as this process knows."""

    def __init__(self) -> None:
        self._minute = 0
        self._counts: dict[bytes, _Count] = {}
        self._counted = asyncio.Event()

    def check(self, what: str, who: str, per_minute: int, now: datetime) -> None:
        """Count that `who` does `what` once more. `per_minute` 0: as often as they like. Raises: TooOften."""
        if not per_minute:
            return
        self._turn_to(now)
        # A hash, since this is nobody's business for longer than the minute.
        key = blake2b(f"{self._minute} {what} {who}".encode(), digest_size=16).digest()
        if (count := self._count(key)) is None:
            return
        if count.total + count.unsent >= per_minute:
            raise TooOften(60 - int(now.timestamp()) % 60)
        count.unsent += 1
        self._counted.set()

    async def exchange(self, pool: Pool, now: datetime) -> None:
        """Add what was counted since the last time to what the database has, and learn what the others counted."""
        self._counted.clear()
        self._turn_to(now)
        counts, minute = self._counts, datetime.fromtimestamp(self._minute * 60, UTC)
        unsent = {key: count.unsent for key, count in sorted(counts.items()) if count.unsent}
        times = list(unsent.values())
        await db.run(pool, Q.add_counts, minute=minute, caller_hashes=list(unsent), times=times)
        for key, sent in unsent.items():
            counts[key].unsent -= sent
            counts[key].total += sent
        for row in await db.all(pool, CallerCount, Q.counts, minute=minute, limit=MOST_CALLERS):
            if counts is self._counts and (count := self._count(row.caller_hash)) is not None:
                count.total = row.times

    def _turn_to(self, now: datetime) -> None:
        minute = int(now.timestamp()) // 60
        if minute != self._minute:
            self._minute, self._counts = minute, {}

    def _count(self, key: bytes) -> _Count | None:
        """The count of a caller; None: it is one too many to be counted."""
        count = self._counts.get(key)
        if count is None and len(self._counts) < MOST_CALLERS:
            count = self._counts[key] = _Count()
        return count

    async def counted(self) -> None:
        """Until there is something to exchange."""
        await self._counted.wait()


@asynccontextmanager
async def shared(services: Services) -> AsyncIterator[None]:
    """The counts of this process and those of the others are exchanged until the block ends. An idle process rests."""

    async def keep() -> None:
        while True:
            await services.rates.counted()
            await asyncio.sleep(EXCHANGE_SECONDS)
            try:
                await services.rates.exchange(services.pool, services.clock.now())
            except db.UNREACHABLE as unreachable:  # this process goes on by its own counts
                log.warning("counts of calls were not exchanged", error=repr(unreachable))

    task = asyncio.create_task(keep())
    try:
        yield
    finally:
        task.cancel()


async def forget_old(services: Services) -> int:
    """Forget a bounded set of the counts of minutes that are over; how many."""
    before = services.clock.now() - KEPT
    return await db.run(services.pool, Q.forget_counts, before=before, limit=FORGOTTEN_AT_ONCE)
