"""The list of its batches that a course shows in the content service: told in every transaction that changes one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from lernbatch.batch import events
from lernbatch.batch.model import LONGEST_NAME, MOST_ORGANISATIONS, OpenBatch, ToList
from lernbatch.database import db, sql
from lernbatch.database.db import Connection
from lernbatch.jobs.outbox import actions as outbox
from lernbatch.jobs.outbox.events import Event
from lernbatch.services import Services

Q = sql.load("lernbatch.batch")
MOST_LISTED = 10_000  # batches of one course, the newest
COURSES_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class _Course:
    course_id: str


async def tell(conn: Connection, services: Services, course_ids: Collection[str], also: Sequence[Event] = ()) -> None:
    """Tell the lists of `course_ids` as they are now, and `also`, in the caller's transaction.

    The list is made from our own rows, after the lock: what another transaction changed before is in it (defect 32).
    """
    now, zone = services.clock.now(), services.clock.zone
    closes_before = services.config.enrolment_closes_days_before_end
    await db.run(conn, Q.hold_listings, course_ids=sorted(course_ids), now=now)
    rows = await db.all(
        conn,
        OpenBatch,
        Q.open_batches,
        course_ids=sorted(course_ids),
        limit=MOST_LISTED,
        name_length=LONGEST_NAME,
        organisations=MOST_ORGANISATIONS,
    )
    by_course: dict[str, list[OpenBatch]] = defaultdict(list)
    for row in rows:
        by_course[row.course_id].append(row)
    lists = [
        events.listing(course_id, by_course[course_id], now, zone, closes_before) for course_id in sorted(course_ids)
    ]
    await outbox.publish(conn, services, [*lists, *also])


async def tell_due(services: Services) -> int:
    """Tell again what somebody asked for; how many courses. Bounded."""
    async with services.pool.acquire() as conn, conn.transaction():
        due = await db.all(conn, _Course, Q.claim_listings, limit=COURSES_AT_ONCE)
        if due:
            await tell(conn, services, [row.course_id for row in due])
    return len(due)


async def ask_again(services: Services, wanted: ToList) -> int:
    """Have these lists told again, by the job batch.tell_listings; how many courses they are of."""
    asked = await db.run(
        services.pool,
        Q.ask_for_listings,
        now=services.clock.now(),
        everything=wanted.everything,
        course_ids=wanted.course_ids,
        batch_ids=wanted.batch_ids,
    )
    services.wake.now()
    return asked
