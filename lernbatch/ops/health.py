"""Whether what this service stands on answers (contract batches §1.7)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass

from lernbatch.database import db, sql
from lernbatch.services import Services

Q = sql.load("lernbatch.ops")
TIMEOUT_SECONDS = 3.0


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
        _checked("Cassandra service", database_answers(services)),
        _checked("Elastic search service", search_answers(services)),
        _checked("Content service", services.sunbird.search.healthy()),
    )
    return [Check("lms-service"), Check("Actor service"), database, search, content]


async def _checked(name: str, answer: Awaitable[object]) -> Check:
    """How a dependency is, by its answer to a question: False, none in time, or a failure is a connection error."""
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return Check(name, "Connection error") if await answer is False else Check(name)
    except db.UNREACHABLE:
        return Check(name, "Connection error")


async def database_answers(services: Services) -> None:
    """Ask the database a question. Raises: one of db.UNREACHABLE, when it does not answer."""
    await db.value(services.pool, Q.answers)


async def search_answers(services: Services) -> None:
    """Ask the search, which is the database's, whatever it finds. Raises: one of db.UNREACHABLE."""
    await db.value(services.pool, Q.search_answers)
