"""Accounts that are deleted or merged: every process hears of them within seconds, and no token of theirs counts.

Asking the database for each token would be a round trip on the hot path; they are few, so each process knows them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from lernbatch import log
from lernbatch.account.actions import Q
from lernbatch.database import db
from lernbatch.services import Services

LOOK_SECONDS = 5.0
OVERLAP = timedelta(minutes=2)  # a transaction is seen later than the time it has noted
LONGEST_TOKEN = timedelta(days=30)  # what was issued before an account ended has ended itself by then, and is too late
MOST_ACCOUNTS = 500_000


@dataclass(frozen=True, slots=True)
class _Ended:
    user_id: str
    is_ended: bool


@asynccontextmanager
async def watching(services: Services) -> AsyncIterator[None]:
    """The process knows which accounts have ended, until the block ends."""
    config, clock = services.config, services.clock
    since = clock.now() - timedelta(days=config.late_token_days) - LONGEST_TOKEN
    await learn(services, since)

    async def look() -> None:
        heard_at = clock.now()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            asked_at = clock.now()
            try:
                await learn(services, heard_at - OVERLAP)
                heard_at = asked_at
            except db.UNREACHABLE as failed:
                log.debug("ended accounts were not looked for", error=type(failed).__name__)

    task = asyncio.create_task(look())
    try:
        yield
    finally:
        task.cancel()


async def learn(services: Services, since: datetime) -> None:
    """Tell this process's gate which accounts have ended, or came back, from `since` on."""
    rows = await db.all(services.pool, _Ended, Q.ended_since, since=since, limit=MOST_ACCOUNTS)
    for row in rows:
        (services.tokens.end if row.is_ended else services.tokens.revive)(row.user_id)
