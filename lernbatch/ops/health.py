"""Whether what this service stands on answers (contract batches §1.7)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from dataclasses import dataclass

from lernbatch.database import db, schema, sql
from lernbatch.services import Services

Q = sql.load("lernbatch.ops")
TIMEOUT_SECONDS = 3.0
SCHEMA_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Check:
    """How one dependency is; `error` is empty when it is well. `vital`: the service does not work without it."""

    name: str
    error: str = ""
    vital: bool = True

    @property
    def healthy(self) -> bool:
        return not self.error


async def checks(services: Services) -> list[Check]:
    """Every dependency, asked at the same time, under the names that clients of the reference know."""
    pending = [
        _checked("Cassandra service", database_answers(services)),
        _checked("Elastic search service", search_answers(services)),
        _checked("Content service", services.sunbird.search.healthy()),
    ]
    if services.reports.standby is not None:
        pending.append(_checked("Reports database", db.value(services.reports.standby, Q.is_standby), vital=False))
    if services.nodes is not None:
        pools = services.nodes.pools()
        pending += [_checked(f"Database node {address}", db.value(pool, Q.answers)) for address, pool in pools.items()]
    return [Check("lms-service"), Check("Actor service"), *await asyncio.gather(*pending)]


async def _checked(name: str, answer: Awaitable[object], *, vital: bool = True) -> Check:
    """How a dependency is, by its answer to a question: False, none in time, or a failure is a connection error."""
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return Check(name, "Connection error" if await answer is False else "", vital)
    except db.UNREACHABLE:
        return Check(name, "Connection error", vital)


async def database_answers(services: Services) -> None:
    """Ask the database a question. Raises: one of db.UNREACHABLE, when it does not answer."""
    await db.value(services.pool, Q.answers)


class SchemaWatch:
    """Whether the schema is whole, looked at again now and then: a load balancer asks every few seconds."""

    def __init__(self) -> None:
        self._looked_at, self._lacking = -SCHEMA_SECONDS, ""

    async def lacking(self, services: Services) -> str:
        """The first thing that the database lacks; "" when nothing is."""
        if time.monotonic() - self._looked_at >= SCHEMA_SECONDS:
            async with services.pool.acquire() as conn:
                self._lacking = next(iter(await schema.missing(conn)), "")
            self._looked_at = time.monotonic()
        return self._lacking


async def search_answers(services: Services) -> None:
    """Ask the search, which is the database's, whatever it finds. Raises: one of db.UNREACHABLE."""
    await db.value(services.pool, Q.search_answers)
