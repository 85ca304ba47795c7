"""Where long reads go: to a standby that has caught up with the primary, else to the primary."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

import asyncpg

from lernbatch import log
from lernbatch.database.db import GONE, Connection, Pool
from lernbatch.errors import Busy

Result = TypeVar("Result")

PAGE_SECONDS = 1.0  # so long somebody who waits for a page waits for the standby, too
LOOK_SECONDS = 0.02
LEFT_ALONE_SECONDS = 10.0  # after it was away or too far behind
# What a standby fails with and the primary would not; a conflict is a row that it must forget while we read it.
_OF_STANDBYS = (Busy, *GONE, asyncpg.SerializationError)

WRITTEN_BY_PRIMARY = "SELECT pg_current_wal_lsn()::text"
# Null: it is no standby any more.
REPLAYED_BY_STANDBY = "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() >= $1::text::pg_lsn END"


@dataclass(frozen=True, slots=True)
class ReportConnection:
    """A connection for long reads. `lag_seconds`: how far the standby was behind; None: it is the primary's."""

    conn: Connection
    lag_seconds: float | None


class Reports:
    """The databases for long reads. `lag_seconds`: how far a standby may be behind for a report that nobody waits for.

    A standby is waited for until it has replayed what the primary had written when the reading was asked for. So a
    report has the consents that were fetched for it, and is about nobody who withdrew before.
    """

    def __init__(self, primary: Pool, standby: Pool | None, lag_seconds: float) -> None:
        self.primary, self.standby, self.lag_seconds = primary, standby, lag_seconds
        self._left_alone_until = 0.0

    @asynccontextmanager
    async def reading(self, within_seconds: float | None = None) -> AsyncIterator[ReportConnection]:
        """A connection of a standby that catches up `within_seconds` (None: `lag_seconds`), else of the primary.

        0 seconds: the primary's.
        """
        async with AsyncExitStack() as opened:
            reading = await self._caught_up(opened, self.lag_seconds if within_seconds is None else within_seconds)
            if reading is None:
                reading = ReportConnection(await opened.enter_async_context(self.primary.acquire()), None)
            yield reading

    async def read(self, work: Callable[[Connection], Awaitable[Result]]) -> Result:
        """The result of `work`, in a transaction; it only reads and may be begun again. For somebody who waits."""
        async with self.reading(PAGE_SECONDS) as reading:
            try:
                async with reading.conn.transaction():
                    return await work(reading.conn)
            except _OF_STANDBYS as failure:
                if reading.lag_seconds is None:
                    raise
                self._leave_alone(repr(failure))
        async with self.primary.acquire() as conn, conn.transaction():
            return await work(conn)

    async def _caught_up(self, opened: AsyncExitStack, within_seconds: float) -> ReportConnection | None:
        """A standby's connection that is in `opened` then; None, when there is none that is not too far behind."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        if self.standby is None or not within_seconds or began < self._left_alone_until:
            return None
        written: str = await self.primary.fetchval(WRITTEN_BY_PRIMARY)
        async with AsyncExitStack() as borrowed:
            try:
                conn = await borrowed.enter_async_context(self.standby.acquire())
                while not (replayed := await conn.fetchval(REPLAYED_BY_STANDBY, written)):
                    if replayed is None:  # promoted meanwhile
                        await self.standby.expire_connections()
                        return None
                    if loop.time() - began >= within_seconds:
                        self._leave_alone(f"more than {within_seconds:g} seconds behind")
                        return None
                    await asyncio.sleep(LOOK_SECONDS)
            except _OF_STANDBYS as failure:
                self._leave_alone(repr(failure.__cause__ or failure))
                return None
            opened.push_async_exit(borrowed.pop_all())
        return ReportConnection(conn, loop.time() - began)

    def _leave_alone(self, reason: str) -> None:
        self._left_alone_until = asyncio.get_running_loop().time() + LEFT_ALONE_SECONDS
        log.warning("a standby is left alone for a while; the primary is read", reason=reason)
