"""Cuts the largest tables into parts by a hash of user_id, while the service works on them.

A copy in parts is made beside the table. A trigger writes there what is written to the table, the older rows are copied
and then compared, page by page, and in one moment the copy takes the table's place. Each step is a transaction that
notes itself in the table `partitioning`, so the next run goes on where one ended, whatever ended it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg

from lernbatch.database import hosts, migrate
from lernbatch.database.parts import parts_of, unfinished
from lernbatch.errors import Unusable

TABLES = ("enrolment", "attempt")
PARTS = range(2, 257)
PAGE = 1000  # rows, in a transaction
SAID_AFTER_SECONDS = 10
# While a table is wanted for us alone, everybody else who wants it waits, too: not for long, and then again.
ALONE_TIMEOUT_SECONDS = 10
LOCK_TIMEOUT_SECONDS, LOCK_RETRY_SECONDS, LOCK_TRIES = 1, 3, 200
# A page holds rows that a flush may want, and may want rows that the flush holds. It gives up and is begun again
# with half of its rows, before PostgreSQL looks for a deadlock (after a second) and ends the flush.
_YIELDING = "SET LOCAL lock_timeout = '100ms'; SET LOCAL statement_timeout = '500ms'"
_YIELDED = (asyncpg.LockNotAvailableError, asyncpg.QueryCanceledError, asyncpg.DeadlockDetectedError)
YIELD_SECONDS, YIELD_TRIES = 0.1, 3000  # in a row

Say = Callable[[str], None]

_KEY = """
    SELECT quote_ident(attname)
      FROM pg_index
     CROSS JOIN unnest(indkey::smallint[]) WITH ORDINALITY AS part (number, place)
      JOIN pg_attribute ON attrelid = indrelid AND attnum = part.number
     WHERE indrelid = to_regclass($1) AND indisprimary
     ORDER BY place"""
_COLUMNS = """
    SELECT quote_ident(attname)
      FROM pg_attribute
     WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped
     ORDER BY attnum"""
# What is bound to the table itself, and is none of ours: it would be lost, or be in the way at the end.
_OBSTACLES = """
    SELECT 'the materialized view ' || ev_class::regclass AS obstacle
      FROM pg_depend
      JOIN pg_rewrite ON pg_rewrite.oid = objid
      JOIN pg_class ON pg_class.oid = ev_class AND relkind = 'm'
     WHERE refobjid = to_regclass($1) AND classid = 'pg_rewrite'::regclass
     UNION
    SELECT 'the foreign key ' || conname FROM pg_constraint WHERE confrelid = to_regclass($1)
     UNION
    SELECT 'the trigger ' || tgname FROM pg_trigger WHERE tgrelid = to_regclass($1) AND NOT tgisinternal
     UNION
    SELECT 'the policy ' || polname FROM pg_policy WHERE polrelid = to_regclass($1)
     UNION
    SELECT 'the publication ' || pubname
      FROM pg_publication_rel
      JOIN pg_publication ON pg_publication.oid = prpubid
     WHERE prrelid = to_regclass($1)
     UNION
    SELECT 'the extension citus, which has shards' FROM pg_extension WHERE extname = 'citus'
     ORDER BY obstacle"""
_ABOUT = """
    SELECT quote_ident(pg_get_userbyid(relowner)) AS owner,
           ' WITH (' || array_to_string(reloptions, ', ') || ')' AS options
      FROM pg_class
     WHERE oid = to_regclass($1)"""
_INDEXES = """
    SELECT relname AS name, indisprimary AS is_key, split_part(pg_get_indexdef(oid), ' INDEX ', 1) AS create,
           substring(pg_get_indexdef(oid) FROM ' USING .*$') AS definition
      FROM pg_index
      JOIN pg_class ON oid = indexrelid
     WHERE indrelid = to_regclass($1)"""
_VIEWS = """
    SELECT DISTINCT format('CREATE OR REPLACE VIEW %s%s AS %s', ev_class::regclass,
                           ' WITH (' || array_to_string(reloptions, ', ') || ')', pg_get_viewdef(ev_class))
      FROM pg_depend
      JOIN pg_rewrite ON pg_rewrite.oid = objid
      JOIN pg_class ON pg_class.oid = ev_class
     WHERE refobjid = to_regclass($1) AND classid = 'pg_rewrite'::regclass"""
_GRANTS = """
    SELECT format('GRANT %s %s ON %s_parted TO %s%s', privilege_type, columns, $1::text,
                  CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
                  CASE WHEN is_grantable THEN ' WITH GRANT OPTION' END)
      FROM (SELECT '' AS columns, granted.*
              FROM pg_class
             CROSS JOIN aclexplode(relacl) AS granted
             WHERE oid = to_regclass($1)
             UNION ALL
            SELECT format('(%I)', attname), granted.*
              FROM pg_attribute
             CROSS JOIN aclexplode(attacl) AS granted
             WHERE attrelid = to_regclass($1)) AS of_both"""
_MIRROR = """
CREATE FUNCTION {table}_mirror() RETURNS trigger LANGUAGE plpgsql AS $mirror$
BEGIN
  IF TG_OP = 'DELETE' OR TG_OP = 'UPDATE' AND ({old_key}) <> ({new_key}) THEN
    DELETE FROM {table}_parted WHERE ({key}) = ({old_key});
  END IF;
  IF TG_OP <> 'DELETE' THEN
    INSERT INTO {table}_parted ({columns}) VALUES (NEW.*)
    ON CONFLICT ({key}) DO UPDATE SET ({columns}) = ROW (EXCLUDED.*);
  END IF;
  RETURN NULL;
END $mirror$;
CREATE TRIGGER {name}_mirror AFTER INSERT OR UPDATE OR DELETE ON {table}
  FOR EACH ROW EXECUTE FUNCTION {table}_mirror();
"""
# Who deletes such a row or gives it another key waits until the copy is there, which the trigger then mends, too. What
# the trigger wrote is newer than what is read here.
_COPY = """
    INSERT INTO {table}_parted ({columns})
    SELECT {columns} FROM {table} WHERE {between} FOR KEY SHARE
        ON CONFLICT DO NOTHING"""
_COMPARE = """
    SELECT count(*), count(*) FILTER (WHERE original.content IS DISTINCT FROM copy.content)
      FROM (SELECT {key}, ROW ({columns}) AS content FROM {table} WHERE {between}) AS original
      FULL JOIN (SELECT {key}, ROW ({columns}) AS content FROM {table}_parted WHERE {between}) AS copy USING ({key})"""
_NOTE = "UPDATE partitioning SET phase = $2, after = $3, rows = $4 WHERE name = $1"
_PHASES = ("copy", "compare", "exchange")


@dataclass(frozen=True, slots=True)
class _CopyState:
    """How far the copy of a table is. `after`: the key of the last row of the phase; None: the phase begins."""

    phase: str
    after: list[str] | None
    rows: int


async def partition(dsn: str, parts: int, say: Say, *, page: int = PAGE) -> None:
    """Cut each of TABLES into `parts`, or go on with that. `say` takes a line after each step.

    Raises: Unusable, when it cannot be done on this database.
    """
    if parts not in PARTS:
        raise Unusable(f"A table is cut into {PARTS[0]} to {PARTS[-1]} parts.")
    if await migrate.pending(dsn):
        raise Unusable("The database is not at this version: `lernbatch migrate` comes first.")
    async with _alone(dsn) as conn:
        there = {name: len(await parts_of(conn, name)) for name in TABLES}
        for name, count in there.items():
            if count not in (0, parts):
                raise Unusable(f"The table {name} is in {count} parts already, which cannot be changed.")
        await conn.execute(
            "CREATE TABLE IF NOT EXISTS partitioning"
            " (name text PRIMARY KEY, phase text NOT NULL DEFAULT 'copy', after text[], rows bigint NOT NULL DEFAULT 0)"
        )
        for name, count in there.items():
            if not count:
                await _cut(conn, name, parts, say, page)
            say(f"The table {name} is in {parts} parts.")
        await conn.execute("DROP TABLE partitioning")


async def abandon(dsn: str, say: Say) -> None:
    """Delete what an unfinished run left. A table that is in parts already stays so."""
    async with _alone(dsn) as conn:
        names = await unfinished(conn)
        for name in names:
            await _when_free(conn, name, _delete_copy)
            say(f"The copy of the table {name} is deleted.")
        await conn.execute("DROP TABLE IF EXISTS partitioning")
        if not names:
            say("There is nothing unfinished.")


@asynccontextmanager
async def _alone(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the only run, whose statements may take hours."""
    conn = await hosts.connect(dsn)
    try:
        # A run that was killed has it until the server notices.
        await conn.execute(f"SET lock_timeout = '{ALONE_TIMEOUT_SECONDS}s'")
        await conn.execute("SELECT pg_advisory_lock(hashtext('lernbatch.partition'))")
    except asyncpg.LockNotAvailableError:
        await conn.close()
        raise Unusable("Another `lernbatch db partition` is under way.") from None
    try:
        await conn.execute("SET lock_timeout = 0; SET statement_timeout = 0")  # whatever they are for everybody
        yield conn
    finally:
        await conn.close()


async def _cut(conn: asyncpg.Connection, name: str, parts: int, say: Say, page: int) -> None:
    if await _progress(conn, name) is None:
        if obstacles := [row["obstacle"] for row in await conn.fetch(_OBSTACLES, name)]:
            raise Unusable(f"The table {name} cannot be cut while it has {', '.join(obstacles)}.")
        await _when_free(conn, name, lambda conn, name: _begin(conn, name, parts))
        say(f"A copy of the table {name} in {parts} parts is there. What is written goes to both.")
    elif (there := len(await parts_of(conn, f"{name}_parted"))) != parts:
        raise Unusable(f"The table {name} is being cut into {there} parts: go on with that number, or --abandon it.")
    await _walk(conn, name, "copy", say, page)
    await _walk(conn, name, "compare", say, page)
    await conn.execute(f"VACUUM (ANALYZE) {name}_parted")
    await _when_free(conn, name, _exchange)


async def _progress(conn: asyncpg.Connection, name: str) -> _CopyState | None:
    row = await conn.fetchrow("SELECT phase, after, rows FROM partitioning WHERE name = $1", name)
    return None if row is None else _CopyState(**row)


async def _when_free(
    conn: asyncpg.Connection, name: str, work: Callable[[asyncpg.Connection, str], Awaitable[None]]
) -> None:
    """`work` in a transaction, once nobody who has the table for long is in its way.

    In it names of tables must have a schema, as they then have in what the catalog says.
    """
    for _ in range(LOCK_TRIES):
        try:
            async with conn.transaction():
                await conn.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_SECONDS}s'; SET LOCAL search_path = ''")
                await work(conn, name)
                return
        except asyncpg.LockNotAvailableError:
            await asyncio.sleep(LOCK_RETRY_SECONDS)
    raise Unusable(f"Others have had the table {name} all the time. The next run goes on here.")


async def _begin(conn: asyncpg.Connection, name: str, parts: int) -> None:
    """Make the copy, empty, with all that the table has, and the trigger."""
    table = f"public.{name}"
    about = await conn.fetchrow(_ABOUT, table)
    await conn.execute(f"SET LOCAL ROLE {about['owner']}")
    await conn.execute(
        f"CREATE TABLE {table}_parted (LIKE {table} INCLUDING ALL EXCLUDING INDEXES) PARTITION BY HASH (user_id)"
    )
    for number in range(parts):
        await conn.execute(
            f"CREATE TABLE {table}_part_{number} PARTITION OF {table}_parted"
            f" FOR VALUES WITH (MODULUS {parts}, REMAINDER {number}){about['options'] or ''}"
        )
    words = await _words(conn, name, table)
    for index in await conn.fetch(_INDEXES, table):
        await conn.execute(
            f"ALTER TABLE {table}_parted ADD CONSTRAINT {index['name']}_parted PRIMARY KEY ({words['key']})"
            if index["is_key"]
            else f"{index['create']} INDEX {index['name']}_parted ON {table}_parted{index['definition']}"
        )
    await conn.execute(_MIRROR.format(**words))
    await conn.execute("RESET ROLE")
    await conn.execute("INSERT INTO public.partitioning (name) VALUES ($1)", name)


async def _walk(conn: asyncpg.Connection, name: str, phase: str, say: Say, page: int) -> None:
    """Copy or compare all rows, a page after another; nothing, where that was done before."""
    words, loop = await _words(conn, name, name), asyncio.get_running_loop()
    said_at, size, failures = loop.time(), page, 0
    while (progress := await _progress(conn, name)) and progress.phase == phase:
        try:
            async with conn.transaction():
                if phase == "copy":
                    await conn.execute(_YIELDING)
                last, rows = await _page(conn, words, progress, size)
                rows += progress.rows
                following = (phase, last, rows) if last else (_PHASES[_PHASES.index(phase) + 1], None, 0)
                await conn.execute(_NOTE, name, *following)
        except _YIELDED:
            size, failures = max(size // 2, 1), failures + 1
            if failures == YIELD_TRIES:
                raise Unusable(f"Others have had rows of {name} all the time. The next run goes on here.") from None
            await asyncio.sleep(YIELD_SECONDS)
            continue
        size, failures = min(size * 2, page), 0
        if last is None or loop.time() - said_at > SAID_AFTER_SECONDS:
            said_at = loop.time()
            say(f"{name}: {phase}, {rows:,} rows.")


async def _page(
    conn: asyncpg.Connection, words: dict[str, str], progress: _CopyState, page: int
) -> tuple[list[str] | None, int]:
    """Copy or compare the next rows: the key of the last of them, None when no more follow; and how many they were.

    Raises: Unusable, when the copy differs.
    """
    after, width = progress.after or [], words["key"].count(",") + 1

    def bound(sign: str, first: int) -> str:
        return f"({words['key']}) {sign} ({', '.join(f'${first + place}' for place in range(width))})"

    above = bound(">", 1) if after else "true"
    last = await conn.fetchrow(
        f"SELECT {words['key']} FROM {words['table']} WHERE {above} ORDER BY {words['key']} OFFSET {page - 1} LIMIT 1",
        *after,
    )
    below = bound("<=", 1 + len(after)) if last else "true"
    statement = (_COPY if progress.phase == "copy" else _COMPARE).format(**words, between=f"{above} AND {below}")
    keys = [*after, *(last or ())]
    if progress.phase == "copy":
        rows = int((await conn.execute(statement, *keys)).split()[-1])
    else:
        rows, differences = await conn.fetchrow(statement, *keys)
        if differences:
            raise Unusable(
                f"{differences} rows of the copy of {words['table']} differ, so it does not take its place: "
                "--abandon it and begin again."
            )
    return [*last] if last else None, rows


async def _exchange(conn: asyncpg.Connection, name: str) -> None:
    """Put the copy in the place of the table, with its views, its grants and the names of its indexes."""
    table = f"public.{name}"
    await conn.execute(f"LOCK TABLE {table}, {table}_parted IN ACCESS EXCLUSIVE MODE")
    views, grants = [[row[0] for row in await conn.fetch(question, table)] for question in (_VIEWS, _GRANTS)]
    indexes = [row["name"] for row in await conn.fetch(_INDEXES, table)]
    for statement in [
        *grants,
        f"ALTER TABLE {table} RENAME TO {name}_whole",
        f"ALTER TABLE {table}_parted RENAME TO {name}",
        *views,
        f"DROP TABLE {table}_whole",
        f"DROP FUNCTION {table}_mirror()",
        *(f"ALTER INDEX public.{index}_parted RENAME TO {index}" for index in indexes),
    ]:
        await conn.execute(statement)
    await conn.execute("DELETE FROM public.partitioning WHERE name = $1", name)


async def _delete_copy(conn: asyncpg.Connection, name: str) -> None:
    await conn.execute(f"DROP TRIGGER {name}_mirror ON public.{name}")
    await conn.execute(f"DROP FUNCTION public.{name}_mirror()")
    await conn.execute(f"DROP TABLE public.{name}_parted")
    await conn.execute("DELETE FROM public.partitioning WHERE name = $1", name)


async def _words(conn: asyncpg.Connection, name: str, table: str) -> dict[str, str]:
    """What statements about a table are made of; `table`: how it is called there."""
    key = [row[0] for row in await conn.fetch(_KEY, table)]
    columns = [row[0] for row in await conn.fetch(_COLUMNS, table)]
    return {
        "name": name,
        "table": table,
        "key": ", ".join(key),
        "columns": ", ".join(columns),
        "old_key": ", ".join(f"OLD.{column}" for column in key),
        "new_key": ", ".join(f"NEW.{column}" for column in key),
    }
