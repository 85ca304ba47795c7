"""One file of a report: one snapshot of the database, streamed through format and packing into the store.

Nothing is held but a few hundred rows and the store's current part, whatever the size of the batch.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import TracebackType
from typing import Any

from lernbatch.archive import formats, packing
from lernbatch.archive.formats import Format
from lernbatch.archive.model import FileFormat, Row
from lernbatch.archive.packing import Packing, Protection
from lernbatch.database.db import Connection
from lernbatch.database.reports import ReportConnection
from lernbatch.errors import Upstream
from lernbatch.exhaust.model import Delivery
from lernbatch.exhaust.sources import ReportScope, Source, consent_source, source
from lernbatch.report.model import Dataset
from lernbatch.services import Services

ROWS_AT_ONCE = 500  # from 250 to 2,000 the cost is the same, and small sets let the other work of a process in between

Put = Callable[[str, AsyncIterator[bytes]], Awaitable[None]]
RowsRead = Callable[[int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class FileOptions:
    """How a file is written, and where it is stored.

    `name`: the batch id, or ALL_BATCHES; `folder`: the store's key above it. `expected_rows`: of the database.
    `from_standby`: it may be read from one. `put` stores a file. `rows_read` takes the count of each set of rows, and
    returns when the next may be read.
    """

    name: str
    folder: str
    file_format: FileFormat
    protection: Protection
    expected_rows: int
    from_standby: bool
    put: Put
    rows_read: RowsRead


@asynccontextmanager
async def snapshot(services: Services, *, from_standby: bool) -> AsyncIterator[ReportConnection]:
    """A connection that sees the database as it is now, or a little later, until the block ends."""
    async with (
        services.reports.reading(None if from_standby else 0) as reading,
        reading.conn.transaction(isolation="repeatable_read", readonly=True),
    ):
        # The first rows of a very large batch may take longer than a request ever should.
        await reading.conn.execute("SET LOCAL statement_timeout = 0")
        yield reading


def file_name(dataset: Dataset, batch_id: str, at: datetime) -> str:
    """`b1_progress_20260702`; without a batch where the dataset spans them. `at`: in the platform's zone."""
    start = "" if dataset.spans_batches else f"{batch_id}_"
    return f"{start}{dataset.short}_{at:%Y%m%d}"


async def stream_file(services: Services, scope: ReportScope, options: FileOptions) -> Delivery:
    """Write the file about `scope` into the store; the delivery says where it lies, its size and its checksum.

    A user info exhaust gets a second file beside it: the consent records, from the same snapshot. Raises: Upstream.
    """
    at = services.clock.now().astimezone(services.clock.zone)
    name = file_name(scope.dataset, options.name, at)
    neutralised = services.config.csv_formulas_neutralised
    consent_record_path = None
    async with snapshot(services, from_standby=options.from_standby) as reading:
        conn, lag_seconds = reading.conn, reading.lag_seconds
        writer = formats.format_of(options.file_format, neutralised=neutralised)
        report = await _stream(conn, await source(conn, services, scope), writer, name, at, options)
        if scope.dataset is Dataset.USER_INFO:
            # Its rows are about the same learners, so they are not counted again.
            uncounted = replace(options, file_format=FileFormat.CSV_RFC4180, rows_read=_ignore)
            writer = formats.format_of(uncounted.file_format, neutralised=neutralised)
            consents = consent_source(services, scope)
            consent_record_path = (await _stream(conn, consents, writer, f"{name}_consents", at, uncounted)).path
    checksum = report.sha256.hexdigest()
    return Delivery(
        options.name,
        report.path,
        report.size_bytes,
        report.row_count,
        checksum,
        consent_record_path,
        None if lag_seconds is None else round(lag_seconds, 3),
    )


@dataclass(slots=True)
class _StoredFile:
    """A file on its way into the store: what was written so far. As a context it keeps the failure that ends it."""

    path: str
    size_bytes: int = 0
    row_count: int = 0
    sha256: Any = field(default_factory=hashlib.sha256)
    failure: BaseException | None = None

    def __enter__(self) -> None:
        self.failure = None

    def __exit__(self, _: type[BaseException] | None, failure: BaseException | None, __: TracebackType | None) -> None:
        self.failure = failure


async def _ignore(_: int) -> None:
    """Count no rows."""


async def _stream(
    conn: Connection, rows: Source, writer: Format, name: str, at: datetime, options: FileOptions
) -> _StoredFile:
    packer = await asyncio.to_thread(  # the first one loads the libraries
        packing.pack,
        f"{name}.{options.file_format.extension}",
        at.timetuple()[:6],
        options.protection,
        options.expected_rows,
    )
    file = _StoredFile(f"{options.folder}/{name}.zip")

    async def content() -> AsyncGenerator[bytes, None]:
        with file:
            async with aclosing(_pieces(conn, rows, writer, packer, file, options.rows_read)) as pieces:
                async for piece in pieces:
                    file.sha256.update(piece)
                    file.size_bytes += len(piece)
                    yield piece

    # The store is written to while the snapshot is open: the file is the snapshot, and is nowhere else.
    async with aclosing(content()) as stream:
        try:
            await options.put(file.path, stream)
        except Upstream:
            if isinstance(file.failure, Exception):  # a connection that broke while rows were read is not the store's
                raise file.failure from None
            raise
    return file


async def _pieces(
    conn: Connection, rows: Source, writer: Format, packer: Packing, file: _StoredFile, rows_read: RowsRead
) -> AsyncGenerator[bytes, None]:
    yield await asyncio.to_thread(lambda: packer.write(writer.header(rows.report.columns)))
    expand = rows.report.expand
    cursor = await conn.cursor(rows.statement.text, *rows.statement.arguments(rows.parameters))
    records = await cursor.fetch(ROWS_AT_ONCE)
    while records:
        # PostgreSQL prepares the next rows, and a thread packs these, while this loop does other things.
        ahead = asyncio.create_task(cursor.fetch(ROWS_AT_ONCE))
        try:
            await asyncio.sleep(0)
            lines = [line for record in records for line in expand(record)]
            yield await asyncio.to_thread(_packed, lines, writer, packer)
        finally:
            count, records = len(records), await ahead
        file.row_count += len(lines)
        await rows_read(count)
    yield await asyncio.to_thread(lambda: packer.write(writer.finish()) + packer.finish())


def _packed(lines: list[Row], writer: Format, packer: Packing) -> bytes:
    """Everything expensive about a set of rows, in one function that a thread runs."""
    return packer.write(writer.rows(lines))
