"""What can be done with batches: one function, one transaction."""

from __future__ import annotations

import itertools
import random
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from lernbatch import db, sql
from lernbatch.auth import Caller
from lernbatch.batch import checks, dates, rules
from lernbatch.batch.model import Batch, Change, NewBatch, Participants, ParticipantsAsked, Status
from lernbatch.db import Connection
from lernbatch.errors import LernbatchError, Unauthorized
from lernbatch.services import Services

Q = sql.load("lernbatch.batch")
TRIES = 5  # of a change that others get ahead of
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


async def create(services: Services, caller: Caller, new: NewBatch) -> Batch:
    """Make a batch. Raises the refusals of contract batches §3.1, C19 to C26."""
    await checks.check_course(services, new.course_id)
    await checks.check_organisations(services, new.created_for)
    await checks.check_mentors(services, new.created_by, new.mentors, caller.token)
    if new.unknown_property:
        raise rules.UnknownProperty(new.unknown_property)
    batch = _made(services, new)
    with db.failing_as(NotInserted):
        async with services.pool.acquire() as conn, conn.transaction():
            await _insert(conn, services, batch)
    return batch


def _made(services: Services, new: NewBatch) -> Batch:
    """The batch that `new` asks for, as it will be stored."""
    now = services.clock.now()
    batch = Batch(
        batch_id=new_batch_id(services.clock.now_ms()),
        course_id=new.course_id,
        course_version=None,
        name=new.name,
        description=new.description,
        enrolment_type=new.enrolment_type,
        created_by=new.created_by,
        created_for=new.created_for,
        mentors=new.mentors,
        start_date=new.start_date,
        end_date=new.end_date,
        enrolment_start_date=new.enrolment_start_date,
        enrolment_end_date=new.enrolment_end_date,
        time_zone=new.time_zone,
        capacity=new.capacity,
        leave_policy=new.leave_policy,
        status=Status.UPCOMING,
        templates=new.templates,
        created_at=now,
        updated_at=None,
        revision=1,
    )
    return replace(batch, status=rules.status_now(batch, now, services.clock.zone))


async def _insert(conn: Connection, services: Services, batch: Batch) -> None:
    await db.run(
        conn,
        Q.insert_batch,
        batch_id=batch.batch_id,
        course_id=batch.course_id,
        name=batch.name,
        description=batch.description,
        enrolment_type=batch.enrolment_type,
        created_by=batch.created_by,
        created_for=batch.created_for,
        mentors=batch.mentors,
        start_date=batch.start_date,
        end_date=batch.end_date,
        enrolment_start_date=batch.enrolment_start_date,
        enrolment_end_date=batch.enrolment_end_date,
        time_zone=batch.time_zone,
        capacity=batch.capacity,
        leave_policy=batch.leave_policy,
        status=batch.status,
        due_on=rules.status_due_on(Status(batch.status), batch.start_date, batch.end_date),
        templates=batch.templates,
        created_at=batch.created_at,
    )


async def update(services: Services, caller: Caller, change: Change) -> Batch:
    """Change a batch; as it is then. Raises the refusals of contract batches §3.2, U14 to U29.

    Two changes at once do not lose each other: the later one is judged and made again, on what the earlier one left.
    """
    for _ in range(TRIES):
        batch = await find(services.pool, change.batch_id)
        changed = await checked_change(services, caller, batch, change)
        with db.failing_as(NotUpdated):
            async with services.pool.acquire() as conn, conn.transaction():
                if await _save(conn, changed):
                    return changed
    raise NotUpdated


async def checked_change(services: Services, caller: Caller, batch: Batch | None, change: Change) -> Batch:
    """`batch` as `change` makes it, when everything allows it, in the contract's order."""
    if change.has_participants:
        raise rules.UnexpectedParameter("participants")
    if batch is None or batch.course_id != change.course_id:
        raise rules.InvalidBatch
    org_ids: list[str] = change.fields.get("created_for", [])
    await checks.check_organisations(services, [org_id for org_id in org_ids if org_id not in batch.created_for])
    now, zone = services.clock.now(), services.clock.zone
    dates.check_change(batch, change, rules.day_of(batch, now, zone))
    changed = rules.changed(batch, change, now, zone)
    dates.check_enrolment_start(
        changed.enrolment_start_date, rules.enrolment_end(changed.end_date, changed.enrolment_end_date)
    )
    await checks.check_course(services, batch.course_id)
    if not rules.may_change(caller, batch):
        raise Unauthorized
    if change.revisions is not None and batch.revision not in change.revisions:
        raise rules.ChangedMeanwhile
    await checks.check_organisations(services, org_ids)
    added = [user_id for user_id in changed.mentors if user_id not in batch.mentors]
    await checks.check_mentors(services, batch.created_by, added, caller.token)
    return changed


async def _save(conn: Connection, batch: Batch) -> bool:
    """Write `batch` if it is still the revision before; whether it was."""
    written = await db.run(
        conn,
        Q.update_batch,
        batch_id=batch.batch_id,
        revision=batch.revision,
        name=batch.name,
        description=batch.description,
        enrolment_type=batch.enrolment_type,
        created_for=batch.created_for,
        mentors=batch.mentors,
        start_date=batch.start_date,
        end_date=batch.end_date,
        enrolment_start_date=batch.enrolment_start_date,
        enrolment_end_date=batch.enrolment_end_date,
        time_zone=batch.time_zone,
        capacity=batch.capacity,
        leave_policy=batch.leave_policy,
        status=batch.status,
        due_on=rules.status_due_on(Status(batch.status), batch.start_date, batch.end_date),
        updated_at=batch.updated_at,
    )
    return written == 1


async def find(conn: Connection, batch_id: str) -> Batch | None:
    """The batch of that id, or None."""
    return await db.one(conn, Batch, Q.batch_by_id, batch_id=batch_id)


async def find_all(conn: Connection, batch_ids: Collection[str]) -> list[Batch]:
    """The batches of those ids that exist, in no order."""
    return await db.all(conn, Batch, Q.batches_by_ids, batch_ids=sorted(set(batch_ids))) if batch_ids else []


async def participants(conn: Connection, asked: ParticipantsAsked) -> Participants:
    """The learners of a batch; none when there is no such batch. Raises: Unread."""
    with db.failing_as(Unread):
        count: int = await db.value(conn, Q.participant_count, batch_id=asked.batch_id, active=asked.active)
        rows = await db.all(
            conn,
            _UserId,
            Q.participants,
            batch_id=asked.batch_id,
            active=asked.active,
            limit=asked.limit,
            offset=asked.offset,
        )
    return Participants(count, [row.user_id for row in rows])


@dataclass(frozen=True, slots=True)
class _UserId:
    user_id: str


@dataclass(frozen=True, slots=True)
class Span:
    """When a batch whose status is due begins and ends."""

    batch_id: str
    course_id: str
    start_date: date
    end_date: date | None
    today: date


async def move_statuses(conn: Connection, now: datetime, platform: ZoneInfo, *, limit: int = 1000) -> int:
    """Give every due batch the status it has today, in its own zone; how many moved. At most `limit` at a time."""
    async with conn.transaction():
        zones = [row.time_zone for row in await db.all(conn, _Zone, Q.zones_in_use)]
        due = await db.all(
            conn,
            Span,
            Q.batches_due,
            zones=[None, *zones],
            todays=[now.astimezone(ZoneInfo(zone) if zone else platform).date() for zone in (None, *zones)],
            latest=(now + timedelta(hours=14)).date(),  # nowhere is it later than this
            limit=limit,
        )
        statuses = [rules.status_on(span.today, span.start_date, span.end_date) for span in due]
        await db.run(
            conn,
            Q.set_statuses,
            batch_ids=[span.batch_id for span in due],
            statuses=statuses,
            due_on=[
                rules.status_due_on(status, span.start_date, span.end_date)
                for status, span in zip(statuses, due, strict=True)
            ],
        )
        return len(due)


@dataclass(frozen=True, slots=True)
class _Zone:
    time_zone: str


def new_batch_id(now_ms: int) -> str:
    """Digits only, roughly in the order of time, 21 of them; text, not a number (contract batches §3.1)."""
    moved = now_ms + random.randrange(999_999)  # noqa: S311 - an id, no secret
    return f"0{moved * 8192}{next(_counter) % 1000:03d}"
