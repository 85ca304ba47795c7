"""Plans for a batch: what would be done, done exactly so, and undone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from datetime import timedelta
from uuid import uuid4

from lernbatch.batch import actions as batches
from lernbatch.batch.model import Batch, BatchStatus
from lernbatch.batch.rules import InvalidBatch, status_on
from lernbatch.bulk import rules
from lernbatch.bulk.model import (
    AppliedPlan,
    BatchMember,
    BulkChange,
    BulkPlan,
    BulkPlanRequest,
    Move,
    PlanFacts,
    UndoPlan,
)
from lernbatch.database import db, sql
from lernbatch.database.db import Connection
from lernbatch.enrolment import actions as enrolment
from lernbatch.enrolment.model import EnrolmentRequest, EnrolmentSource
from lernbatch.jobs.outbox.telemetry import Origin
from lernbatch.services import Services
from lernbatch.sunbird.http import chunks
from lernbatch.web import audit
from lernbatch.web.caller import Caller

Q = sql.load("lernbatch.bulk")
SET_SIZE = 250  # people who are moved in one statement


async def plan(services: Services, caller: Caller, request: BulkPlanRequest) -> BulkPlan:
    """What would be done. Raises: InvalidBatch, Unauthorized, TooManyNew, Upstream."""
    await enrolment.check_management(services, caller, request.batch_id, None)
    async with services.pool.acquire() as conn:
        members = await _members(conn, request)
        batch = await _batch(conn, request.batch_id)
    unfit = await _unfit(services, caller, batch, request, members)
    return await asyncio.to_thread(rules.plan, request, _facts(services, batch, members, unfit))


async def apply(
    services: Services, caller: Caller, request: BulkPlanRequest, digest: str, origin: Origin
) -> BulkChange:
    """Do what the plan of that digest says. Raises: PlanOutdated, when it would be another plan now; as `plan`."""
    await enrolment.check_management(services, caller, request.batch_id, None)
    before = await _batch(services.pool, request.batch_id)
    unfit = await _unfit(services, caller, before, request, await _members(services.pool, request))
    async with services.pool.acquire() as conn, conn.transaction():
        await enrolment.hold(conn, [request.batch_id])
        batch, members = await _batch(conn, request.batch_id), await _members(conn, request)
        plan = await asyncio.to_thread(rules.plan, request, _facts(services, batch, members, unfit))
        if plan.digest != digest:
            raise rules.PlanOutdated
        change = BulkChange(
            uuid4().hex, request.batch_id, plan.of(Move.ADD), plan.of(Move.RETURN), plan.of(Move.REMOVE), None
        )
        if await _move(conn, services, caller, change, origin) != len(change.removed):
            raise rules.PlanOutdated  # somebody completed the course in between, and stays
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
        await audit.end(conn)
    return change


async def undo(services: Services, caller: Caller, change_id: str, origin: Origin) -> BulkChange:
    """Undo a change: those who were added leave, unless they have completed; those who were removed return.

    People whom the caller may not enrol today, of a deleted account or another organisation, stay out.
    Raises: UnknownChange, AlreadyUndone, Unauthorized, Upstream.
    """
    change = await db.one(services.pool, BulkChange, Q.change_by_id, change_id=change_id)
    if change is None:
        raise rules.UnknownChange
    eligibility = await enrolment.check_management(services, caller, change.batch_id, None)
    unfit = await enrolment.unfit_of(services, caller, eligibility.created_for, change.removed)
    async with services.pool.acquire() as conn, conn.transaction():
        change = await db.one(conn, BulkChange, Q.lock_change, change_id=change_id)
        if change is None:
            raise rules.UnknownChange
        if change.undone_at is not None:
            raise rules.AlreadyUndone
        came = [*change.added, *change.returned]
        back = [user_id for user_id in change.removed if user_id not in unfit]
        reverse = BulkChange(change_id, change.batch_id, [], back, came, None)
        await _move(conn, services, caller, reverse, origin)
        await db.run(conn, Q.save_undone, change_id=change_id, now=services.clock.now())
        await audit.end(conn)
    return reverse


async def undo_plan(services: Services, caller: Caller, change_id: str) -> UndoPlan:
    """What undoing a change would do now. Raises: as `undo`."""
    change = await db.one(services.pool, BulkChange, Q.change_by_id, change_id=change_id)
    if change is None:
        raise rules.UnknownChange
    eligibility = await enrolment.check_management(services, caller, change.batch_id, None)
    if change.undone_at is not None:
        raise rules.AlreadyUndone
    everybody = BulkPlanRequest(change.batch_id, tuple(change.removed), remove_others=False, remove_by_hand=False)
    members = await _members(services.pool, everybody)
    unfit = await enrolment.unfit_of(services, caller, eligibility.created_for, change.removed)
    return await asyncio.to_thread(rules.undo_plan, change, members, unfit)


async def changes_of(services: Services, batch_id: str, *, days: int, limit: int) -> list[AppliedPlan]:
    """The changes of a batch in the last `days`, the newest first."""
    since = services.clock.now() - timedelta(days=days)
    return await db.all(services.pool, AppliedPlan, Q.changes_of_batch, batch_id=batch_id, since=since, limit=limit)


async def _move(conn: Connection, services: Services, caller: Caller, change: BulkChange, origin: Origin) -> int:
    """Remove and enrol people, set by set, so that other tasks run in between. Returns how many left."""

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
    batch = await batches.find(conn, batch_id)
    if batch is None:
        raise InvalidBatch
    return batch


async def _members(conn: Connection, request: BulkPlanRequest) -> dict[str, BatchMember]:
    members = await db.all(conn, BatchMember, Q.members, batch_id=request.batch_id, user_ids=list(request.user_ids))
    return {member.user_id: member for member in members}


async def _unfit(
    services: Services, caller: Caller, batch: Batch, request: BulkPlanRequest, members: dict[str, BatchMember]
) -> set[str]:
    """Those who would be enrolled and whom the caller may not enrol. Raises: TooManyNew, Upstream."""
    coming = [user_id for user_id in request.user_ids if not (user_id in members and members[user_id].active)]
    rules.check_lookups(services.sunbird.users.calls_for(len(coming)), services.config.upstream_calls_per_request)
    return await enrolment.unfit_of(services, caller, batch.created_for, coming)


def _facts(services: Services, batch: Batch, members: dict[str, BatchMember], unfit: set[str]) -> PlanFacts:
    today = services.clock.today(batch.time_zone)
    has_ended = status_on(today, batch.start_date, batch.end_date) is BatchStatus.ENDED
    return PlanFacts(batch.revision, has_ended, batch.capacity, members, unfit)
