"""What a database lacks of the schema is named: tables, constraints of each kind, indexes."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from lernbatch.database import schema


def lacking(dsn: str, *statements: str) -> list[str]:
    async def work() -> list[str]:
        conn = await asyncpg.connect(dsn)
        try:
            for statement in statements:
                await conn.execute(statement)
            return await schema.missing(conn)
        finally:
            await conn.close()

    return asyncio.run(work())


def test_a_migrated_database_lacks_nothing_and_every_table_is_described(dsn: str) -> None:
    assert lacking(dsn) == []
    assert "enrolment" in schema.described().tables
    assert "batch_due" in schema.described().indexes
    assert all(kinds["p"] == 1 for name, kinds in schema.described().tables.items() if name in ("batch", "enrolment"))


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("ALTER TABLE batch DROP CONSTRAINT batch_pkey CASCADE", "a primary key of batch"),
        ("ALTER TABLE batch DROP CONSTRAINT batch_status_check", "a check of batch"),
        ("DROP INDEX batch_due", "the index batch_due"),
        ("DROP TABLE outbox CASCADE", "the table outbox"),
    ],
)
def test_what_is_missing_is_named(statement: str, name: str, dsn: str) -> None:
    assert name in lacking(dsn, statement)


def test_a_database_of_another_version_is_not_measured_by_this_one(dsn: str) -> None:
    statements = ("INSERT INTO migration (name) VALUES ('9999_future.sql')", "DROP INDEX batch_due")
    assert lacking(dsn, *statements) == []
