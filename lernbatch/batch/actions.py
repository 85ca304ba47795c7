"""What can be done with a batch: one function, one transaction, with what others must hear of it."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from lernbatch.batch import checks, dates, events, listings, rules
from lernbatch.batch.model import Asking, Batch, Change, NewBatch, Participants, ParticipantsAsked, Status
from lernbatch.database import db, sql
from lernbatch.database.db import Connection
from lernbatch.errors import LernbatchError, Unauthorized
from lernbatch.jobs.outbox.events import Event
from lernbatch.services import Services
from lernbatch.web.idempotency import Remember
from lernbatch.web.tokens import Caller

Q = sql.load("lernbatch.batch")
TRIES = 30  # of a change that another process gets ahead of; in each round one of them gets through
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
    services: Services, asking: Asking, new: NewBatch, remember: Remember[str], *, inherited: Sequence[str] = ()
) -> Batch:
    """Make a batch. Raises the refusals of contract batches §3.1, C19 to C26, and rules.ForeignOrganisation.

    `inherited`: organisations of a batch that is the caller's already, for which another may be made.
    """
    course = await checks.check_course(services, new.course_id)
    await checks.check_organisations(services, new.created_for)
    await checks.check_own_organisations(services, asking.caller, _without(new.created_for, inherited))
    await checks.check_mentors(services, new.created_by, new.mentors, asking.caller.token)
    if new.unknown_property:
        raise rules.UnknownProperty(new.unknown_property)
    now = services.clock.now()
    batch = rules.made(new, new_batch_id(services.clock.now_ms()), now, services.clock.zone)
    if _keeps_course(services):
        batch = replace(batch, course_version=course.version)
    with db.failing_as(NotInserted):
        async with services.pool.acquire() as conn, conn.transaction():
            await remember(conn, batch.batch_id)
            await _insert(conn, batch, services.config.enrolment_closes_days_before_end)
            heard = [events.created(services.config, services.clock.now_ms(), asking, batch)]
            heard += _mails(services, batch, batch.mentors, events.INVITED)
            await listings.tell(conn, services, [batch.course_id], heard)
    services.wake.now()
    return batch


async def clone(services: Services, asking: Asking, source: Batch, new: NewBatch, remember: Remember[str]) -> Batch:
    """Make `new` after `source`, which the caller must be allowed to change. Raises: Unauthorized; as `create`."""
    if not rules.may_change(asking.caller, source):
        raise Unauthorized
    return await create(services, asking, new, remember, inherited=source.created_for)


async def update(services: Services, asking: Asking, change: Change) -> Batch:
    """Change a batch; as it is then. Raises the refusals of contract batches §3.2, U14 to U29.

    Two changes at once do not lose each other: in one process they wait for each other, and the later one of two
    processes is judged and made again, on what the earlier one left. Raises: rules.TooManyChanges.
    """
    lock = services.batch_locks.setdefault(change.batch_id, asyncio.Lock())
    try:
        async with asyncio.timeout(services.config.change_wait_seconds):
            await lock.acquire()
    except TimeoutError as late:
        raise rules.TooManyChanges from late
    try:
        return await _update(services, asking, change)
    finally:
        lock.release()


async def _update(services: Services, asking: Asking, change: Change) -> Batch:
    for _ in range(TRIES):
        with db.failing_as(NotUpdated):
            batch = await find(services.pool, change.batch_id)
        batch, changed = await checked_change(services, asking, batch, change)
        with db.failing_as(NotUpdated):
            async with services.pool.acquire() as conn, conn.transaction():
                if await save(conn, changed, services.config.enrolment_closes_days_before_end):
                    if changed.course_version != batch.course_version:
                        await db.run(conn, Q.adopt_again, course_id=batch.course_id)
                    await listings.tell(conn, services, [batch.course_id], _heard(services, asking, batch, changed))
                    services.wake.now()
                    return changed
    raise rules.TooManyChanges


async def checked_change(
    services: Services, asking: Asking, batch: Batch | None, change: Change
) -> tuple[Batch, Batch]:
    """The batch before and after `change`, when everything allows it, in the contract's order."""
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
    if not rules.may_change(asking.caller, batch):
        raise Unauthorized
    if change.revisions is not None and batch.revision not in change.revisions:
        raise rules.ChangedMeanwhile
    await checks.check_organisations(services, org_ids)
    await checks.check_own_organisations(services, asking.caller, _without(org_ids, batch.created_for))
    added = _without(changed.mentors, batch.mentors)
    await checks.check_mentors(services, batch.created_by, added, asking.caller.token)
    return batch, changed


def _heard(services: Services, asking: Asking, before: Batch, after: Batch) -> list[Event]:
    audit = events.updated(services.config, services.clock.now_ms(), asking, after)
    invited = _mails(services, after, _without(after.mentors, before.mentors), events.INVITED)
    return [audit, *invited, *_mails(services, after, _without(before.mentors, after.mentors), events.REMOVED)]


def _mails(services: Services, batch: Batch, user_ids: Sequence[str], kind: tuple[str, str]) -> list[Event]:
    return events.mails(batch, user_ids, kind) if services.config.mail_enabled else []


def _keeps_course(services: Services) -> bool:
    """Whether a batch stays with the publication of the course that it began with."""
    return services.config.course_policy == "keep"


def _without(these: Sequence[str], those: Sequence[str]) -> list[str]:
    return [each for each in these if each not in those]


async def _insert(conn: Connection, batch: Batch, closes_before: int) -> None:
    await db.run(
        conn,
        Q.insert_batch,
        batch_id=batch.batch_id,
        course_id=batch.course_id,
        created_by=batch.created_by,
        templates=batch.templates,
        created_at=batch.created_at,
        **_changeable(batch, closes_before),
    )


async def save(conn: Connection, batch: Batch, closes_before: int) -> bool:
    """Write `batch` over its revision before; False when that is no longer what is stored."""
    written = await db.run(
        conn,
        Q.update_batch,
        batch_id=batch.batch_id,
        updated_at=batch.updated_at,
        revision=batch.revision,
        **_changeable(batch, closes_before),
    )
    return written == 1


def _changeable(batch: Batch, closes_before: int) -> dict[str, object]:
    """Return the columns that both creating and changing write. `closes_before`: see rules.enrolment_end."""
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
        "due_on": rules.status_due_on(Status(batch.status), batch.start_date, batch.end_date),
        "enrolment_closes_on": rules.enrolment_end(batch.end_date, batch.enrolment_end_date, closes_before),
        "enrolment_closes_before": closes_before,
    }


async def zone_of(services: Services, batch_id: str | None) -> ZoneInfo:
    """The zone whose days a batch lives in; the platform's, when there is no such batch."""
    batch = await find(services.pool, batch_id) if batch_id else None
    return ZoneInfo(batch.time_zone) if batch is not None and batch.time_zone else services.clock.zone


async def find(conn: Connection, batch_id: str) -> Batch | None:
    """The batch of that id, or None."""
    return await db.one(conn, Batch, Q.batch_by_id, batch_id=batch_id)


async def find_all(conn: Connection, batch_ids: Collection[str]) -> list[Batch]:
    """The batches of those ids that exist, in no order."""
    return await db.all(conn, Batch, Q.batches_by_ids, batch_ids=sorted(set(batch_ids))) if batch_ids else []


async def participants(services: Services, caller: Caller, asked: ParticipantsAsked) -> Participants:
    """The learners of a batch, to those who manage it; to others how many, and themselves. Raises: Unread.

    None when there is no such batch.
    """
    conn = services.pool
    with db.failing_as(Unread):
        batch = await find(conn, asked.batch_id)
        manages = batch is not None and rules.may_manage(caller, batch, services.config)
        count: int = await db.value(conn, Q.participant_count, batch_id=asked.batch_id, active=asked.active)
        rows = await db.all(
            conn,
            _UserId,
            Q.participants,
            batch_id=asked.batch_id,
            active=asked.active,
            only=None if manages else caller.user_ids,
            limit=asked.limit,
            offset=asked.offset,
        )
    return Participants(count, [row.user_id for row in rows])


@dataclass(frozen=True, slots=True)
class _UserId:
    user_id: str


def new_batch_id(now_ms: int) -> str:
    """Digits only, roughly in the order of time, 21 of them; text, not a number (contract batches §3.1)."""
    moved = now_ms + random.randrange(999_999)  # noqa: S311 - an id, no secret
    return f"0{moved * 8192}{next(_counter) % 1000:03d}"
