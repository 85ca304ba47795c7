"""Staging: every chunk of the sources is read once, converted row by row, and written where its learner's rows meet."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

import msgspec

from lernbatch.database import db
from lernbatch.errors import LernbatchError
from lernbatch.sealing import Seal
from lernbatch.sunbird_source.catalog import PUBLIC_KEY
from lernbatch.sunbird_source.live import RangeRefused
from lernbatch.sunbird_source.model import Chunk, ChunkReading, SourceRow, SunbirdSource, UnreadableRow
from lernbatch.takeover import lease
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
from lernbatch.takeover.convert.values import cleaned, text
from lernbatch.takeover.database import Q, Tables
from lernbatch.takeover.passes import Pass, PassCounts
from lernbatch.takeover.quarantine import sealed

SLICES = 1024
ROWS_AT_ONCE = 10_000
COLUMNS = ("slice", "user_id", "kind", "body")
BATCHES = "course_batch"
# Columns that are read by nothing of ours: what stands in them is counted, so that nothing goes silently (M15).
DROPPED = {
    BATCHES: ("tandc", "batch_attributes"),
    "user_enrolments": ("certstatus", "delta", "grade", "recent_language"),
    "user_courses": ("certstatus", "delta", "grade"),
    "content_consumption": ("contentversion", "result", "score", "grade"),
}


class ChangedSource(LernbatchError):
    """A file of which a part is staged already is another one now."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} has changed since it was read. Put the export back as it was, or take the new one with "
            "`lernbatch sunbird catch-up` when the copy is done."
        )


class RangesRefused(LernbatchError):
    """Ranges of a live source could not be read (M10): nothing is built of a part of a learner."""

    def __init__(self, refused: list[str]) -> None:
        super().__init__("All else is read, but not these:\n" + "\n".join(f"  - {sentence}" for sentence in refused))


@dataclass(frozen=True, slots=True)
class StagedChunk:
    """A chunk that is staged."""

    source: int
    name: str
    first: int
    last: int
    digest: str
    rows: int
    counts: dict[str, Any]

    @property
    def key(self) -> tuple[int, str, int, int]:
        return self.source, self.name, self.first, self.last


@dataclass(slots=True)
class _Block:
    """Some rows of a chunk, converted. `bodies`: learner and kind → staged rows, which a record keeps together."""

    bodies: defaultdict[tuple[str, str], list[bytes]] = field(default_factory=lambda: defaultdict(list))
    problems: list[MoveProblem] = field(default_factory=list)
    held: list[HeldRow] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)
    counts: PassCounts = field(default_factory=PassCounts)


async def stage(moving: Pass, courses: BatchCourses) -> None:
    """Stage all chunks that are not staged yet. `courses`: see convert.model.BatchCourses.

    Raises: ChangedSource, MoveLeaseLost; RangesRefused, when all others are staged.
    """
    staged = {chunk.key: chunk for chunk in await moving.tables.all(StagedChunk, Q.chunks_done)}
    chunks = [(place, chunk) for place, source in enumerate(moving.sources) for chunk in source.chunks()]
    present = {_key(place, chunk) for place, chunk in chunks}
    for key in staged:
        if key not in present:
            raise ChangedSource(key[1])
    refused: list[str] = []
    for done, (place, chunk) in enumerate(chunks):
        moving.watch("chunks read", done, len(chunks))
        if chunk.table == BATCHES:
            continue
        source, before = moving.sources[place], staged.get(_key(place, chunk))
        if before is None:
            try:
                moving.counts.add(await _stage_chunk(moving, place, source, chunk, courses))
            except RangeRefused as refused_range:
                refused.append(str(refused_range))
        else:
            if not source.live and await asyncio.to_thread(source.digest, chunk) != before.digest:
                raise ChangedSource(chunk.name)
            moving.counts.add_json(before.counts)
    moving.watch("chunks read", len(chunks), len(chunks))
    if refused:
        raise RangesRefused(refused)


def _key(place: int, chunk: Chunk) -> tuple[int, str, int, int]:
    return place, chunk.name, chunk.start, chunk.end


async def _stage_chunk(
    moving: Pass, place: int, source: SunbirdSource, chunk: Chunk, courses: BatchCourses
) -> PassCounts:
    """One chunk in one transaction: it is done when all of it is staged."""
    counts, tables = PassCounts(), moving.tables
    reading = source.rows(chunk)
    blocks = _blocks(reading, moving.options, courses)
    async with tables.conn.transaction():
        await lease.check(tables.conn, moving.owner)
        while (block := await asyncio.to_thread(next, blocks, None)) is not None:
            # In the order of the table's index. An export has the rows of a learner one after the other.
            records = sorted(
                (slice_of(user_id), user_id, kind, b",".join(bodies))
                for (user_id, kind), bodies in block.bodies.items()
            )
            await tables.copy("stage", COLUMNS, records)
            await note(tables, moving.seal, block.problems, block.held)
            if block.keys and not tables.is_temporary:
                await tables.run(Q.save_keys, key_ids=list(block.keys), pems=list(block.keys.values()))
            counts.add(block.counts)
            moving.watch("rows", sum(block.counts.rows.values()), None)
        counts.by_source[place, chunk.table] += sum(counts.rows.values())
        await tables.run(
            Q.chunk_done,
            source=place,
            name=chunk.name,
            first=chunk.start,
            last=chunk.end,
            source_table=chunk.table,
            digest=reading.digest,
            rows=sum(counts.rows.values()),
            counts=counts.as_json(),
        )
    return counts


def _blocks(reading: ChunkReading, options: ConvertOptions, courses: BatchCourses) -> Iterator[_Block]:
    """The rows of a chunk, converted, ROWS_AT_ONCE at a time; the last block may be empty."""
    block = _Block()
    for rows, row in enumerate(reading, 1):
        _add(block, row, options, courses)
        if rows % ROWS_AT_ONCE == 0:
            yield block
            block = _Block()
    yield block


def _add(block: _Block, row: SourceRow | UnreadableRow, options: ConvertOptions, courses: BatchCourses) -> None:
    block.counts.rows[row.table] += 1
    if isinstance(row, UnreadableRow):
        problem, held = unreadable(row)
        block.problems.append(problem)
        block.held.append(held)
        block.counts.fates[row.table, Fate.HELD] += 1
        return
    if row.table == PUBLIC_KEY:
        key_id, pem = text(row.values.get("osid")), text(row.values.get("value"))
        if key_id and pem:
            block.keys[key_id] = pem
        block.counts.fates[row.table, Fate.TAKEN if key_id and pem else Fate.DERIVED] += 1
        return
    for column in DROPPED.get(row.table, ()):
        if row.values.get(column) is not None:
            block.counts.dropped[row.table, column] += 1
    result = convert_row(row, options, courses)
    block.problems += result.problems
    block.held += result.held
    if result.fate is not None:
        block.counts.fates[row.table, result.fate] += 1
    staged = result.staged
    if staged is None:
        return
    if isinstance(staged, StagedEnrolment) and staged.active and courses.get(staged.batch_id, "") is None:
        block.counts.active[staged.course_id, staged.batch_id] += 1
    block.bodies[result.user_id, KIND_OF[type(staged)]].append(encoded(staged))


def unreadable(row: UnreadableRow) -> tuple[MoveProblem, HeldRow]:
    """What is said and kept of a place where no row can be read."""
    problem = MoveProblem("row-unreadable", (row.table,), {"place": row.place, "reason": row.reason})
    return problem, HeldRow("row-unreadable", row.table, (row.table,), row.raw)


def slice_of(user_id: str) -> int:
    """The slice in which all rows of a learner meet."""
    return crc32(user_id.encode("utf-8", "replace")) % SLICES


def storable(value: Any) -> msgspec.Raw:
    """`value` as an element of a jsonb[], which has no NUL."""
    body = db.json(value)
    return db.json(cleaned(msgspec.json.decode(body))[0]) if b"u0000" in bytes(body) else body


async def note(
    tables: Tables, seal: Seal, problems: Sequence[MoveProblem], held: Sequence[HeldRow], *, of_batches: bool = False
) -> None:
    """Write problems, and held rows sealed."""
    if problems:
        await tables.run(
            Q.save_problems,
            kinds=[problem.kind for problem in problems],
            keys=[storable(problem.key) for problem in problems],
            said=[storable(problem.said) for problem in problems],
            of_batches=of_batches,
        )
    if held:
        kept = [sealed(seal, row) for row in held]
        await tables.run(
            Q.save_quarantine,
            kinds=[row.kind for row in held],
            tables=[row.table for row in held],
            keys=[storable(row.key) for row in held],
            marks=[mark for mark, _ in kept],
            rows=[body for _, body in kept],
        )
