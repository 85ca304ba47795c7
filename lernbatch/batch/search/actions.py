"""Searching batches."""

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
from lernbatch.web.caller import Caller

Q = sql.load("lernbatch.batch")
MOST_CREATORS = 100  # of one page; a page of a portal has 30 batches at most
COUNTED = frozenset(("participantCount", "completedCount"))


async def search(services: Services, search: BatchSearch, caller: Caller) -> SearchResult:
    """Return one page of the batches that match, with the facets, learners and creators that the search names.

    Ids of learners are shown to callers who manage their batch; names of creators to callers with an id.

    Raises: Malformed, when a filter cannot be read, or the search takes longer than `search_seconds` (S4);
    InvalidRequest, for values that the database does not take.
    """
    compose.check(search)
    try:
        async with asyncio.timeout(services.config.search_seconds), services.pool.acquire() as conn:
            result = await _find(conn, services, search, caller)
    except TimeoutError as late:
        raise Malformed from late
    except asyncpg.DataError as unreadable:  # a cursor that is none of ours
        raise InvalidRequest from unreadable
    has_id = caller.user_id is not None or rules.is_unbounded(caller, services.config)
    if not (search.with_creators and has_id):
        return result
    # At most MOST_CREATORS: anybody may search, and each creator is a call of the user service.
    user_ids = list(dict.fromkeys(batch.created_by for batch in result.batches if batch.created_by))[:MOST_CREATORS]
    try:
        people = await services.sunbird.users.profiles(user_ids, caller.token)
    except Upstream:  # nobody has a name then (defect 14)
        people = {}
    creators = {user_id: Creator(person.first_name, person.last_name) for user_id, person in people.items()}
    return replace(result, creators=creators)


async def _find(conn: Connection, services: Services, search: BatchSearch, caller: Caller) -> SearchResult:
    """The result without the creators, whom the user service knows."""
    zone = services.clock.zone
    # One row more than a page says whether there is a next one.
    page = search if search.cursor is None else replace(search, limit=search.limit + 1)
    text, arguments = compose.page(page, zone)
    rows = await conn.fetch(text, *arguments)
    batches, sort_keys = await beside(len(rows), _read_rows, rows[: search.limit])
    count = len(rows)
    if search.cursor is not None or search.offset or count >= search.limit:  # the page does not tell how many match
        text, arguments = compose.count(search, zone)
        count = await conn.fetchval(text, *arguments)
    facets = []
    for facet in search.facets if count else ():
        statement = compose.facet(search, facet, zone)
        values = await conn.fetch(statement[0], *statement[1]) if statement is not None else []
        facets.append(FacetValues(facet.field, [(row["value"], row["count"]) for row in values]))
    batch_ids = [batch.batch_id for batch in batches]
    managed = frozenset(batch.batch_id for batch in batches if rules.may_manage(caller, batch, services.config))
    learner_counts: dict[str, LearnerCounts] = {}
    participants: Mapping[str, list[str]] = {}
    if search.with_participants or COUNTED & set(search.fields or ()):
        counts = await db.all(conn, _LearnerCountsRow, Q.learner_counts, batch_ids=batch_ids)
        counted = {row.batch_id: LearnerCounts(row.participants, row.completed) for row in counts}
        learner_counts = {batch_id: counted[batch_id] for batch_id in batch_ids}  # the first ones' lists come first
    if search.with_participants:
        participants = await _participants(conn, services, caller, learner_counts, managed)
    has_next = len(rows) > len(batches) and bool(batches)
    return SearchResult(
        count=count,
        batches=batches,
        facets=facets,
        next_cursor=Cursor(tuple(sort_keys[len(batches) - 1]), batch_ids[-1]) if has_next else None,
        creators={},
        managed=managed,
        participants=participants,
        learner_counts=learner_counts,
    )


def _read_rows(rows: Sequence[Any]) -> tuple[list[Batch], list[list[str | None]]]:
    """The batches of up to ten thousand rows, and the sort keys of each."""
    columns = [dict(row) for row in rows]
    sort_keys = [row.pop("sort_keys") for row in columns]
    return [Batch(**row) for row in columns], sort_keys


@dataclass(frozen=True, slots=True)
class _LearnerCountsRow:
    batch_id: str
    participants: int
    completed: int


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
    """Batch id → the ids of its active learners; in a batch that the caller does not manage, the caller's alone.

    A batch that nobody ever joined is left out. All lists together have at most `participants_limit` ids.
    """
    left, own = services.config.participants_limit, caller.user_ids
    limits = []
    for batch_id, count in counts.items():
        limits.append(min(count.participants, left) if batch_id in managed else len(own))
        left -= limits[-1] if batch_id in managed else 0
    rows = await db.all(
        conn,
        _ParticipantsRow,
        Q.participants_of_batches,
        batch_ids=list(counts),
        managed=[batch_id in managed for batch_id in counts],
        most=limits,
        own=own,
    )
    return {row.batch_id: row.user_ids for row in rows}
