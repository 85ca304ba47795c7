"""Building: slice by slice a learner's rows are joined to rows of ours, and given to who writes or compares them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import msgspec

from lernbatch.takeover import batches, lease
from lernbatch.takeover.convert.learner import convert_learner
from lernbatch.takeover.convert.model import KINDS, Converted, ConvertedBatch, Staged
from lernbatch.takeover.database import Q, of_schema
from lernbatch.takeover.passes import Pass, PassCounts
from lernbatch.takeover.stage import note

RECORDS_AT_ONCE = 500
_DECODERS = {kind: msgspec.json.Decoder(list[shape]) for kind, shape in KINDS.items()}  # type: ignore[valid-type]


class LearnerSink(Protocol):
    """Takes what learners became, inside the transaction of their slice."""

    async def take(self, converted: Converted, counts: PassCounts) -> None: ...


@runtime_checkable
class TakesBatches(Protocol):
    """Takes the batches, too, before any learner."""

    async def take_batches(self, batches: Sequence[ConvertedBatch]) -> None: ...


@dataclass(frozen=True, slots=True)
class _Slice:
    slice: int
    size: int


@dataclass(frozen=True, slots=True)
class _BuiltSlice:
    slice: int
    counts: dict[str, object]


class Nowhere:
    """Takes nothing: a plan only counts."""

    async def take(self, converted: Converted, counts: PassCounts) -> None:
        """Nothing is written."""


async def build(moving: Pass, sink: LearnerSink) -> None:
    """Build all slices that are not built yet; some in one transaction. Raises: MoveLeaseLost, Upstream."""
    tables = moving.tables
    for built in await tables.all(_BuiltSlice, Q.slices_built):
        moving.counts.add_json(built.counts)
    slices = await tables.all(_Slice, Q.slices_to_build)
    done = 0
    for group in _groups(slices, moving.bytes_at_once):
        moving.watch("slices built", done, len(slices))
        counts = PassCounts()
        async with tables.conn.transaction():
            await lease.check(tables.conn, moving.owner)
            async for learners in _learners(moving, group):
                batch_ids = {staged.batch_id for rows in learners.values() for staged in rows}
                course_ids = {moving.facts[batch_id].course_id for batch_id in batch_ids if batch_id in moving.facts}
                trees = await batches.trees(moving, course_ids)
                converted = Converted(user_ids=list(learners))
                for user_id, rows in learners.items():
                    convert_learner(user_id, rows, moving.facts, trees, moving.options, converted)
                await sink.take(converted, counts)
                await note(tables, moving.seal, converted.problems, converted.held)
                counts.add_converted(converted)
            await tables.run(Q.slices_built_now, slices=group, counts=counts.as_json())
        moving.counts.add(counts)
        done += len(group)
    moving.watch("slices built", len(slices), len(slices))


def _groups(slices: Sequence[_Slice], size: int) -> Iterator[list[int]]:
    """Slices that are built in one transaction: about `size` bytes of them, for a transaction has its price."""
    group: list[int] = []
    total = 0
    for row in slices:
        group.append(row.slice)
        total += row.size
        if total >= size:
            yield group
            group, total = [], 0
    if group:
        yield group


async def _learners(moving: Pass, slices: list[int]) -> AsyncIterator[dict[str, list[Staged]]]:
    """The staged rows of some slices, whole learners, about `bytes_at_once` at a time."""
    statement = of_schema(Q.staged_learners, moving.tables.schema)
    learners: dict[str, list[Staged]] = {}
    size = 0
    cursor = await moving.tables.conn.cursor(statement.text, slices)
    while records := await cursor.fetch(RECORDS_AT_ONCE):
        for user_id, kind, bodies in records:
            if user_id not in learners and size >= moving.bytes_at_once:
                yield learners
                learners, size = {}, 0
            size += len(bodies)
            learners.setdefault(user_id, []).extend(_DECODERS[kind].decode(b"[" + bodies + b"]"))
    if learners:
        yield learners
