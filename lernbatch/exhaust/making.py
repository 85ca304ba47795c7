"""One file of a report: one snapshot of the database, streamed through format and packing into the store.

Nothing is held but a few hundred rows and the store's current part, whatever the size of the batch.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lernbatch import sql
from lernbatch.course.model import Course
from lernbatch.db import Connection
from lernbatch.exhaust import formats, packing, reports
from lernbatch.exhaust.model import Dataset, Delivery, FileFormat, Filters, Offer
from lernbatch.exhaust.packing import Packing, Protection
from lernbatch.exhaust.reports import Report
from lernbatch.services import Services

Q = sql.load("lernbatch.exhaust")
ROWS_AT_ONCE = 500  # measured: larger ones gain nothing, and other work of the process waits longer


@dataclass(frozen=True, slots=True)
class Order:
    """What file is to be made. `channel`: only learners of that organisation; None: all. `consumer_id`: whom consent
    must be given to. `counted` is told how many more rows are done."""

    dataset: Dataset
    course: Course
    batch: Offer
    channel: str | None
    consumer_id: str
    expected_rows: int
    filters: Filters
    extras: tuple[str, ...]
    titles: dict[str, str]
    unseal: Callable[[str, bytes | None], reports.Personal]
    counted: Callable[[int], None]


@dataclass(slots=True)
class Tally:
    """What went into a file so far."""

    size_bytes: int = 0
    row_count: int = 0


@asynccontextmanager
async def snapshot(services: Services) -> AsyncIterator[Connection]:
    """A connection that sees the database as it is now, until the block ends."""
    async with (
        services.pool.acquire() as conn,
        conn.transaction(isolation="repeatable_read", readonly=True),
    ):
        # The first rows of a very large batch may take longer than a request ever should.
        await conn.execute("SET LOCAL statement_timeout = 0")
        yield conn


def file_name(dataset: Dataset, batch_id: str, at: datetime) -> str:
    """`b1_progress_20260702`; `at` is in the platform's zone."""
    return f"{batch_id}_{dataset.short}_{at:%Y%m%d}"


async def make(
    services: Services,
    order: Order,
    folder: str,
    wanted: FileFormat,
    protection: Protection,
    put: Callable[[str, AsyncIterator[bytes]], Any],
) -> Delivery:
    """Make the file of `order` and hand it to `put`; what was delivered. `folder`: the key it stands under."""
    now = services.clock.now().astimezone(services.clock.zone)
    name = file_name(order.dataset, order.batch.batch_id, now)
    path = f"{folder}/{name}.zip"
    tally, digest = Tally(), hashlib.sha256()
    async with snapshot(services) as conn:
        report = await _report(conn, services, order)
        writer = formats.format_of(
            wanted,
            services.config.home / "sheets",
            neutral_csv=services.config.exhaust_neutralise_csv,
            neutral_xlsx=services.config.exhaust_neutralise_xlsx,
        )
        packed = packing.pack(f"{name}.{wanted}", now.timetuple()[:6], protection, order.expected_rows)

        async def content() -> AsyncIterator[bytes]:
            async for piece in _content(conn, services, order, report, writer, packed, tally):
                digest.update(piece)
                tally.size_bytes += len(piece)
                yield piece

        # The store is written to while the snapshot is open: the file is the snapshot, and is nowhere else.
        await put(path, content())
    return Delivery(order.batch.batch_id, path, tally.size_bytes, tally.row_count, digest.hexdigest())


async def _report(conn: Connection, services: Services, order: Order) -> Report:
    config = services.config
    if order.dataset is Dataset.USER_INFO:
        return reports.user_info(order.course, order.batch, order.unseal, with_status=config.exhaust_account_status)
    if order.dataset is Dataset.RESPONSE:
        return reports.response(order.course, order.batch, order.titles, services.clock.zone)
    found = await conn.fetch(Q.scored_contents.text, order.batch.batch_id)
    options = reports.ProgressOptions(
        today=services.clock.today(),
        as_before=config.exhaust_progress_as_before,
        categories=config.exhaust_assessment_categories,
        extras=order.extras,
    )
    return reports.progress(order.course, order.batch, {row[0] for row in found}, options)


async def _content(
    conn: Connection,
    services: Services,
    order: Order,
    report: Report,
    writer: formats.Format,
    packed: Packing,
    tally: Tally,
) -> AsyncIterator[bytes]:
    yield packed.write(writer.header(report.columns))
    statement, parameters = _statement(services, order)
    cursor = await conn.cursor(statement.text, *statement.arguments(parameters))
    records = await cursor.fetch(ROWS_AT_ONCE)
    while records:
        # PostgreSQL prepares the next rows and a thread packs the last ones while this loop writes lines.
        ahead = asyncio.create_task(cursor.fetch(ROWS_AT_ONCE))
        try:
            await asyncio.sleep(0)
            rows = [row for record in records for row in report.expand(record)]
            yield await asyncio.to_thread(packed.write, writer.rows(rows))
        finally:
            records_now, records = len(records), await ahead
        tally.row_count += len(rows)
        order.counted(records_now)
    for last in writer.finish():
        yield await asyncio.to_thread(packed.write, last)
    yield packed.finish()


def _statement(services: Services, order: Order) -> tuple[sql.Statement, dict[str, object]]:
    filters = order.filters
    parameters: dict[str, object] = {
        "batch_id": order.batch.batch_id,
        "channel": order.channel,
        "organisation_ids": list(filters.organisation_ids) or None,
        "districts": list(filters.districts) or None,
        "blocks": list(filters.blocks) or None,
        "statuses": list(filters.statuses) or None,
        "user_ids": list(filters.user_ids) or None,
        "added_by": filters.added_by,
        "changed_since": filters.changed_since,
    }
    zone = {"zone": services.clock.zone.key}
    if order.dataset is Dataset.PROGRESS:
        return Q.progress_rows, parameters | zone
    if order.dataset is Dataset.RESPONSE:
        return Q.response_rows, parameters
    return Q.user_info_rows, parameters | zone | {"consumer_id": order.consumer_id, "now": services.clock.now()}
