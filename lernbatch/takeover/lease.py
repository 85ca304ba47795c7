"""Who moves now: one process at a time, found out by a row that says until when."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from lernbatch.database import db
from lernbatch.database.db import Connection
from lernbatch.errors import LernbatchError
from lernbatch.services import Services
from lernbatch.takeover.database import Q


@dataclass(frozen=True, slots=True)
class LeaseHolder:
    """Who holds the lease."""

    owner: str
    command: str
    began_at: datetime
    leased_until: datetime


class AlreadyMoving(LernbatchError):
    """Another process moves data at this moment."""

    def __init__(self, holder: LeaseHolder) -> None:
        super().__init__(
            f"`lernbatch sunbird {holder.command}` runs already, as {holder.owner} since"
            f" {holder.began_at:%Y-%m-%d %H:%M:%S} UTC. Its lease ends at {holder.leased_until:%H:%M:%S} UTC unless it"
            " is renewed: wait for it, or end it."
        )


class MoveLeaseLost(LernbatchError):
    """The process stood still so long that another one took over."""

    message = "Another process has taken over, because this one did not renew its lease. Nothing of it is lost."


@asynccontextmanager
async def held(services: Services, command: str) -> AsyncIterator[str]:
    """The lease, renewed until the block ends. Yields its owner. Raises: AlreadyMoving."""
    owner, length = f"process {os.getpid()}-{uuid4().hex[:8]}", timedelta(seconds=services.config.lease_seconds)
    now = services.clock.now()
    taken = await db.value(services.pool, Q.claim_lease, owner=owner, command=command, now=now, until=now + length)
    if taken is None:
        holder = await db.one(services.pool, LeaseHolder, Q.lease_holder)
        raise AlreadyMoving(holder or LeaseHolder("somebody", command, now, now))

    async def renew() -> None:
        while True:
            await asyncio.sleep(length.total_seconds() / 4)
            with suppress(*db.UNREACHABLE):  # whoever writes next finds out whether the lease is lost
                await db.run(services.pool, Q.renew_lease, owner=owner, until=services.clock.now() + length)

    heartbeat = asyncio.create_task(renew())
    try:
        yield owner
    finally:
        heartbeat.cancel()
        with suppress(asyncio.CancelledError):
            await heartbeat
        with suppress(*db.UNREACHABLE):
            await db.run(services.pool, Q.release_lease, owner=owner)


async def check(conn: Connection, owner: str | None) -> None:
    """In a transaction that writes. `owner` None: nothing is written that others see. Raises: MoveLeaseLost."""
    if owner is not None and await db.value(conn, Q.hold_lease, owner=owner) is None:
        raise MoveLeaseLost
