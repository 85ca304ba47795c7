"""What can be done with figures: read those of a batch and of its learners, and count them anew.

Small batches are counted when somebody reads them, so that their figures are those of this moment. Larger ones are
counted by a job within a minute of somebody reading them, and only then: nothing is done when progress is recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from lernbatch import log
from lernbatch.batch import actions as batches
from lernbatch.batch.model import Batch
from lernbatch.batch.rules import InvalidBatch, may_manage
from lernbatch.course import actions as courses
from lernbatch.database import db, sql
from lernbatch.database.db import Connection
from lernbatch.errors import Unauthorized, Upstream
from lernbatch.figures import rules
from lernbatch.figures.model import (
    BatchCounts,
    BatchFigures,
    CertificateGroup,
    CountedBatch,
    CountedEnrolment,
    LearnerRow,
    LearnersFilter,
    LearnersPage,
    LearnersQuery,
    Measure,
    Position,
)
from lernbatch.person import names
from lernbatch.person.profiles import make_findable
from lernbatch.sealing import seal_of
from lernbatch.services import Services
from lernbatch.template.wire import read_templates
from lernbatch.threads import beside
from lernbatch.web.caller import Caller

Q = sql.load("lernbatch.figures")
MOST_BATCHES = 50  # whose figures are read at once
MOST_LIVE = 2000  # learners that are counted while somebody waits
STALE_AFTER = timedelta(seconds=50)  # figures of a large batch that is looked at are counted again
COUNTED_AT_ONCE = 5000
MOST_DAYS = 400
MOST_GROUPS = 200  # of certificates; each has a reason of its own
ACTIVE_WITHIN = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class BatchSize:
    """How many learners a batch has, and when its figures were counted last."""

    batch_id: str
    counted_at: datetime | None
    learners: int


@dataclass(frozen=True, slots=True)
class AskedBatch:
    """A batch whose figures somebody waits for."""

    batch_id: str


async def figures(services: Services, caller: Caller, batch_ids: Sequence[str]) -> list[CountedBatch]:
    """The figures of batches that the caller manages, in the order of `batch_ids`, at most MOST_BATCHES.

    Raises: InvalidBatch, Unauthorized, rules.TooManyFigures.
    """
    return await figures_of(services, await managed_batches(services, caller, batch_ids))


async def managed_batches(services: Services, caller: Caller, batch_ids: Sequence[str]) -> list[Batch]:
    """These batches, at most MOST_BATCHES, in their order. Raises: InvalidBatch, Unauthorized, TooManyFigures."""
    if len(batch_ids) > MOST_BATCHES:
        raise rules.TooManyFigures
    rows = {batch.batch_id: batch for batch in await batches.find_all(services.pool, batch_ids)}
    if rows.keys() != set(batch_ids):
        raise InvalidBatch
    if not all(may_manage(caller, batch, services.config) for batch in rows.values()):
        raise Unauthorized
    return [rows[batch_id] for batch_id in batch_ids]


async def managed_batch(services: Services, caller: Caller, batch_id: str) -> Batch:
    """The batch. Raises: InvalidBatch; Unauthorized, when the caller does not manage it."""
    return (await managed_batches(services, caller, [batch_id]))[0]


async def figures_of(services: Services, managed: Sequence[Batch]) -> list[CountedBatch]:
    """The figures of these batches, whoever asks."""
    measures = await bring_up_to_date(services, managed)
    rows = await db.all(services.pool, BatchFigures, Q.figures_of, batch_ids=[batch.batch_id for batch in managed])
    counted = {row.batch_id: row for row in rows}
    return [
        CountedBatch(
            counted.get(batch.batch_id) or BatchFigures(batch.batch_id),
            [unit.unit for unit in measures[batch.batch_id].units] if batch.batch_id in measures else [],
        )
        for batch in managed
    ]


async def counts_of(services: Services, managed: Sequence[Batch]) -> dict[str, BatchCounts]:
    """Batch id → two of the figures, whoever asks; without the batches that are counted for the first time."""
    await bring_up_to_date(services, managed)
    rows = await db.all(services.pool, BatchCounts, Q.counts_of, batch_ids=[batch.batch_id for batch in managed])
    return {row.batch_id: row for row in rows}


async def certificate_groups(services: Services, batch: Batch) -> list[CertificateGroup]:
    """What became of those who completed `batch`, which the caller manages; the groups add up to them."""
    await bring_up_to_date(services, [batch])

    async def read(conn: Connection) -> list[CertificateGroup]:
        await db.run(conn, Q.plan_by_values)
        return await db.all(conn, CertificateGroup, Q.certificate_groups, batch_id=batch.batch_id, limit=MOST_GROUPS)

    return await services.reports.read(read)


async def learners(services: Services, batch: Batch, query: LearnersQuery) -> LearnersPage:
    """A page of the learners of `batch`, which the caller manages. Raises: Upstream, when the course cannot be read."""
    measures = await bring_up_to_date(services, [batch])
    if batch.batch_id not in measures:
        raise Upstream(f"the course {batch.course_id} cannot be read")
    names_are_known = query.filters.name is None or await make_findable(services, batch.batch_id)
    filters, after = _parameters(services, query.batch_id, query.filters), query.after

    async def read(conn: Connection) -> tuple[BatchFigures | None, list[LearnerRow], int]:
        await db.run(conn, Q.plan_by_values)
        counted = await db.one(conn, BatchFigures, Q.figures_of, batch_ids=[batch.batch_id])
        rows = await db.all(
            conn,
            LearnerRow,
            Q.learners,
            **filters,
            sign=-1 if query.descending else 1,
            sort=query.sort,
            after_first=after and after.first,
            after_second=after and after.second,
            after_user_id=after and after.user_id,
            limit=query.limit + 1,  # one more shows whether there are more
        )
        total = None if counted is None else rules.total_of(query.filters, counted)
        if total is None:
            total = await db.value(conn, Q.learner_count, **filters)
        return counted, rows, total

    counted, rows, total = await services.reports.read(read)
    last = rows[query.limit - 1] if len(rows) > query.limit else None
    return LearnersPage(
        rows[: query.limit],
        total,
        None if last is None else Position(last.first_key, last.second_key, last.user_id),
        counted or BatchFigures(batch.batch_id),
        measures[batch.batch_id],
        names_are_known,
    )


def _parameters(services: Services, batch_id: str, filters: LearnersFilter) -> dict[str, object]:
    places = (filters.state, filters.district, filters.block, filters.school_id, filters.organisation_id)
    return {
        "batch_id": batch_id,
        **names.condition(seal_of(services.config), filters.name),
        "from_rank": filters.from_rank,
        "to_rank": filters.to_rank,
        "standings": None if filters.standings is None else list(filters.standings),
        "unit": filters.unit,
        "reached": filters.reached,
        "not_reached": filters.not_reached,
        "certified": filters.certified,
        "finished_unit": filters.finished_unit,
        "unfinished_unit": filters.unfinished_unit,
        "seen_from": filters.seen_from,
        "seen_before": filters.seen_before,
        "added_how": filters.added_how,
        "user_ids": None if filters.user_ids is None else list(filters.user_ids),
        "added_by": filters.added_by,
        "by_place": any(place is not None for place in places),
        "state": filters.state,
        "district": filters.district,
        "block": filters.block,
        "school_id": filters.school_id,
        "organisation_id": filters.organisation_id,
    }


async def bring_up_to_date(services: Services, managed: Sequence[Batch]) -> dict[str, Measure]:
    """Count the smaller ones of these batches now, the others soon; batch id → what it is measured by.

    A batch whose course cannot be read lacks, and keeps the figures that it has.
    """
    measures = await measures_of(services, managed)
    sizes = await db.all(services.pool, BatchSize, Q.sizes, batch_ids=list(measures), most=MOST_LIVE + 1)
    now, room = services.clock.now(), MOST_LIVE
    live: list[Measure] = []
    later: list[str] = []
    for size in sorted(sizes, key=lambda size: size.learners):
        if size.learners <= room:
            room -= size.learners
            live.append(measures[size.batch_id])
        else:
            later.append(size.batch_id)
    if live:
        await count(services, live)
    if later:
        await db.run(services.pool, Q.ask_for_counts, batch_ids=later, now=now, older_than=now - STALE_AFTER)
        services.wake.now()
    return measures


async def measures_of(services: Services, managed: Sequence[Batch]) -> dict[str, Measure]:
    """Batch id → what its learners are measured by; without batches whose course cannot be read."""
    measures = {}
    for batch in managed:
        try:
            course = await courses.course(services, batch.course_id, batch.course_version)
        except Upstream as failure:
            log.warning("figures are not counted", batch_id=batch.batch_id, error=failure.detail)
            continue
        if course is not None:
            zone = ZoneInfo(batch.time_zone) if batch.time_zone else services.clock.zone
            measures[batch.batch_id] = rules.measure(batch, course, read_templates(batch.templates), zone)
    return measures


async def count(services: Services, measures: Sequence[Measure]) -> int:
    """Count these batches anew: the learners of whom something changed, then the sums. Returns how many learners."""
    by_batch, now, done = {measure.batch_id: measure for measure in measures}, services.clock.now(), 0
    batch_ids = list(by_batch)
    digests = [measure.digest for measure in measures]

    async def read(conn: Connection) -> list[CountedEnrolment]:
        await db.run(conn, Q.plan_by_values)
        return await db.all(
            conn,
            CountedEnrolment,
            Q.enrolments_to_count,
            batch_ids=batch_ids,
            measures=digests,
            now=now,
            limit=COUNTED_AT_ONCE,
        )

    while True:
        enrolments = await services.reports.read(read)
        if enrolments:
            done += await _save(services, enrolments, by_batch, now)
        if len(enrolments) < COUNTED_AT_ONCE:
            break
    async with services.pool.acquire() as conn, conn.transaction():
        await db.run(conn, Q.plan_by_values)
        await db.run(
            conn,
            Q.count_batches,
            batch_ids=batch_ids,
            zones=[str(measure.zone) for measure in measures],
            now=now,
            active_since=now - ACTIVE_WITHIN,
            most_columns=rules.PICTURE_COLUMNS,
            most_rows=rules.PICTURE_ROWS,
            most_days=MOST_DAYS,
        )
    return done


async def _save(
    services: Services, enrolments: Sequence[CountedEnrolment], measures: dict[str, Measure], now: datetime
) -> int:
    rows = await beside(
        len(enrolments),
        lambda: [rules.counted(enrolment, measures[enrolment.batch_id], now) for enrolment in enrolments],
    )
    return await db.run(
        services.pool,
        Q.save_learners,
        units=[db.json(row.units) for row in rows],
        **db.columns(
            rows,
            user_ids="user_id",
            batch_ids="batch_id",
            revisions="revision",
            active="active",
            certificates="certificates",
            measures="measure",
            standings="standing",
            standing_until="standing_until",
            needs="need",
            reached="reached",
            percentages="percentage",
            unit="unit",
            best="best",
            attempts="attempts",
            steps="step",
            enrolled_at="enrolled_at",
            seen_at="seen_at",
            completed_at="completed_at",
            added_how="added_how",
        ),
    )


async def count_next(services: Services) -> int:
    """Count the batch that somebody has waited for longest. Returns how many learners, at least 1; 0: none waits."""
    due = await db.one(services.pool, AskedBatch, Q.next_to_count)
    if due is None:
        return 0
    batch = await batches.find(services.pool, due.batch_id)
    measures = await measures_of(services, [batch] if batch else [])
    if not measures:
        await db.run(services.pool, Q.forget_counts, batch_id=due.batch_id)
        return 1
    return max(await count(services, list(measures.values())), 1)
