"""Looking for batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import asyncpg

from lernbatch import db, sql
from lernbatch.batch.model import Batch
from lernbatch.batch.rules import InvalidRequest
from lernbatch.batch.search import compose
from lernbatch.batch.search.fields import CLOSES_BEFORE
from lernbatch.batch.search.model import Creator, Cursor, FacetValues, Found, LearnerCounts, Search
from lernbatch.db import Connection
from lernbatch.errors import Malformed, Upstream
from lernbatch.services import Services

Q = sql.load("lernbatch.batch")
MOST_CREATORS = 100  # of one page; a page of a portal has 30 batches at most
COUNTED = frozenset(("participantCount", "completedCount"))


async def search(services: Services, asked: Search, token: str | None) -> Found:
    """The batches that match, and what was asked for beside them. `token`: the caller's, for the user service.

    Raises: Malformed, where a filter cannot be read, or when it takes longer than the setting allows (S4);
    InvalidRequest, for values that no database takes.
    """
    compose.check(asked)
    try:
        async with services.pool.acquire() as conn:
            found = await _search(conn, services, asked)
    except TimeoutError as late:
        raise Malformed from late
    except asyncpg.DataError as unreadable:  # a cursor that is none of ours
        raise InvalidRequest from unreadable
    return replace(found, creators=await _creators(services, found.batches, token)) if asked.with_creators else found


async def _search(conn: Connection, services: Services, asked: Search) -> Found:
    zone, seconds = services.clock.zone, services.config.search_seconds
    wanted = asked if asked.cursor is None else replace(asked, limit=asked.limit + 1)
    text, arguments = compose.page(wanted, zone)
    rows = [dict(row) for row in await conn.fetch(_set(services, text), *arguments, timeout=seconds)]
    keys: list[list[str | None]] = [row.pop("sort_keys") for row in rows]
    batches = [Batch(**row) for row in rows][: asked.limit]
    text, arguments = compose.count(asked, zone)
    count: int = await conn.fetchval(_set(services, text), *arguments, timeout=seconds)
    batch_ids = [batch.batch_id for batch in batches]
    more = len(rows) > len(batches) and bool(batches)
    return Found(
        count=count,
        batches=batches,
        facets=await _facets(conn, services, asked) if count else [],
        next_cursor=Cursor(tuple(keys[len(batches) - 1]), batch_ids[-1]) if more else None,
        creators={},
        participants=await _participants(conn, services, batch_ids) if asked.with_participants else {},
        learner_counts=await _learner_counts(conn, batch_ids) if COUNTED & set(asked.fields or ()) else {},
    )


def _set(services: Services, text: str) -> str:
    """The statement, with the installation's setting where a column depends on it."""
    return text.replace(CLOSES_BEFORE, str(services.config.enrolment_closes_days_before_end))


async def _facets(conn: Connection, services: Services, asked: Search) -> list[FacetValues]:
    found = []
    for facet in asked.facets:
        statement = compose.facet(asked, facet, services.clock.zone)
        rows: Sequence[Any] = ()
        if statement is not None:
            text, arguments = statement
            rows = await conn.fetch(_set(services, text), *arguments, timeout=services.config.search_seconds)
        found.append(FacetValues(facet.field, [(row["value"], row["count"]) for row in rows]))
    return found


async def _creators(services: Services, batches: Sequence[Batch], token: str | None) -> dict[str, Creator]:
    """User id → who created a batch, for those the user service knows; a failing one knows nobody (defect 14).

    Of a page with many creators the first ones alone: anybody may search, and each is a call of the user service.
    """
    user_ids = list(dict.fromkeys(batch.created_by for batch in batches if batch.created_by))[:MOST_CREATORS]
    try:
        people = await services.sunbird.users.profiles(user_ids, token)
    except Upstream:
        return {}
    return {user_id: Creator(person.first_name, person.last_name) for user_id, person in people.items()}


@dataclass(frozen=True, slots=True)
class _Learners:
    batch_id: str
    user_ids: list[str]


async def _participants(conn: Connection, services: Services, batch_ids: list[str]) -> dict[str, list[str]]:
    """Batch id → ids of its active learners; a batch that nobody ever joined is not there."""
    limit = services.config.participants_limit
    rows = await db.all(conn, _Learners, Q.participants_of_batches, batch_ids=batch_ids, limit=limit)
    return {row.batch_id: row.user_ids for row in rows}


@dataclass(frozen=True, slots=True)
class _Counts:
    batch_id: str
    participants: int
    completed: int


async def _learner_counts(conn: Connection, batch_ids: list[str]) -> dict[str, LearnerCounts]:
    rows = await db.all(conn, _Counts, Q.learner_counts, batch_ids=batch_ids)
    return {row.batch_id: LearnerCounts(row.participants, row.completed) for row in rows}
