"""Deleted and merged accounts: every process knows of them within seconds and refuses their tokens.

Asking the database for each token would be a round trip on the hot path. The accounts are few, so each process keeps
them all.
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

POLL_SECONDS = 5.0
OVERLAP = timedelta(minutes=2)  # a transaction becomes visible later than the time it has noted
LONGEST_TOKEN = timedelta(days=30)  # a token issued before that has expired, and its late reports are refused as well
MOST_ACCOUNTS = 500_000


@dataclass(frozen=True, slots=True)
class EndedAccount:
    """An account whose tokens are refused; `is_ended` false: it came back."""

    user_id: str
    is_ended: bool


@asynccontextmanager
async def watching(services: Services) -> AsyncIterator[None]:
    """The process follows which accounts have ended, until the block ends."""
    config, clock = services.config, services.clock
    await read_since(services, clock.now() - timedelta(days=config.late_token_days) - LONGEST_TOKEN)

    async def poll() -> None:
        read_at = clock.now()
        while True:
            await asyncio.sleep(POLL_SECONDS)
            now = clock.now()
            try:
                await read_since(services, read_at - OVERLAP)
                read_at = now
            except db.UNREACHABLE as failure:
                log.debug("ended accounts could not be read", error=type(failure).__name__)

    task = asyncio.create_task(poll())
    try:
        yield
    finally:
        task.cancel()


async def read_since(services: Services, since: datetime) -> None:
    """Pass on to the token check which accounts have ended, or came back, from `since` on."""
    accounts = await db.all(services.pool, EndedAccount, Q.ended_since, since=since, limit=MOST_ACCOUNTS)
    for account in accounts:
        (services.tokens.end if account.is_ended else services.tokens.revive)(account.user_id)
