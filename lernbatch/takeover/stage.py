"""Staging: every chunk of the sources is read once, converted row by row, and written where its learner's rows meet."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import msgspec

from lernbatch.database import db
from lernbatch.errors import LernbatchError
from lernbatch.sealing import Seal
from lernbatch.sunbird_source.live import RangeRefused
from lernbatch.sunbird_source.model import Chunk
from lernbatch.takeover import lease
from lernbatch.takeover.blocks import BATCHES, Conversion, blocks, processes
from lernbatch.takeover.convert.model import BatchCourses, HeldRow, MoveProblem
from lernbatch.takeover.convert.values import cleaned
from lernbatch.takeover.database import Q, Tables
from lernbatch.takeover.passes import Pass, PassCounts
from lernbatch.takeover.quarantine import sealed

COLUMNS = ("slice", "user_id", "kind", "body")


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
    conversion = Conversion(moving.sources, moving.options, courses)
    with processes(conversion) as pool:
        for done, (place, chunk) in enumerate(chunks):
            moving.watch("chunks read", done, len(chunks))
            if chunk.table == BATCHES:
                continue
            source, before = moving.sources[place], staged.get(_key(place, chunk))
            if before is None:
                try:
                    moving.counts.add(await _stage_chunk(moving, place, chunk, conversion, pool))
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
    moving: Pass, place: int, chunk: Chunk, conversion: Conversion, pool: Executor | None
) -> PassCounts:
    """One chunk in one transaction: it is done when all of it is staged."""
    counts, tables = PassCounts(), moving.tables
    reading = moving.sources[place].rows(chunk)
    async with tables.conn.transaction():
        await lease.check(tables.conn, moving.owner)
        async with aclosing(blocks(conversion, pool, place, chunk, reading)) as converted:
            async for block in converted:
                await tables.copy("stage", COLUMNS, block.records)
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
