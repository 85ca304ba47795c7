"""What can be done with a batch: one function, one transaction, the events in it."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from lernbatch.batch import checks, dates, events, listings, rules
from lernbatch.batch.model import (
    Batch,
    BatchChange,
    BatchStatus,
    ChangeRequester,
    NewBatch,
    NotedChange,
    Participants,
    ParticipantsQuery,
)
from lernbatch.database import db, sql
from lernbatch.database.coalescer import Answer, coalesced
from lernbatch.database.db import Connection, Pool
from lernbatch.errors import LernbatchError, Unauthorized
from lernbatch.jobs.outbox.announcements import announcement
from lernbatch.jobs.outbox.events import Event
from lernbatch.services import Services
from lernbatch.shadowing import GIVEN
from lernbatch.web.caller import Caller
from lernbatch.web.idempotency import Remember

Q = sql.load("lernbatch.batch")
TRIES = 30  # attempts of a change that another process gets ahead of; in each round one change gets through
_counter = itertools.count()


class NotInserted(LernbatchError):
    """The database did not take a new batch (C26)."""

    code = "DB_INSERTION_FAIL"
    message = "DB insert operation failed."


class NotUpdated(LernbatchError):
    """The database did not take a change (U29)."""

    code = "DB_UPDATE_FAIL"
    message = "Db update operation failed."


class Unread(LernbatchError):
    """The database did not answer (P4, a failure without code and text)."""


async def create(
    services: Services,
    requester: ChangeRequester,
    new: NewBatch,
    remember: Remember[str],
    *,
    inherited_organisations: Sequence[str] = (),
) -> Batch:
    """Create a batch and return it.

    Raises the refusals of contract batches §3.1, C19 to C26, and rules.ForeignOrganisation.

    `remember`: is given the batch id inside the transaction. `inherited_organisations`: those of a batch that the
    caller already has, for which another batch may be made.
    """
    config, clock = services.config, services.clock
    course = await checks.check_course(services, new.course_id)
    await checks.check_organisations(services, new.created_for)
    await checks.check_own_organisations(services, requester.caller, _without(new.created_for, inherited_organisations))
    await checks.check_mentors(services, new.created_by, new.mentors, requester.caller.token)
    if new.unknown_property:
        raise rules.UnknownProperty(new.unknown_property)
    batch = rules.new_batch(new, new_batch_id(clock.now_ms()), clock.now(), clock.zone)
    if _keeps_course(services):
        batch = replace(batch, course_version=course.version)
    with db.failing_as(NotInserted):
        async with services.pool.acquire() as conn, conn.transaction():
            await remember(conn, batch.batch_id)
            await db.run(
                conn,
                Q.insert_batch,
                batch_id=batch.batch_id,
                course_id=batch.course_id,
                created_by=batch.created_by,
                templates=batch.templates,
                created_at=batch.created_at,
                **_changeable_columns(batch, config.enrolment_closes_days_before_end),
            )
            audit = events.created(config, clock.now_ms(), requester, batch)
            announced = announcement(config, clock.now_ms(), "batch.created", batch.batch_id)
            mails = events.mails(batch, batch.mentors, events.INVITED) if config.mail_enabled else []
            await listings.publish(conn, services, [batch.course_id], [audit, *announced, *mails])
    services.wake.now()
    return batch


async def clone(
    services: Services, requester: ChangeRequester, source: Batch, new: NewBatch, remember: Remember[str]
) -> Batch:
    """Create `new` after `source`, which the caller must be allowed to change. Raises: Unauthorized; as `create`."""
    if not rules.may_change(requester.caller, source):
        raise Unauthorized
    return await create(services, requester, new, remember, inherited_organisations=source.created_for)


async def update(services: Services, requester: ChangeRequester, change: BatchChange) -> Batch:
    """Change a batch and return it as it is then. Raises the refusals of contract batches §3.2, U14 to U29.

    Concurrent changes do not lose each other. Within a process they wait for one another; a change that another process
    got ahead of is checked and applied again, to what that process left. Raises: rules.TooManyChanges, after
    `change_wait_seconds` of waiting or TRIES attempts.
    """
    config = services.config
    lock = services.batch_locks.setdefault(change.batch_id, asyncio.Lock())
    try:
        async with asyncio.timeout(config.change_wait_seconds):
            await lock.acquire()
    except TimeoutError as late:
        raise rules.TooManyChanges from late
    try:
        for _ in range(TRIES):
            with db.failing_as(NotUpdated):
                stored = await find(services.pool, change.batch_id)
            before, after = await checked_change(services, requester, stored, change)
            with db.failing_as(NotUpdated):
                async with services.pool.acquire() as conn, conn.transaction():
                    if not await save(conn, after, config.enrolment_closes_days_before_end):
                        continue  # another process was first
                    if fields := rules.differences(before, after):
                        by = requester.caller.user_id
                        await note_change(conn, after.batch_id, after.revision, services.clock.now(), by, fields)
                    if after.course_version != before.course_version:
                        await db.run(conn, Q.follow_publication_again, course_id=after.course_id)
                    audit = events.updated(config, services.clock.now_ms(), requester, after)
                    mails: list[Event] = []
                    if config.mail_enabled:
                        mails += events.mails(after, _without(after.mentors, before.mentors), events.INVITED)
                        mails += events.mails(after, _without(before.mentors, after.mentors), events.REMOVED)
                    announced = announcement(config, services.clock.now_ms(), "batch.updated", after.batch_id)
                    await listings.publish(conn, services, [after.course_id], [audit, *announced, *mails])
            services.wake.now()
            return after
    finally:
        lock.release()
    raise rules.TooManyChanges


async def note_change(
    conn: Connection, batch_id: str, revision: int, now: datetime, by: str | None, fields: Mapping[str, object]
) -> None:
    """Write down what a change has changed, in its transaction. `fields` as in `NotedChange`."""
    key = {"batch_id": batch_id, "revision": revision}
    await db.run(conn, Q.note_change, **key, now=now, changed_by=by, fields=dict(fields))


async def changes_of(pool: Pool, batch_id: str, limit: int) -> Sequence[NotedChange]:
    """The changes of a batch, the newest first."""
    return await db.all(pool, NotedChange, Q.changes_of, batch_id=batch_id, limit=limit)


async def checked_change(
    services: Services, requester: ChangeRequester, batch: Batch | None, change: BatchChange
) -> tuple[Batch, Batch]:
    """Return the batch before and after `change`. Raises the first refusal, in the order of contract batches §3.2.

    `batch`: as it is stored; None: there is no such batch.
    """
    if change.has_participants:
        raise rules.UnexpectedParameter("participants")
    if batch is None or batch.course_id != change.course_id:
        raise rules.InvalidBatch
    org_ids: list[str] = change.fields.get("created_for", [])
    await checks.check_organisations(services, [org_id for org_id in org_ids if org_id not in batch.created_for])
    now, zone = services.clock.now(), services.clock.zone
    dates.check_change(batch, change, rules.day_in(batch.time_zone, now, zone))
    changed = rules.changed(batch, change, now, zone, keeps_course=_keeps_course(services))
    last_day = rules.enrolment_end(
        changed.end_date, changed.enrolment_end_date, services.config.enrolment_closes_days_before_end
    )
    dates.check_enrolment_start(changed.enrolment_start_date, last_day)
    await checks.check_course(services, batch.course_id)
    if not rules.may_change(requester.caller, batch):
        raise Unauthorized
    if change.revisions is not None and batch.revision not in change.revisions:
        raise rules.ChangedMeanwhile
    await checks.check_organisations(services, org_ids)
    await checks.check_own_organisations(services, requester.caller, _without(org_ids, batch.created_for))
    added = _without(changed.mentors, batch.mentors)
    await checks.check_mentors(services, batch.created_by, added, requester.caller.token)
    return batch, changed


def _keeps_course(services: Services) -> bool:
    """Whether a batch keeps the publication of the course with which it began."""
    return services.config.course_policy == "keep"


def _without(ids: Sequence[str], others: Sequence[str]) -> list[str]:
    return [each for each in ids if each not in others]


async def save(conn: Connection, batch: Batch, closes_days_before: int) -> bool:
    """Write `batch` over its former revision. Returns False when another revision is stored: nothing is written then.

    `closes_days_before`: see rules.enrolment_end.
    """
    row_count = await db.run(
        conn,
        Q.update_batch,
        batch_id=batch.batch_id,
        updated_at=batch.updated_at,
        revision=batch.revision,
        **_changeable_columns(batch, closes_days_before),
    )
    return row_count == 1


def _changeable_columns(batch: Batch, closes_days_before: int) -> dict[str, object]:
    """Return the columns that both creating and changing write. `closes_days_before`: see rules.enrolment_end."""
    return {
        "name": batch.name,
        "description": batch.description,
        "enrolment_type": batch.enrolment_type,
        "created_for": batch.created_for,
        "mentors": batch.mentors,
        "start_date": batch.start_date,
        "end_date": batch.end_date,
        "enrolment_start_date": batch.enrolment_start_date,
        "enrolment_end_date": batch.enrolment_end_date,
        "time_zone": batch.time_zone,
        "capacity": batch.capacity,
        "leave_policy": batch.leave_policy,
        "status": batch.status,
        "course_version": batch.course_version,
        "due_on": rules.status_due_on(BatchStatus(batch.status), batch.start_date, batch.end_date),
        "enrolment_closes_on": rules.enrolment_end(batch.end_date, batch.enrolment_end_date, closes_days_before),
        "enrolment_closes_before": closes_days_before,
    }


async def zone_of(services: Services, batch_id: str | None) -> ZoneInfo:
    """Return the time zone of a batch; the platform's, when the batch has none or does not exist."""
    batch = await find(services.pool, batch_id) if batch_id else None
    return ZoneInfo(batch.time_zone) if batch is not None and batch.time_zone else services.clock.zone


async def find(conn: Connection, batch_id: str) -> Batch | None:
    """Return the batch with that id, or None."""
    return await db.one(conn, Batch, Q.batch_by_id, batch_id=batch_id)


async def find_all(conn: Connection, batch_ids: Collection[str]) -> list[Batch]:
    """Return the existing batches among those ids, in no order."""
    return await db.all(conn, Batch, Q.batches_by_ids, batch_ids=sorted(set(batch_ids))) if batch_ids else []


@coalesced()
async def batch_of(services: Services, batch_ids: Sequence[str]) -> list[Answer[Batch | None]]:
    """The batch of that id, or None: as `find`, for what is asked so often that many are read at once."""
    rows = {batch.batch_id: batch for batch in await find_all(services.pool, batch_ids)}
    return [rows.get(batch_id) for batch_id in batch_ids]


async def count_learners(conn: Connection, batch_id: str) -> int:
    """How many are active in a batch."""
    count: int = await db.value(conn, Q.participant_count, batch_id=batch_id, active=True)
    return count


async def participants(services: Services, caller: Caller, query: ParticipantsQuery) -> Participants:
    """Return the count and the ids of a batch's learners. Raises: Unread.

    Callers who do not manage the batch get the count, and of the ids their own. No batch of that id has no learners.
    """
    conn = services.pool
    with db.failing_as(Unread):
        batch = await batch_of(services, query.batch_id)
        manages = batch is not None and rules.may_manage(caller, batch, services.config)
        user_ids: list[str] = await db.value(
            conn,
            Q.participants,
            batch_id=query.batch_id,
            active=query.active,
            only=None if manages else caller.user_ids,
            limit=query.limit,
            offset=query.offset,
        )
        count = len(user_ids)
        if not (manages and query.offset == 0 and count < query.limit):  # the page does not tell how many there are
            count = await db.value(conn, Q.participant_count, batch_id=query.batch_id, active=query.active)
    return Participants(count, user_ids)


def new_batch_id(now_ms: int) -> str:
    """Return 21 digits as text, roughly in the order of time (contract batches §3.1).

    A shadowed request gets the id that the service which it shadows has given (contract migration M56).
    """
    given = GIVEN.get()
    if given is not None and given.created_id is not None:
        return given.created_id
    shifted = now_ms + random.randrange(999_999)  # noqa: S311 - an id, no secret
    return f"0{shifted * 8192}{next(_counter) % 1000:03d}"
