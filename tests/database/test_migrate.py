"""Migrations that may not stand in a transaction: begun by several processes at once, and begun again."""

from __future__ import annotations

import asyncio

import asyncpg

from lernbatch.database.migrate import migrate

INDEXES = """
SELECT relname, indisvalid
  FROM pg_index
  JOIN pg_class ON oid = indexrelid
 WHERE relname LIKE 'enrolment\\_of\\_batch%'
 ORDER BY relname
"""
WHOLE = [("enrolment_of_batch", True), ("enrolment_of_batch_left", True)]


async def forget_the_last(conn: asyncpg.Connection) -> None:
    await conn.execute("DELETE FROM migration WHERE name = '0028_participants.sql'")


def test_processes_that_migrate_at_once_build_each_index_once(dsn: str) -> None:
    async def work() -> tuple[list[list[str]], list[tuple[str, bool]]]:
        conn = await asyncpg.connect(dsn)
        try:
            await forget_the_last(conn)
            applied = await asyncio.gather(*(migrate(dsn) for _ in range(4)))
            return applied, [tuple(row) for row in await conn.fetch(INDEXES)]
        finally:
            await conn.close()

    applied, indexes = asyncio.run(work())
    assert sorted(applied) == [[], [], [], ["0028_participants.sql"]]
    assert indexes == WHOLE


def test_an_index_that_was_left_half_built_is_built_anew(dsn: str) -> None:
    async def work() -> list[tuple[str, bool]]:
        conn = await asyncpg.connect(dsn)
        try:
            await forget_the_last(conn)
            await conn.execute("CREATE INDEX enrolment_of_batch_new ON enrolment (batch_id)")
            await conn.execute("DROP INDEX enrolment_of_batch")
            await migrate(dsn)
            return [tuple(row) for row in await conn.fetch(INDEXES)]
        finally:
            await conn.close()

    assert asyncio.run(work()) == WHOLE
