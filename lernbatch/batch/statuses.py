"""Moving the stored status of batches with the days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from lernbatch import metrics
from lernbatch.batch import listings, rules
from lernbatch.database import db, sql
from lernbatch.services import Services

Q = sql.load("lernbatch.batch")
BATCHES_AT_ONCE = 500
_FURTHEST_EAST = timedelta(hours=14)  # nowhere is it later than this


@dataclass(frozen=True, slots=True)
class _Due:
    """A batch whose status is due, and the day it is there."""

    batch_id: str
    course_id: str
    start_date: date
    end_date: date | None
    today: date


@dataclass(frozen=True, slots=True)
class _Zone:
    time_zone: str


async def move(services: Services) -> int:
    """Give due batches the status they have today, in their own zones, and tell their courses; how many moved.

    One bounded set, in one transaction with its events. Run again it finds nothing: what moved is no longer due.
    """
    now, platform = services.clock.now(), services.clock.zone
    async with services.pool.acquire() as conn, conn.transaction():
        zones = [None, *(row.time_zone for row in await db.all(conn, _Zone, Q.zones_in_use))]
        due = await db.all(
            conn,
            _Due,
            Q.batches_due,
            zones=zones,
            todays=[rules.day_in(zone, now, platform) for zone in zones],
            latest=(now + _FURTHEST_EAST).date(),
            limit=BATCHES_AT_ONCE,
        )
        if not due:
            return 0
        statuses = [rules.status_on(batch.today, batch.start_date, batch.end_date) for batch in due]
        await db.run(
            conn,
            Q.set_statuses,
            batch_ids=[batch.batch_id for batch in due],
            statuses=statuses,
            due_on=[
                rules.status_due_on(status, batch.start_date, batch.end_date)
                for status, batch in zip(statuses, due, strict=True)
            ],
        )
        await listings.tell(conn, services, {batch.course_id for batch in due})
    metrics.BUSINESS.labels("batch-status-moved").inc(len(due))
    return len(due)
