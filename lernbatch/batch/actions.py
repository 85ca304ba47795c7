"""What can be done with batches: one function, one transaction."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass
from datetime import date

from lernbatch import db, sql
from lernbatch.batch import rules
from lernbatch.batch.model import Batch, NewBatch, Status
from lernbatch.db import Connection
from lernbatch.services import Services

Q = sql.load("lernbatch.batch")
_counter = itertools.count()


async def create(services: Services, new: NewBatch) -> str:
    """Make a batch; its id. Raises the refusals of contract batches §3.1, C19 to C24."""
    await _check_course(services, new.course_id)
    if new.created_for and await services.sunbird.organisations.missing(new.created_for):
        raise rules.InvalidOrganisation
    if new.mentors:
        await _check_mentors(services, new.created_by, new.mentors)
    batch_id = new_batch_id(services.clock.now_ms())
    status = rules.status_on(services.clock.today(), new.start_date, new.end_date)
    async with services.pool.acquire() as conn, conn.transaction():
        await db.run(
            conn,
            Q.insert_batch,
            batch_id=batch_id,
            course_id=new.course_id,
            name=new.name,
            description=new.description,
            enrolment_type=new.enrolment_type,
            created_by=new.created_by,
            created_for=list(new.created_for),
            mentors=list(new.mentors),
            start_date=new.start_date,
            end_date=new.end_date,
            enrolment_end_date=new.enrolment_end_date,
            status=status,
            due_on=rules.status_due_on(status, new.start_date, new.end_date),
            created_at=services.clock.now(),
        )
    return batch_id


async def find(conn: Connection, batch_id: str) -> Batch | None:
    """The batch of that id, or None."""
    return await db.one(conn, Batch, Q.batch_by_id, batch_id=batch_id)


@dataclass(frozen=True, slots=True)
class Span:
    """When a batch whose status is due begins and ends."""

    batch_id: str
    start_date: date
    end_date: date | None
    status: int


async def move_statuses(conn: Connection, today: date, *, limit: int = 1000) -> int:
    """Give every due batch the status it has `today`; how many were due."""
    async with conn.transaction():
        due = await db.all(conn, Span, Q.batches_due, today=today, limit=limit)
        new = [rules.status_on(today, span.start_date, span.end_date) for span in due]
        await db.run(
            conn,
            Q.set_statuses,
            batch_ids=[span.batch_id for span in due],
            statuses=new,
            due_on=[
                rules.status_due_on(Status(status), span.start_date, span.end_date)
                for status, span in zip(new, due, strict=True)
            ],
        )
        return len(due)


def new_batch_id(now_ms: int) -> str:
    """Digits only, roughly ordered by time, 19 to 22 of them (contract batches §3.1)."""
    return f"0{(now_ms + random.randrange(999_999)) * 8192 + next(_counter) % 8192}"  # noqa: S311 - an id, no secret


async def _check_course(services: Services, course_id: str) -> None:
    course = await services.sunbird.content.course(course_id)
    if course is None or course.status not in ("Live", "Unlisted") or not course.leaf_nodes_count:
        raise rules.InvalidCourse


async def _check_mentors(services: Services, creator: str | None, mentors: tuple[str, ...]) -> None:
    people = await services.sunbird.users.profiles([*mentors, *([creator] if creator else [])])
    owner = people.get(creator or "")
    if owner is None:
        raise rules.InvalidUser
    for user_id in mentors:
        mentor = people.get(user_id)
        if mentor is None or mentor.is_deleted:
            raise rules.InvalidUser
        if not owner.root_org_id or mentor.root_org_id != owner.root_org_id:
            raise rules.ForeignMentor(user_id)
