"""Each schema.sql, kept by hand for reading, makes exactly what all migrations of its schema make."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg
import pytest

import lernbatch
import sandbox
from lernbatch.database.migrate import PRODUCT, Migrations, migrate, pending
from tests.running import named

SCHEMAS = [
    (PRODUCT, Path(lernbatch.__file__).with_name("schema.sql")),
    (sandbox.MIGRATIONS, Path(sandbox.__file__).with_name("schema.sql")),
]
CATALOG = {
    "tables": """
        SELECT relname, relkind, reloptions
          FROM pg_class
         WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v', 'm', 'S', 'p')""",
    "columns": """
        SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
               a.attgenerated, a.attcompression, pg_get_expr(d.adbin, d.adrelid)
          FROM pg_attribute a
          JOIN pg_class c ON c.oid = a.attrelid
          LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
         WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
           AND c.relkind IN ('r', 'v', 'm', 'p')""",
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated
          FROM pg_constraint
         WHERE connamespace = 'public'::regnamespace""",
    "indexes": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "views": "SELECT schemaname || '.' || viewname, definition FROM pg_views WHERE schemaname IN ('public', 'analyst')",
    "functions": """
        SELECT p.proname, pg_get_functiondef(p.oid)
          FROM pg_proc p
         WHERE p.pronamespace = 'public'::regnamespace AND p.prokind = 'f'
           AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.objid = p.oid AND e.deptype = 'e')""",
    "extensions": "SELECT extname FROM pg_extension",
}


async def fresh(server: str, name: str) -> str:
    """The DSN of an empty database."""
    conn = await asyncpg.connect(server)
    try:
        await conn.execute(f"DROP DATABASE IF EXISTS {name}")
        await conn.execute(f"CREATE DATABASE {name}")
    finally:
        await conn.close()
    return named(server, name)


async def catalog(dsn: str) -> dict[str, list[str]]:
    """What the database consists of, in words that can be compared."""
    conn = await asyncpg.connect(dsn)
    try:
        found = {kind: await conn.fetch(question) for kind, question in CATALOG.items()}
    finally:
        await conn.close()
    return {
        kind: sorted(str(tuple(row)) for row in rows if not str(row[0]).startswith(("migration", "sandbox_migration")))
        for kind, rows in found.items()
    }


async def both(
    server: str, worker: str, schema: Migrations, text: str
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    migrated, written = await fresh(server, f"migrated_{worker}"), await fresh(server, f"written_{worker}")
    await migrate(migrated, schema)
    conn = await asyncpg.connect(written)
    try:
        await conn.execute(text)
    finally:
        await conn.close()
    return await catalog(migrated), await catalog(written)


@pytest.mark.parametrize(("schema", "path"), SCHEMAS, ids=["product", "sandbox"])
def test_all_migrations_make_exactly_what_schema_sql_says(
    server: str, worker_id: str, schema: Migrations, path: Path
) -> None:
    migrated, written = asyncio.run(both(server, worker_id, schema, path.read_text(encoding="utf-8")))
    for kind, found in migrated.items():
        assert found == written[kind], kind


@pytest.mark.parametrize("schema", [schema for schema, _ in SCHEMAS], ids=["product", "sandbox"])
def test_migrating_twice_changes_nothing(dsn: str, schema: Migrations) -> None:
    assert asyncio.run(migrate(dsn, schema)) == []
    assert asyncio.run(pending(dsn, schema)) == []
