"""Rosters as plans: what would be done, done exactly so, and undone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from uuid import uuid4

from lernbatch.batch import actions as batches
from lernbatch.batch.model import Batch, BatchStatus
from lernbatch.batch.rules import InvalidBatch, status_on
from lernbatch.bulk import rules
from lernbatch.bulk.model import Change, Grounds, Member, Move, Plan, Wanted
from lernbatch.database import db, sql
from lernbatch.database.db import Connection
from lernbatch.enrolment import actions as enrolment
from lernbatch.enrolment.model import EnrolmentRequest, EnrolmentSource
from lernbatch.jobs.outbox.telemetry import Origin
from lernbatch.services import Services
from lernbatch.sunbird.http import chunks
from lernbatch.web.caller import Caller

Q = sql.load("lernbatch.bulk")
SET_SIZE = 250  # people who are moved in one statement


async def plan(services: Services, caller: Caller, wanted: Wanted) -> Plan:
    """What would be done. Raises: InvalidBatch, Unauthorized, Upstream."""
    await enrolment.check_management(services, caller, wanted.batch_id, None)
    async with services.pool.acquire() as conn:
        members = await _members(conn, wanted)
        batch = await _batch(conn, wanted.batch_id)
    unfit = await _unfit(services, caller, batch, wanted, members)
    return await asyncio.to_thread(rules.plan, wanted, _grounds(services, batch, members, unfit))


async def apply(services: Services, caller: Caller, wanted: Wanted, digest: str, origin: Origin) -> Change:
    """Do what the plan of that digest says. Raises: Outdated, when it would be another plan now."""
    await enrolment.check_management(services, caller, wanted.batch_id, None)
    known = await _batch(services.pool, wanted.batch_id)
    unfit = await _unfit(services, caller, known, wanted, await _members(services.pool, wanted))
    async with services.pool.acquire() as conn, conn.transaction():
        await enrolment.hold(conn, [wanted.batch_id])
        batch, members = await _batch(conn, wanted.batch_id), await _members(conn, wanted)
        made = await asyncio.to_thread(rules.plan, wanted, _grounds(services, batch, members, unfit))
        if made.digest != digest:
            raise rules.Outdated
        change = Change(
            uuid4().hex, wanted.batch_id, made.of(Move.ADD), made.of(Move.RETURN), made.of(Move.REMOVE), None
        )
        if await _move(conn, services, caller, change, origin) != len(change.removed):
            raise rules.Outdated  # somebody completed the course in between, and stays
        await db.run(
            conn,
            Q.insert_change,
            change_id=change.change_id,
            batch_id=change.batch_id,
            applied_by=caller.user_id,
            now=services.clock.now(),
            added=change.added,
            returned=change.returned,
            removed=change.removed,
        )
    return change


async def undo(services: Services, caller: Caller, change_id: str, origin: Origin) -> Change:
    """Take a change back: who came goes, unless completed by now, and who was removed returns.

    Who may not be brought in by the caller today, an account that is deleted or another organisation's, stays out.
    Raises: UnknownChange, AlreadyUndone, Unauthorized, Upstream.
    """
    known = await db.one(services.pool, Change, Q.change_by_id, change_id=change_id)
    if known is None:
        raise rules.UnknownChange
    standing = await enrolment.check_management(services, caller, known.batch_id, None)
    unfit = await enrolment.unfit_of(services, caller, standing.created_for, known.removed)
    async with services.pool.acquire() as conn, conn.transaction():
        change = await db.one(conn, Change, Q.lock_change, change_id=change_id)
        if change is None:
            raise rules.UnknownChange
        if change.undone_at is not None:
            raise rules.AlreadyUndone
        came = [*change.added, *change.returned]
        back = [user_id for user_id in change.removed if user_id not in unfit]
        reverse = Change(change_id, change.batch_id, [], back, came, None)
        await _move(conn, services, caller, reverse, origin)
        await db.run(conn, Q.note_undone, change_id=change_id, now=services.clock.now())
    return reverse


async def _move(conn: Connection, services: Services, caller: Caller, change: Change, origin: Origin) -> int:
    """Take people out and bring people in, set by set, so that others have their turn between; how many went."""

    def sets(user_ids: Iterable[str]) -> Iterator[list[EnrolmentRequest]]:
        for some in chunks(sorted(user_ids), SET_SIZE):  # sorted, so that twins do not wait for each other
            yield [
                EnrolmentRequest(user_id, change.batch_id, None, caller.user_id, EnrolmentSource.FILE, origin)
                for user_id in some
            ]

    gone = 0
    for leaving in sets(change.removed):
        gone += len(await enrolment.unenrol_within(conn, services, leaving))
    for coming in sets((*change.added, *change.returned)):
        for refusal in await enrolment.enrol_within(conn, services, coming):
            if refusal is not None:
                raise refusal
    return gone


async def _batch(conn: Connection, batch_id: str) -> Batch:
    found = await batches.find(conn, batch_id)
    if found is None:
        raise InvalidBatch
    return found


async def _members(conn: Connection, wanted: Wanted) -> dict[str, Member]:
    found = await db.all(conn, Member, Q.members, batch_id=wanted.batch_id, user_ids=list(wanted.user_ids))
    return {member.user_id: member for member in found}


async def _unfit(
    services: Services, caller: Caller, batch: Batch, wanted: Wanted, members: dict[str, Member]
) -> set[str]:
    """Of those who would come in, whom the caller may not bring in. Raises: Upstream."""
    coming = [user_id for user_id in wanted.user_ids if not (user_id in members and members[user_id].active)]
    rules.check_lookups(services.sunbird.users.calls_for(len(coming)), services.config.upstream_calls_per_request)
    return await enrolment.unfit_of(services, caller, batch.created_for, coming)


def _grounds(services: Services, batch: Batch, members: dict[str, Member], unfit: set[str]) -> Grounds:
    today = services.clock.today(batch.time_zone)
    has_ended = status_on(today, batch.start_date, batch.end_date) is BatchStatus.ENDED
    return Grounds(batch.revision, has_ended, batch.capacity, members, unfit)
