"""Statements on the tables of a pass: those of the schema takeover, or temporary ones of the same shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from lernbatch.database import db, sql
from lernbatch.database.db import Connection
from lernbatch.database.sql import Statement

Q = sql.load("lernbatch.takeover")
TABLES = ("chunk", "stage", "slice", "problem", "quarantine")
PERMANENT, TEMPORARY = "takeover", "pg_temp"


@cache
def of_schema(statement: Statement, schema: str) -> Statement:
    """`statement` on the tables of `schema`."""
    return (
        statement if schema == PERMANENT else replace(statement, text=statement.text.replace("takeover.", f"{schema}."))
    )


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables of one pass, on one connection, which has no time limit on statements."""

    conn: Connection
    schema: str

    @property
    def is_temporary(self) -> bool:
        return self.schema == TEMPORARY

    async def all(self, row: type[db.Row], statement: Statement, **parameters: object) -> list[db.Row]:
        return await db.all(self.conn, row, of_schema(statement, self.schema), **parameters)

    async def run(self, statement: Statement, **parameters: object) -> int:
        return await db.run(self.conn, of_schema(statement, self.schema), **parameters)

    async def copy(self, table: str, columns: tuple[str, ...], records: Sequence[tuple[Any, ...]]) -> None:
        """Write `records` by COPY."""
        await self.conn.copy_records_to_table(table, schema_name=self.schema, columns=columns, records=records)


async def temporary(conn: Connection) -> Tables:
    """Tables that nobody else sees, and that are gone with the connection: for who writes nothing to the target."""
    for table in TABLES:
        await conn.execute(f"CREATE TEMP TABLE {table} (LIKE takeover.{table} INCLUDING ALL)")
    return Tables(conn, TEMPORARY)
