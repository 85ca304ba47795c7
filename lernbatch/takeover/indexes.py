"""Indexes that only reads need are built after the load: of a whole table at once, in a fraction of the time (M31).

Nothing else of the tables is changed, so autovacuum's settings stay what they are.
"""

from __future__ import annotations

from dataclasses import dataclass

from lernbatch.takeover import lease
from lernbatch.takeover.database import Q, Tables

OF_READS = ("enrolment_of_batch", "enrolment_of_batch_left", "enrolment_added_by_other", "attempt_of_batch")


@dataclass(frozen=True, slots=True)
class IndexDefinition:
    """An index that is not there while a copy loads. `definition`: the statement that builds it."""

    name: str
    definition: str


async def set_aside(tables: Tables, owner: str) -> None:
    """Drop them from tables that hold nothing, and note how they are built again."""
    async with tables.conn.transaction():
        await lease.check(tables.conn, owner)
        for index in await tables.all(IndexDefinition, Q.indexes_of_empty_tables, names=list(OF_READS)):
            await tables.run(Q.set_index_aside, name=index.name, definition=index.definition)
            await tables.conn.execute(f"DROP INDEX {index.name}")


async def put_back(tables: Tables) -> None:
    """Build those that are set aside, also by a run that was stopped."""
    for index in await tables.all(IndexDefinition, Q.indexes_set_aside):
        async with tables.conn.transaction():
            await tables.conn.execute(index.definition)
            await tables.run(Q.index_is_back, name=index.name)
