"""Looking for batches."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import asyncpg

from lernbatch.batch import rules
from lernbatch.batch.model import Batch
from lernbatch.batch.rules import InvalidRequest
from lernbatch.batch.search import compose
from lernbatch.batch.search.model import BatchSearch, Creator, Cursor, FacetValues, LearnerCounts, SearchResult
from lernbatch.database import db, sql
from lernbatch.database.db import Connection
from lernbatch.errors import Malformed, Upstream
from lernbatch.services import Services
from lernbatch.threads import beside
from lernbatch.web.tokens import Caller

Q = sql.load("lernbatch.batch")
MOST_CREATORS = 100  # of one page; a page of a portal has 30 batches at most
COUNTED = frozenset(("participantCount", "completedCount"))


async def search(services: Services, asked: BatchSearch, caller: Caller) -> SearchResult:
    """The batches that match, and what was asked for beside them.

    Learners are told to those who manage a batch, names of creators to those who are known.

    Raises: Malformed, where a filter cannot be read, or when it takes longer than the setting allows (S4);
    InvalidRequest, for values that no database takes.
    """
    compose.check(asked)
    try:
        async with asyncio.timeout(services.config.search_seconds), services.pool.acquire() as conn:
            found = await _search(conn, services, asked, caller)
    except TimeoutError as late:
        raise Malformed from late
    except asyncpg.DataError as unreadable:  # a cursor that is none of ours
        raise InvalidRequest from unreadable
    is_known = caller.user_id is not None or rules.is_unbounded(caller, services.config)
    if asked.with_creators and is_known:
        return replace(found, creators=await _creators(services, found.batches, caller.token))
    return found


async def _search(conn: Connection, services: Services, asked: BatchSearch, caller: Caller) -> SearchResult:
    zone = services.clock.zone
    wanted = asked if asked.cursor is None else replace(asked, limit=asked.limit + 1)
    text, arguments = compose.page(wanted, zone)
    rows = await conn.fetch(text, *arguments)
    batches, keys = await beside(len(rows), _read, rows[: asked.limit])
    text, arguments = compose.count(asked, zone)
    count: int = await conn.fetchval(text, *arguments)
    batch_ids = [batch.batch_id for batch in batches]
    more = len(rows) > len(batches) and bool(batches)
    managed = frozenset(batch.batch_id for batch in batches if rules.may_manage(caller, batch, services.config))
    is_counted = asked.with_participants or bool(COUNTED & set(asked.fields or ()))
    counts = await _learner_counts(conn, batch_ids) if is_counted else {}
    participants: Mapping[str, list[str]] = {}
    if asked.with_participants:
        participants = await _participants(conn, services, caller, counts, managed)
    return SearchResult(
        count=count,
        batches=batches,
        facets=await _facets(conn, services, asked) if count else [],
        next_cursor=Cursor(tuple(keys[len(batches) - 1]), batch_ids[-1]) if more else None,
        creators={},
        managed=managed,
        participants=participants,
        learner_counts=counts,
    )


def _read(rows: Sequence[Any]) -> tuple[list[Batch], list[list[str | None]]]:
    """The batches of rows, and by what each was sorted; there may be ten thousand."""
    found = [dict(row) for row in rows]
    keys = [row.pop("sort_keys") for row in found]
    return [Batch(**row) for row in found], keys


async def _facets(conn: Connection, services: Services, asked: BatchSearch) -> list[FacetValues]:
    found = []
    for facet in asked.facets:
        statement = compose.facet(asked, facet, services.clock.zone)
        rows: Sequence[Any] = ()
        if statement is not None:
            text, arguments = statement
            rows = await conn.fetch(text, *arguments)
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
class _ParticipantsRow:
    batch_id: str
    user_ids: list[str]


async def _participants(
    conn: Connection,
    services: Services,
    caller: Caller,
    counts: Mapping[str, LearnerCounts],
    managed: Collection[str],
) -> dict[str, list[str]]:
    """Batch id → ids of its active learners, of a batch that is not managed only the caller's.

    A batch that nobody ever joined is not there. All lists together have as many ids as one answer may.
    """
    left, own = services.config.participants_limit, caller.user_ids
    most = []
    for batch_id, count in counts.items():
        most.append(min(count.participants, left) if batch_id in managed else len(own))
        left -= most[-1] if batch_id in managed else 0
    rows = await db.all(
        conn,
        _ParticipantsRow,
        Q.participants_of_batches,
        batch_ids=list(counts),
        managed=[batch_id in managed for batch_id in counts],
        most=most,
        own=own,
    )
    return {row.batch_id: row.user_ids for row in rows}


@dataclass(frozen=True, slots=True)
class _LearnerCountsRow:
    batch_id: str
    participants: int
    completed: int


async def _learner_counts(conn: Connection, batch_ids: list[str]) -> dict[str, LearnerCounts]:
    rows = await db.all(conn, _LearnerCountsRow, Q.learner_counts, batch_ids=batch_ids)
    return {row.batch_id: LearnerCounts(row.participants, row.completed) for row in rows}
