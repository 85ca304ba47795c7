"""What is stored of a batch though a rule works it out: its status, which moves with the days, and enrolment's end."""

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
class _DueBatch:
    """A batch whose stored status is no longer right. `today`: the day in its own zone."""

    batch_id: str
    course_id: str
    start_date: date
    end_date: date | None
    today: date


@dataclass(frozen=True, slots=True)
class _Zone:
    time_zone: str


@dataclass(frozen=True, slots=True)
class _EnrolmentDates:
    """A batch whose stored last day of enrolment is not by today's setting."""

    batch_id: str
    end_date: date | None
    enrolment_end_date: date | None


async def move(services: Services) -> int:
    """Store the status that due batches have today, in their own zones; returns how many batches.

    At most BATCHES_AT_ONCE, in one transaction with the lists of their courses. Moved batches are no longer due, so a
    second run finds nothing.
    """
    now, platform = services.clock.now(), services.clock.zone
    async with services.pool.acquire() as conn, conn.transaction():
        zones = [None, *(row.time_zone for row in await db.all(conn, _Zone, Q.zones_in_use))]
        due = await db.all(
            conn,
            _DueBatch,
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
        await listings.publish(conn, services, {batch.course_id for batch in due})
    metrics.BUSINESS.labels("batch-status-moved").inc(len(due))
    return len(due)


async def store_enrolment_ends(services: Services) -> int:
    """Work out the last day of enrolment of batches stored with another setting; returns how many.

    One bounded set a run, in one transaction. Run again it finds nothing, until the setting changes.
    """
    closes_days_before = services.config.enrolment_closes_days_before_end
    async with services.pool.acquire() as conn, conn.transaction():
        batches = await db.all(
            conn,
            _EnrolmentDates,
            Q.batches_closing_otherwise,
            closes_days_before=closes_days_before,
            limit=BATCHES_AT_ONCE,
        )
        if batches:
            last_days = [
                rules.enrolment_end(batch.end_date, batch.enrolment_end_date, closes_days_before) for batch in batches
            ]
            batch_ids = [batch.batch_id for batch in batches]
            named = {"batch_ids": batch_ids, "closes_on": last_days, "closes_days_before": closes_days_before}
            await db.run(conn, Q.set_enrolment_ends, **named)
    return len(batches)
