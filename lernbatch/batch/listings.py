"""The list of its batches that a course shows in the content service: published with every change of one of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from lernbatch.batch import events
from lernbatch.batch.model import LONGEST_NAME, MOST_ORGANISATIONS, ListedBatch, ListingsRequest
from lernbatch.database import db, sql
from lernbatch.database.db import Connection
from lernbatch.jobs.outbox import actions as outbox
from lernbatch.jobs.outbox.events import Event
from lernbatch.services import Services

Q = sql.load("lernbatch.batch")
MOST_LISTED = 10_000  # batches of one course, the newest
COURSES_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class _CourseRow:
    course_id: str


async def publish(
    conn: Connection, services: Services, course_ids: Collection[str], also: Sequence[Event] = ()
) -> None:
    """Write the events with the lists of these courses, and the events `also`, in the caller's transaction.

    The lists are read after the rows of the courses are locked, so that they hold what other transactions have changed
    (defect 32).
    """
    now, zone = services.clock.now(), services.clock.zone
    closes_days_before = services.config.enrolment_closes_days_before_end
    await db.run(conn, Q.lock_listings, course_ids=sorted(course_ids), now=now)
    rows = await db.all(
        conn,
        ListedBatch,
        Q.open_batches,
        course_ids=sorted(course_ids),
        limit=MOST_LISTED,
        name_length=LONGEST_NAME,
        organisations=MOST_ORGANISATIONS,
    )
    by_course: dict[str, list[ListedBatch]] = defaultdict(list)
    for row in rows:
        by_course[row.course_id].append(row)
    lists = [
        events.listing(course_id, by_course[course_id], now, zone, closes_days_before)
        for course_id in sorted(course_ids)
    ]
    await outbox.publish(conn, services, [*lists, *also])


async def publish_due(services: Services) -> int:
    """Publish the lists that somebody requested, at most COURSES_AT_ONCE; returns how many."""
    async with services.pool.acquire() as conn, conn.transaction():
        due = await db.all(conn, _CourseRow, Q.claim_listings, limit=COURSES_AT_ONCE)
        if due:
            await publish(conn, services, [row.course_id for row in due])
    return len(due)


async def request(services: Services, requested: ListingsRequest) -> int:
    """Request that the job batch.tell_listings publishes these lists; returns of how many courses they are."""
    course_count = await db.run(
        services.pool,
        Q.request_listings,
        now=services.clock.now(),
        everything=requested.everything,
        course_ids=requested.course_ids,
        batch_ids=requested.batch_ids,
    )
    services.wake.now()
    return course_count
