"""Rows of a chunk, converted block by block while PostgreSQL takes the block before; on all processors where that pays.

A process that converts holds a copy of the opened sources. It is given records as they stand in the file, and gives
back what the table `stage` takes.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing import get_context, parent_process
from zlib import crc32

from lernbatch.errors import Unusable
from lernbatch.sunbird_source.catalog import PUBLIC_KEY
from lernbatch.sunbird_source.files import FileReading, Record
from lernbatch.sunbird_source.model import Chunk, ChunkReading, SourceRow, SunbirdSource, UnreadableRow
from lernbatch.takeover.convert.model import (
    KIND_OF,
    BatchCourses,
    ConvertOptions,
    Fate,
    HeldRow,
    MoveProblem,
    StagedEnrolment,
)
from lernbatch.takeover.convert.rows import convert_row, encoded
from lernbatch.takeover.convert.values import text
from lernbatch.takeover.passes import PassCounts

SLICES = 1024
ROWS_AT_ONCE = 10_000
SMALL_BYTES = 64 * 1024 * 1024  # of sources that one process has read before others have begun
MOST_PROCESSES = 8  # beyond that PostgreSQL does not take what they give
WAITING = 2  # blocks that are being made, beside one for each process
BATCHES = "course_batch"
# Columns that are read by nothing of ours: what stands in them is counted, so that nothing goes silently (M15).
DROPPED = {
    BATCHES: ("tandc", "batch_attributes"),
    "user_enrolments": ("certstatus", "delta", "grade", "recent_language"),
    "user_courses": ("certstatus", "delta", "grade"),
    "content_consumption": ("contentversion", "result", "score", "grade"),
}


@dataclass(slots=True)
class Block:
    """Some rows of a chunk, converted. `records`: slice, learner, kind, and the staged rows, joined by commas."""

    records: list[tuple[int, str, str, bytes]] = field(default_factory=list)
    problems: list[MoveProblem] = field(default_factory=list)
    held: list[HeldRow] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)
    counts: PassCounts = field(default_factory=PassCounts)


@dataclass(frozen=True, slots=True)
class Conversion:
    """What a conversion of rows depends on. `courses`: see convert.model.BatchCourses."""

    sources: Sequence[SunbirdSource]
    options: ConvertOptions
    courses: BatchCourses


class ProcessEnded(Unusable):
    """A process that converts rows ended in the middle."""

    def __init__(self) -> None:
        super().__init__(
            "A process that converts rows was ended from outside, perhaps for want of memory. Run the command again: "
            "it goes on where it was."
        )


@contextmanager
def processes(conversion: Conversion) -> Iterator[Executor | None]:
    """Processes that convert, one for each processor; None: the sources are small, or there is one processor."""
    tables = [table for source in conversion.sources for table in source.tables.values()]
    count = min(os.cpu_count() or 1, MOST_PROCESSES)
    if count == 1 or sum(table.size_bytes or 0 for table in tables) < SMALL_BYTES:
        yield None
        return
    pool = ProcessPoolExecutor(count, get_context("spawn"), _begin, (conversion,))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


async def blocks(
    conversion: Conversion, pool: Executor | None, place: int, chunk: Chunk, reading: ChunkReading
) -> AsyncGenerator[Block, None]:
    """The rows of a chunk in their order. `place`: of its source; `reading`: of the chunk, which is read once.

    Raises: what reading raises; ProcessEnded.
    """
    if pool is None or not isinstance(reading, FileReading):
        rows = iter(reading)
        coming = asyncio.create_task(asyncio.to_thread(_convert_next, rows, conversion))
        try:
            while (block := await coming) is not None:
                coming = asyncio.create_task(asyncio.to_thread(_convert_next, rows, conversion))
                yield block
        finally:
            await asyncio.wait([coming])
        return
    loop, records = asyncio.get_running_loop(), reading.records()
    begun: deque[asyncio.Future[Block]] = deque()
    most = min(os.cpu_count() or 1, MOST_PROCESSES) + WAITING
    is_read = False
    while begun or not is_read:
        while len(begun) < most and not is_read:
            some = await asyncio.to_thread(lambda: list(islice(records, ROWS_AT_ONCE)))
            is_read = len(some) < ROWS_AT_ONCE
            begun.append(loop.run_in_executor(pool, _convert_records, place, chunk, some))
        try:
            yield await begun.popleft()
        except BrokenProcessPool as broken:
            raise ProcessEnded from broken


def _convert_next(rows: Iterator[SourceRow | UnreadableRow], conversion: Conversion) -> Block | None:
    some = list(islice(rows, ROWS_AT_ONCE))
    return _convert(some, conversion) if some else None


_conversion: Conversion  # of a process that converts


def _begin(conversion: Conversion) -> None:
    """What a process that converts does first. It ends with the process that it works for, however that ends."""
    global _conversion
    _conversion = conversion
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to all; who gives the work stops it
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _convert_records(place: int, chunk: Chunk, records: Sequence[Record]) -> Block:
    reading = _conversion.sources[place].rows(chunk)
    assert isinstance(reading, FileReading)
    return _convert(reading.rows(records), _conversion)


def _convert(rows: Iterable[SourceRow | UnreadableRow], conversion: Conversion) -> Block:
    block = Block()
    bodies: defaultdict[tuple[str, str], list[bytes]] = defaultdict(list)
    for row in rows:
        _add(row, conversion, block, bodies)
    # In the order of the table's index. An export has the rows of a learner one after the other.
    block.records = sorted(
        (slice_of(user_id), user_id, kind, b",".join(parts)) for (user_id, kind), parts in bodies.items()
    )
    return block


def _add(
    row: SourceRow | UnreadableRow,
    conversion: Conversion,
    block: Block,
    bodies: defaultdict[tuple[str, str], list[bytes]],
) -> None:
    """Add a row to what its block says. `bodies`: learner and kind → staged rows, which a record keeps together."""
    counts = block.counts
    counts.rows[row.table] += 1
    if isinstance(row, UnreadableRow):
        problem, held = unreadable(row)
        block.problems.append(problem)
        block.held.append(held)
        counts.fates[row.table, Fate.HELD] += 1
        return
    if row.table == PUBLIC_KEY:
        key_id, pem = text(row.values.get("osid")), text(row.values.get("value"))
        if key_id and pem:
            block.keys[key_id] = pem
        counts.fates[row.table, Fate.TAKEN if key_id and pem else Fate.DERIVED] += 1
        return
    for column in DROPPED.get(row.table, ()):
        if row.values.get(column) is not None:
            counts.dropped[row.table, column] += 1
    result = convert_row(row, conversion.options, conversion.courses)
    block.problems += result.problems
    block.held += result.held
    if result.fate is not None:
        counts.fates[row.table, result.fate] += 1
    staged = result.staged
    if staged is None:
        return
    if isinstance(staged, StagedEnrolment) and staged.active and conversion.courses.get(staged.batch_id, "") is None:
        counts.active[staged.course_id, staged.batch_id] += 1
    bodies[result.user_id, KIND_OF[type(staged)]].append(encoded(staged))


def unreadable(row: UnreadableRow) -> tuple[MoveProblem, HeldRow]:
    """What is said and kept of a place where no row can be read."""
    problem = MoveProblem("row-unreadable", (row.table,), {"place": row.place, "reason": row.reason})
    return problem, HeldRow("row-unreadable", row.table, (row.table,), row.raw)


def slice_of(user_id: str) -> int:
    """The slice in which all rows of a learner meet."""
    return crc32(user_id.encode("utf-8", "replace")) % SLICES
