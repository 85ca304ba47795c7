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
from lernbatch.errors import Upstream
from lernbatch.exhaust.model import Delivery
from lernbatch.exhaust.sources import ReportScope, Source, basis, source
from lernbatch.report.model import Dataset
from lernbatch.services import Services

ROWS_AT_ONCE = 500  # from 250 to 2,000 the cost is the same, and small sets let the other work of a process in between

Put = Callable[[str, AsyncIterator[bytes]], Awaitable[None]]
Counted = Callable[[int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class FileOptions:
    """How a file is made and where it goes. `name`: of the part of the request it is; `folder`: the key it stands
    under; `counted` is told of rows read, and returns when more may be."""

    name: str
    folder: str
    wanted: FileFormat
    protection: Protection
    expected_rows: int
    put: Put
    counted: Counted


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
    """`b1_progress_20260702`, without a batch where the file spans them; `at` is in the platform's zone."""
    start = "" if dataset.spans_batches else f"{batch_id}_"
    return f"{start}{dataset.short}_{at:%Y%m%d}"


async def make(services: Services, subject: ReportScope, options: FileOptions) -> Delivery:
    """Make the file about `subject` and put it into the store; what was delivered. Raises: Upstream."""
    at = services.clock.now().astimezone(services.clock.zone)
    name = file_name(subject.dataset, options.name, at)
    config = services.config
    async with snapshot(services) as conn:
        writer = formats.format_of(options.wanted, neutralised=config.csv_formulas_neutralised)
        made = await _file(conn, await source(conn, services, subject), writer, name, at, options)
        basis_path = None
        if subject.dataset is Dataset.USER_INFO:
            quiet = replace(options, wanted=FileFormat.CSV_RFC4180, counted=_unheard)
            writer = formats.format_of(quiet.wanted, neutralised=config.csv_formulas_neutralised)
            reasons = await _file(conn, basis(services, subject), writer, f"{name}_consents", at, quiet)
            basis_path = reasons.path
    return Delivery(options.name, made.path, made.size_bytes, made.row_count, made.sha256.hexdigest(), basis_path)


@dataclass(slots=True)
class _Tally:
    """What went into a file so far. As a context it notes what stopped the file, and lets it pass."""

    path: str
    size_bytes: int = 0
    row_count: int = 0
    sha256: Any = field(default_factory=hashlib.sha256)
    failure: BaseException | None = None

    def __enter__(self) -> None:
        self.failure = None

    def __exit__(self, _: type[BaseException] | None, failure: BaseException | None, __: TracebackType | None) -> None:
        self.failure = failure


async def _unheard(_: int) -> None:
    """The rows of a second file about the same learners are not counted again."""


async def _file(
    conn: Connection, made_of: Source, writer: Format, name: str, at: datetime, options: FileOptions
) -> _Tally:
    packed = await asyncio.to_thread(  # the first one loads the libraries
        packing.pack,
        f"{name}.{options.wanted.extension}",
        at.timetuple()[:6],
        options.protection,
        options.expected_rows,
    )
    tally = _Tally(f"{options.folder}/{name}.zip")

    async def content() -> AsyncGenerator[bytes, None]:
        with tally:
            async with aclosing(_pieces(conn, made_of, writer, packed, tally, options.counted)) as pieces:
                async for piece in pieces:
                    tally.sha256.update(piece)
                    tally.size_bytes += len(piece)
                    yield piece

    # The store is written to while the snapshot is open: the file is the snapshot, and is nowhere else.
    async with aclosing(content()) as stream:
        try:
            await options.put(tally.path, stream)
        except Upstream:
            if isinstance(tally.failure, Exception):  # a connection that broke while rows were read is not the store's
                raise tally.failure from None
            raise
    return tally


async def _pieces(
    conn: Connection, made_of: Source, writer: Format, packed: Packing, tally: _Tally, counted: Counted
) -> AsyncGenerator[bytes, None]:
    yield await asyncio.to_thread(lambda: packed.write(writer.header(made_of.report.columns)))
    expand = made_of.report.expand
    cursor = await conn.cursor(made_of.statement.text, *made_of.statement.arguments(made_of.parameters))
    records = await cursor.fetch(ROWS_AT_ONCE)
    while records:
        # PostgreSQL prepares the next rows, and a thread packs these, while this loop does other things.
        ahead = asyncio.create_task(cursor.fetch(ROWS_AT_ONCE))
        try:
            await asyncio.sleep(0)
            rows = [row for record in records for row in expand(record)]
            yield await asyncio.to_thread(_packed, rows, writer, packed)
        finally:
            read, records = len(records), await ahead
        tally.row_count += len(rows)
        await counted(read)
    yield await asyncio.to_thread(lambda: packed.write(writer.finish()) + packed.finish())


def _packed(rows: list[Row], writer: Format, packed: Packing) -> bytes:
    """All that costs time of a set of rows, so that a thread can do it."""
    return packed.write(writer.rows(rows))
