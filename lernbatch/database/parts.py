"""Tables in parts (partitions): which there are, and what a migration runs on them. See `partitioning`."""

from __future__ import annotations

import re

import asyncpg

_CREATE = re.compile(r"(CREATE (?:UNIQUE )?INDEX) CONCURRENTLY (\w+) ON (\w+) (.*)", re.DOTALL)
_DROP = re.compile(r"DROP INDEX CONCURRENTLY IF EXISTS (\w+)")
_RENAME = re.compile(r"ALTER INDEX (\w+) RENAME TO (\w+)")
_PARTS = """
    SELECT inhrelid::regclass::text
      FROM pg_inherits
     WHERE inhparent = to_regclass($1)
     ORDER BY length(inhrelid::regclass::text), 1"""
_IS_INDEX_OF_PARTS = "SELECT true FROM pg_class WHERE oid = to_regclass($1) AND relkind = 'I'"


async def parts_of(conn: asyncpg.Connection, name: str) -> list[str]:
    """The names of the parts of a table or an index; none: it is whole, or not there."""
    return [row[0] for row in await conn.fetch(_PARTS, name)]


async def unfinished(conn: asyncpg.Connection) -> list[str]:
    """The tables whose copies in parts are there and have not taken their places."""
    if await conn.fetchval("SELECT to_regclass('partitioning')") is None:
        return []
    return [row["name"] for row in await conn.fetch("SELECT name FROM partitioning ORDER BY name")]


async def statements_for(conn: asyncpg.Connection, statement: str) -> list[str]:
    """What to run for `statement` of a migration outside a transaction, now that its table may be in parts.

    PostgreSQL neither makes nor drops the index of such a table CONCURRENTLY, but it makes those of the parts so.
    """
    if (created := _CREATE.search(statement)) and (parts := await parts_of(conn, created[3])):
        create, index, table, rest = created.groups()
        statements = [f"{create} {index} ON ONLY {table} {rest}"]
        for number, part in enumerate(parts):
            statements += [
                f"DROP INDEX CONCURRENTLY IF EXISTS {index}_{number}",  # of a run that was ended
                f"{create} CONCURRENTLY {index}_{number} ON {part} {rest}",
                f"ALTER INDEX {index} ATTACH PARTITION {index}_{number}",
            ]
        return statements
    if (dropped := _DROP.search(statement)) and await conn.fetchval(_IS_INDEX_OF_PARTS, dropped[1]):
        return [f"DROP INDEX {dropped[1]}"]
    if renamed := _RENAME.search(statement):  # with its parts, or their names would be taken the next time
        numbered = enumerate(await parts_of(conn, renamed[1]))
        return [*(f"ALTER INDEX {part} RENAME TO {renamed[2]}_{number}" for number, part in numbered), statement]
    return [statement]
