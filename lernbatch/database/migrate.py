"""Brings a database forward: numbered `.sql` files, each applied once, in order, never back."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from importlib import resources

import asyncpg

from lernbatch import __version__
from lernbatch.database import citus, hosts
from lernbatch.database.parts import statements_for, unfinished
from lernbatch.errors import Unusable

LOCK_TIMEOUT_SECONDS = 10
LOCK_RETRY_SECONDS = 0.5
# A migration that PostgreSQL refuses in a transaction (CREATE INDEX CONCURRENTLY) says so in its first line. It is
# written so that it may be begun again, and each of its statements ends a line.
_OUTSIDE = "-- outside a transaction"
_HAS_VERSION = "SELECT true FROM pg_attribute WHERE attrelid = to_regclass($1) AND attname = 'version'"
_FILE = re.compile(r"^(\d{4})_[a-z0-9_]+\.sql$")


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file."""

    name: str
    text: str

    @property
    def transactional(self) -> bool:
        return not self.text.startswith(_OUTSIDE)


@dataclass(frozen=True, slots=True)
class Migrations:
    """The migrations of one set of tables: `package` holds the files, `table` the names of those applied."""

    package: str
    table: str

    def files(self) -> list[Migration]:
        """All of this version, in order."""
        files = sorted(
            (file for file in resources.files(self.package).iterdir() if _FILE.match(file.name)),
            key=lambda file: file.name,
        )
        return [Migration(file.name, file.read_text(encoding="utf-8")) for file in files]


PRODUCT = Migrations("lernbatch.migrations", "migration")


async def migrate(dsn: str, migrations: Migrations = PRODUCT) -> list[str]:
    """Apply the files of `migrations` that are missing; returns their names. Several processes may do this at once.

    Raises: Unusable, when the database cannot be reached or was made by a newer version.
    """
    try:
        conn = await hosts.connect(dsn)
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as unreachable:
        raise Unusable(f"The database cannot be reached: {unreachable}.") from unreachable
    try:
        await citus.check_coordinator(conn)
        async with conn.transaction():
            # CREATE TABLE IF NOT EXISTS is not safe against its twin; the lock makes the second one wait.
            await conn.execute("SELECT pg_advisory_xact_lock(hashtext('lernbatch.migrate'))")
            await conn.execute(
                f"CREATE TABLE IF NOT EXISTS {migrations.table}"
                " (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
            )
            # Which version applied it; asked first, for to add a column locks the table even where it is there.
            if not await conn.fetchval(_HAS_VERSION, migrations.table):
                await conn.execute(f"ALTER TABLE {migrations.table} ADD COLUMN version text")
        files = migrations.files()
        newest = await conn.fetchrow(f"SELECT name, version FROM {migrations.table} ORDER BY name DESC LIMIT 1")
        if newest is not None and files and newest["name"] > files[-1].name:
            needed = f"install {newest['version']} or later" if newest["version"] else "update lernbatch"
            raise Unusable(
                f"The database was made by a newer version of lernbatch (it has {newest['name']}) than this one,"
                f" {__version__}: {needed}."
            )
        if newest is not None and files and newest["name"] < files[-1].name and await unfinished(conn):
            raise Unusable(
                "Tables are being cut into parts (`lernbatch db partition`): finish that, or --abandon it, with the "
                "version that began it."
            )
        return [migration.name for migration in files if await _apply(conn, migrations, migration)]
    finally:
        await conn.close()


async def _apply(conn: asyncpg.Connection, migrations: Migrations, migration: Migration) -> bool:
    """Apply `migration` unless that was done before; whether it was applied now."""
    async with conn.transaction():
        await conn.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_SECONDS}s'")
        await conn.execute(f"LOCK TABLE {migrations.table} IN EXCLUSIVE MODE")
        if await conn.fetchval(f"SELECT true FROM {migrations.table} WHERE name = $1", migration.name):
            return False
        if migration.transactional:
            await conn.execute(migration.text)
            await conn.execute(
                f"INSERT INTO {migrations.table} (name, version) VALUES ($1, $2)", migration.name, __version__
            )
            return True
    # PostgreSQL waits there for every open statement, so also for a process that waits for a lock of ours: the lock is
    # tried again and again instead.
    try_lock = "SELECT pg_try_advisory_lock(hashtext('lernbatch.migrate outside'))"
    while not await conn.fetchval(try_lock):  # noqa: ASYNC110 - nothing here hears when another process lets go
        await asyncio.sleep(LOCK_RETRY_SECONDS)
    try:
        if await conn.fetchval(f"SELECT true FROM {migrations.table} WHERE name = $1", migration.name):
            return False
        for statement in migration.text.removesuffix(";\n").split(";\n"):
            for text in await statements_for(conn, statement):
                await conn.execute(text)
        await conn.execute(
            f"INSERT INTO {migrations.table} (name, version) VALUES ($1, $2)", migration.name, __version__
        )
    finally:
        await conn.execute("SELECT pg_advisory_unlock(hashtext('lernbatch.migrate outside'))")
    return True


async def pending(dsn: str, migrations: Migrations = PRODUCT) -> list[str]:
    """The files of `migrations` that `dsn` lacks."""
    conn = await hosts.connect(dsn)
    try:
        names = [migration.name for migration in migrations.files()]
        if await conn.fetchval("SELECT to_regclass($1)", migrations.table) is None:
            return names
        applied = {row["name"] for row in await conn.fetch(f"SELECT name FROM {migrations.table}")}
        return [name for name in names if name not in applied]
    finally:
        await conn.close()
