"""Brings a database forward: numbered `.sql` files, each applied once, in order, never back."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources

import asyncpg

from lernbatch.errors import Unusable

LOCK_TIMEOUT_SECONDS = 10
# A migration that PostgreSQL refuses in a transaction (CREATE INDEX CONCURRENTLY) says so in its first line.
_OUTSIDE = "-- outside a transaction"
_FILE = re.compile(r"^(\d{4})_[a-z0-9_]+\.sql$")

_TABLE = """
CREATE TABLE IF NOT EXISTS migration (
  name       text        PRIMARY KEY,
  applied_at timestamptz NOT NULL DEFAULT now()
)"""


@dataclass(frozen=True, slots=True)
class Migration:
    name: str
    text: str

    @property
    def transactional(self) -> bool:
        return not self.text.startswith(_OUTSIDE)


def migrations() -> list[Migration]:
    """All migrations of this version, in order."""
    folder = resources.files("lernbatch.migrations")
    files = sorted((file for file in folder.iterdir() if _FILE.match(file.name)), key=lambda file: file.name)
    return [Migration(file.name, file.read_text(encoding="utf-8")) for file in files]


async def migrate(dsn: str) -> list[str]:
    """Apply what is missing; the names applied. Several processes may do this at once.

    Raises: Unusable, when the database cannot be reached or was made by a newer version.
    """
    try:
        conn = await asyncpg.connect(dsn, timeout=10)
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as unreachable:
        raise Unusable(f"The database cannot be reached: {unreachable}.") from unreachable
    try:
        return await _apply(conn, migrations())
    finally:
        await conn.close()


async def _apply(conn: asyncpg.Connection, known: Iterable[Migration]) -> list[str]:
    known = list(known)
    async with conn.transaction():
        # CREATE TABLE IF NOT EXISTS is not safe against its twin; the lock makes the second one wait.
        await conn.execute("SELECT pg_advisory_xact_lock(hashtext('lernbatch.migrate'))")
        await conn.execute(_TABLE)
    newest = await conn.fetchval("SELECT max(name) FROM migration")
    if newest is not None and known and newest > known[-1].name:
        raise Unusable(f"The database was made by a newer version of lernbatch (it has {newest}); update lernbatch.")
    return [migration.name for migration in known if await _apply_one(conn, migration)]


async def _apply_one(conn: asyncpg.Connection, migration: Migration) -> bool:
    async with conn.transaction():
        await conn.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_SECONDS}s'")
        await conn.execute("LOCK TABLE migration IN EXCLUSIVE MODE")
        if await conn.fetchval("SELECT true FROM migration WHERE name = $1", migration.name):
            return False
        if migration.transactional:
            await conn.execute(migration.text)
            await conn.execute("INSERT INTO migration (name) VALUES ($1)", migration.name)
            return True
    # Outside a transaction: such statements are written so that a second run does no harm.
    await conn.execute(migration.text)
    await conn.execute("INSERT INTO migration (name) VALUES ($1) ON CONFLICT DO NOTHING", migration.name)
    return True


async def pending(dsn: str) -> list[str]:
    """The migrations that `dsn` lacks."""
    conn = await asyncpg.connect(dsn, timeout=10)
    try:
        if await conn.fetchval("SELECT to_regclass('migration')") is None:
            return [migration.name for migration in migrations()]
        applied = {row["name"] for row in await conn.fetch("SELECT name FROM migration")}
        return [migration.name for migration in migrations() if migration.name not in applied]
    finally:
        await conn.close()
