"""The effects of a change on the people of a batch, worked out before anybody makes the change."""

from __future__ import annotations

from dataclasses import dataclass

from lernbatch.batch import actions, rules
from lernbatch.batch.model import Batch, BatchChange, ChangeRequester, Preview, Situation
from lernbatch.database import db, sql
from lernbatch.database.db import Connection
from lernbatch.services import Services

Q = sql.load("lernbatch.batch")
MOST_NAMED = 1000


@dataclass(frozen=True, slots=True)
class _UnfinishedLearners:
    """Active learners of a batch: how many, how many have not completed it, and the first MOST_NAMED of the latter."""

    active: int
    unfinished: int
    user_ids: list[str]


async def preview(services: Services, requester: ChangeRequester, change: BatchChange) -> Preview:
    """Return the learners that `change` would affect, and its effects. Raises what the change itself would.

    The change is written and its effects are read back, in a transaction that is rolled back.
    """
    batch, changed = await actions.checked_change(
        services, requester, await actions.find(services.pool, change.batch_id), change
    )
    async with services.pool.acquire() as conn:
        transaction = conn.transaction()
        await transaction.start()
        try:
            learners = await _learners(conn, batch.batch_id)
            before = _situation(services, batch, learners)
            await actions.save(conn, changed, services.config.enrolment_closes_days_before_end)
            written = await actions.find(conn, batch.batch_id) or changed
            after = _situation(services, written, await _learners(conn, batch.batch_id))
        finally:
            await transaction.rollback()
    effects = rules.effects(before, after)
    named = learners.user_ids if effects else []
    count = learners.unfinished if effects else 0
    return Preview(batch.batch_id, before, after, learners.active, learners.unfinished, effects, count, named)


async def _learners(conn: Connection, batch_id: str) -> _UnfinishedLearners:
    learners = await db.one(conn, _UnfinishedLearners, Q.preview_learners, batch_id=batch_id, limit=MOST_NAMED)
    assert learners is not None, "an aggregate has always a row"
    return learners


def _situation(services: Services, batch: Batch, learners: _UnfinishedLearners) -> Situation:
    today = rules.day_in(batch.time_zone, services.clock.now(), services.clock.zone)
    closes_days_before = services.config.enrolment_closes_days_before_end
    return Situation(
        status=rules.status_on(today, batch.start_date, batch.end_date),
        enrolment_is_open=rules.enrolment_is_open(batch, today, learners.active, closes_days_before),
        last_enrolment_day=rules.enrolment_end(batch.end_date, batch.enrolment_end_date, closes_days_before),
        may_leave=rules.may_leave(batch.leave_policy, today, batch.start_date),
        seats_left=None if batch.capacity is None else batch.capacity - learners.active,
    )
