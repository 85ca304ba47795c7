"""Whether what this service stands on answers (contract batches §1.7)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from lernbatch.database import db, schema, sql
from lernbatch.services import Services

Q = sql.load("lernbatch.ops")
TIMEOUT_SECONDS = 3.0
SCHEMA_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Check:
    """How one dependency is; `error` is empty when it is well."""

    name: str
    error: str = ""

    @property
    def healthy(self) -> bool:
        return not self.error


async def checks(services: Services) -> list[Check]:
    """Every dependency, asked at the same time, under the names that clients of the reference know."""
    database, search, content = await asyncio.gather(
        _asked("Cassandra service", database_answers, services),
        _asked("Elastic search service", _search_answers, services),
        _asked("Content service", _content_answers, services),
    )
    return [Check("lms-service"), Check("Actor service"), database, search, content]


async def _asked(name: str, ask: Callable[[Services], Awaitable[bool]], services: Services) -> Check:
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return Check(name) if await ask(services) else Check(name, "Connection error")
    except db.UNREACHABLE:
        return Check(name, "Connection error")


async def database_answers(services: Services) -> bool:
    await db.value(services.pool, Q.answers)
    return True


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


async def _search_answers(services: Services) -> bool:
    await db.value(services.pool, Q.search_answers)
    return True


async def _content_answers(services: Services) -> bool:
    healthy: bool = await services.sunbird.search.healthy()
    return healthy
