"""Cutting the largest tables into parts: killed at every boundary, written to meanwhile, and nothing else changes."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Coroutine, Iterator
from itertools import count
from typing import Any

import asyncpg
import pytest

from lernbatch.database import partitioning, schema
from lernbatch.database.migrate import migrate
from lernbatch.database.partitioning import abandon, partition
from lernbatch.database.parts import parts_of
from lernbatch.errors import Unusable
from tests.project.test_schema import CATALOG
from tests.running import PATIENCE_SECONDS, named, running
from tests.seeds import migrate_and_seed
from tests.writers import assert_nothing_lost_or_twice, writing

PARTS, PAGE = 3, 60  # of the 100 rows of each table: two pages
FILL = """
INSERT INTO enrolment (user_id, batch_id, course_id, active, enrolled_at, updated_at, states, certificates)
SELECT 'user-' || n, 'batch-' || n % 2, 'course', n % 3 > 0, now(), now(), '{"do_1": [1, 2]}', '[{"id": "ö"}]'
  FROM generate_series(1, 100) AS n;
INSERT INTO attempt (user_id, batch_id, content_id, attempt_id, course_id, attempted_ms, score, max_score, created_at,
                     updated_at)
SELECT 'user-' || n, 'batch-' || n % 2, 'content', 'a', 'course', n, 1.5, 2, now(), now()
  FROM generate_series(1, 100) AS n;
"""
# What others do between two steps, of the n-th time; `{}` is a table, or what should be in it at the end.
WRITES = {
    "enrolment": [
        "UPDATE {} SET progress = progress + 1, states = states || '{{\"do_2\": [2, 3]}}' WHERE user_id LIKE '%7'",
        "DELETE FROM {} WHERE user_id = 'user-' || 2 * :n",
        "UPDATE {} SET user_id = 'erased-' || :n WHERE user_id = 'user-' || 99 - 2 * :n",
        "INSERT INTO {} (user_id, batch_id, course_id, active, added_how, enrolled_at, status, progress, percentage,"
        " updated_at, states, scores, certificates, revision) VALUES ('new-' || :n, 'batch-1', 'course', true, 'self',"
        " '2026-01-01', 0, 0, 0, '2026-01-01', '{{}}', '{{}}', '[]', 1)",
    ],
    "attempt": [
        "UPDATE {} SET score = score + 1 WHERE user_id LIKE '%7'",
        "DELETE FROM {} WHERE user_id = 'user-' || 2 * :n",
        "UPDATE {} SET user_id = 'erased-' || :n, attempt_id = md5(attempt_id) WHERE user_id = 'user-' || 99 - 2 * :n",
    ],
}
_numbers = count(1)


class Died(ConnectionError):
    """The process that cut is gone."""


@pytest.fixture(scope="module")
def whole(server: str, worker_id: str) -> str:
    """The name of a migrated database whose tables are whole, however the others of this run are."""
    name = f"whole_{worker_id}"

    async def make() -> None:
        await execute(server, f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name}")
        await migrate_and_seed(named(server, name))

    asyncio.run(make())
    return name


@pytest.fixture
def whole_dsn(server: str, whole: str) -> Iterator[str]:
    name = f"{whole}_{next(_numbers)}"
    asyncio.run(execute(server, f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name} TEMPLATE {whole}"))
    yield named(server, name)
    asyncio.run(execute(server, f"DROP DATABASE {name} WITH (FORCE)"))


async def execute(dsn: str, *statements: str) -> None:
    conn = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            await conn.execute(statement)
    finally:
        await conn.close()


async def fetch(dsn: str, question: str, *arguments: object) -> list[tuple[Any, ...]]:
    conn = await asyncpg.connect(dsn)
    try:
        return [tuple(row) for row in await conn.fetch(question, *arguments)]
    finally:
        await conn.close()


def cut(dsn: str, parts: int = PARTS) -> Coroutine[Any, Any, None]:
    return partition(dsn, parts, lambda line: None, page=PAGE)


async def forms(dsn: str) -> list[int]:
    """In how many parts each table is."""
    conn = await asyncpg.connect(dsn)
    try:
        return [len(await parts_of(conn, table)) for table in partitioning.TABLES]
    finally:
        await conn.close()


async def write(dsn: str, n: int) -> None:
    """Once to the tables, and once to what should be in them."""
    for table, statements in WRITES.items():
        for statement in statements:
            text = statement.replace(":n", str(n))
            await execute(dsn, text.format(table), text.format(f"expected_{table}"))


async def assert_as_expected(dsn: str) -> None:
    for table in partitioning.TABLES:
        for one, other in ((table, f"expected_{table}"), (f"expected_{table}", table)):
            assert await fetch(dsn, f"TABLE {one} EXCEPT ALL TABLE {other}") == []


def cut_and_die(monkeypatch: pytest.MonkeyPatch, dsn: str, boundary: int, moment: str) -> None:
    """The process dies right before or after the n-th statement by which the database keeps something."""
    real, numbers = asyncpg.Connection.execute, count(1)

    async def execute_or_die(self: asyncpg.Connection, query: str, *arguments: Any, **options: Any) -> Any:
        is_kept = query == "COMMIT;" or not (self.is_in_transaction() or query.startswith(("BEGIN", "SET")))
        is_last = is_kept and "pg_advisory_lock" not in query and next(numbers) == boundary
        answer = None if is_last and moment == "before" else await real(self, query, *arguments, **options)
        if is_last:
            self.terminate()
            raise Died
        return answer

    with monkeypatch.context() as patched:
        patched.setattr(asyncpg.Connection, "execute", execute_or_die)
        with pytest.raises(Died):
            asyncio.run(cut(dsn))


@pytest.mark.real
def test_a_run_goes_on_wherever_one_died_and_no_write_is_lost(whole_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = [f"CREATE TABLE expected_{table} AS TABLE {table}" for table in partitioning.TABLES]
    asyncio.run(execute(whole_dsn, FILL, *expected))
    deaths = 0
    while True:
        # In the first place of each run a table is made if it is not there; a step later something new is kept.
        for boundary, moment in ((1, "before"), (1, "after"), (2, "before"), (2, "after"), (3, "before"), (3, "after")):
            cut_and_die(monkeypatch, whole_dsn, boundary, moment)
            deaths += 1
            asyncio.run(write(whole_dsn, deaths))
            asyncio.run(assert_as_expected(whole_dsn))
            if asyncio.run(fetch(whole_dsn, "SELECT to_regclass('partitioning')::text")) == [(None,)] and deaths > 2:
                break
        else:
            continue
        break
    assert asyncio.run(forms(whole_dsn)) == [PARTS, PARTS]
    assert deaths > 16
    asyncio.run(cut(whole_dsn))  # which has nothing left to do


def test_a_killed_command_is_gone_on_with(whole_dsn: str, tmp_path: Any) -> None:
    asyncio.run(execute(whole_dsn, FILL))
    words = [sys.executable, "-m", "lernbatch", "db", "partition", "--parts", "2"]
    environment = os.environ | {"LERNBATCH_DATABASE_URL": whole_dsn, "LERNBATCH_HOME": str(tmp_path)}
    with subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline().startswith("A copy of the table enrolment in 2 parts is there.")
        killed.send_signal(signal.SIGKILL)
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=True)
    assert done.stdout.splitlines()[-1] == "The table attempt is in 2 parts."
    assert asyncio.run(fetch(whole_dsn, "SELECT (SELECT count(*) FROM enrolment), (SELECT count(*) FROM attempt)")) == [
        (100, 100)
    ]


def test_people_go_on_learning_while_it_is_done(whole_dsn: str, tmp_path: Any) -> None:
    with running(tmp_path, whole_dsn) as service:
        service.run(execute(whole_dsn, FILL))
        with writing(service) as (batch_id, writers, await_rounds):
            await_rounds()
            service.run(cut(whole_dsn))
            await_rounds()
        assert {status for writer in writers for _, status in writer.answers} == {200}
        assert_nothing_lost_or_twice(service, batch_id, writers)
        assert service.call("GET", "/readyz").status_code == 200
    assert asyncio.run(forms(whole_dsn)) == [PARTS, PARTS]


def test_all_but_the_parts_is_as_before(whole_dsn: str) -> None:
    """Columns, defaults, checks, indexes and views by name and text, who may do what, and what a start looks for."""

    async def described() -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {}
        for kind in ("columns", "constraints", "indexes", "views"):
            rows = await fetch(whole_dsn, CATALOG[kind])
            found[kind] = sorted(str(row).replace(" ON ONLY ", " ON ") for row in rows if "_part_" not in str(row))
        grants = "SELECT relname, acl::text FROM pg_class CROSS JOIN unnest(relacl) AS acl WHERE relname !~ '_part_'"
        columns = "SELECT attname, attacl::text FROM pg_attribute WHERE attacl IS NOT NULL AND attrelid > 16384"
        return found | {"grants": sorted(await fetch(whole_dsn, f"{grants} UNION ALL {columns}"))}

    async def missing() -> list[str]:
        conn = await asyncpg.connect(whole_dsn)
        try:
            return await schema.missing(conn)
        finally:
            await conn.close()

    statements = [
        "GRANT SELECT ON enrolment TO PUBLIC",
        'GRANT UPDATE (score, "questions") ON attempt TO PUBLIC',
        "CREATE VIEW own WITH (security_barrier) AS SELECT user_id, score FROM enrolment JOIN attempt USING (user_id)",
    ]
    asyncio.run(execute(whole_dsn, FILL, *statements))
    before = asyncio.run(described())
    asyncio.run(cut(whole_dsn))
    after = asyncio.run(described())
    for kind, rows in before.items():
        assert after[kind] == rows, kind
    assert asyncio.run(missing()) == []
    options = "SELECT DISTINCT reloptions FROM pg_class WHERE relname ~ '^enrolment_part_.$'"
    assert asyncio.run(fetch(whole_dsn, options)) == [(["fillfactor=70"],)]
    assert asyncio.run(fetch(whole_dsn, "SELECT reloptions FROM pg_class WHERE relname = 'own'")) == [
        (["security_barrier=true"],)
    ]
    sizes = "SELECT count(*) FROM enrolment GROUP BY tableoid"
    assert len(asyncio.run(fetch(whole_dsn, sizes))) == PARTS


def test_an_unfinished_run_can_be_abandoned(whole_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asyncio.run(execute(whole_dsn, FILL))
    for boundary in (2, 3, 6):  # with the copy empty, half full, and compared
        cut_and_die(monkeypatch, whole_dsn, boundary, "after")
        with pytest.raises(Unusable, match="being cut into 3 parts"):
            asyncio.run(cut(whole_dsn, parts=4))
        asyncio.run(abandon(whole_dsn, lambda line: None))
        assert asyncio.run(forms(whole_dsn)) == [0, 0]
        asyncio.run(execute(whole_dsn, "UPDATE enrolment SET progress = 1", "UPDATE attempt SET score = 2"))
        left = "SELECT relname FROM pg_class WHERE relname ~ '_part|^partitioning' AND relname ~ '^(enr|att|part)'"
        assert asyncio.run(fetch(whole_dsn, left)) == []
    asyncio.run(cut(whole_dsn, parts=4))
    assert asyncio.run(forms(whole_dsn)) == [4, 4]


@pytest.mark.parametrize(
    ("statement", "obstacle"),
    [
        ("CREATE MATERIALIZED VIEW mine AS SELECT user_id FROM enrolment", "the materialized view mine"),
        (
            "CREATE TABLE mine (u text, b text, FOREIGN KEY (u, b) REFERENCES enrolment (user_id, batch_id))",
            "the foreign key mine_u_b_fkey",
        ),
        (
            "CREATE TRIGGER mine BEFORE UPDATE ON enrolment FOR EACH ROW"
            " EXECUTE FUNCTION suppress_redundant_updates_trigger()",
            "the trigger mine",
        ),
        ("CREATE POLICY mine ON enrolment USING (true)", "the policy mine"),
        ("CREATE PUBLICATION mine FOR TABLE enrolment", "the publication mine"),
    ],
)
def test_what_would_be_lost_with_the_table_is_in_the_way(whole_dsn: str, statement: str, obstacle: str) -> None:
    asyncio.run(execute(whole_dsn, statement))
    with pytest.raises(Unusable, match=obstacle):
        asyncio.run(cut(whole_dsn))
    assert asyncio.run(forms(whole_dsn)) == [0, 0]


def test_the_number_of_parts_has_bounds_and_stays(whole_dsn: str) -> None:
    for parts in (-1, 0, 1, 257):
        with pytest.raises(Unusable, match="2 to 256"):
            asyncio.run(cut(whole_dsn, parts=parts))
    asyncio.run(cut(whole_dsn))
    with pytest.raises(Unusable, match="is in 3 parts already"):
        asyncio.run(cut(whole_dsn, parts=4))
    asyncio.run(cut(whole_dsn))
    lines: list[str] = []
    asyncio.run(abandon(whole_dsn, lines.append))
    assert lines == ["There is nothing unfinished."]
    assert asyncio.run(fetch(whole_dsn, "SELECT to_regclass('partitioning')::text")) == [(None,)]


def test_a_copy_that_differs_does_not_take_the_place(whole_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asyncio.run(execute(whole_dsn, FILL))
    cut_and_die(monkeypatch, whole_dsn, 5, "before")  # while it is compared
    asyncio.run(execute(whole_dsn, "DELETE FROM enrolment_parted WHERE user_id = 'user-99'"))
    with pytest.raises(Unusable, match="1 rows of the copy of enrolment differ"):
        asyncio.run(cut(whole_dsn))
    assert asyncio.run(forms(whole_dsn)) == [0, 0]


def test_a_flush_that_has_what_the_copy_wants_gets_what_the_copy_has(
    whole_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each waiting for the other would be a deadlock, of which PostgreSQL ends the one that looks first."""
    asyncio.run(execute(whole_dsn, FILL))
    cut_and_die(monkeypatch, whole_dsn, 2, "after")  # with the copy empty

    async def work() -> None:
        flush, watcher = await asyncpg.connect(whole_dsn), await asyncpg.connect(whole_dsn)
        try:
            await flush.execute("SET deadlock_timeout = '600ms'")  # others look after a second
            async with flush.transaction():
                await flush.execute("UPDATE enrolment SET progress = 1 WHERE user_id = 'user-20'")
                cutting = asyncio.create_task(cut(whole_dsn))
                async with asyncio.timeout(PATIENCE_SECONDS):
                    while not await watcher.fetchval("SELECT true FROM pg_locks WHERE NOT granted"):
                        await asyncio.sleep(0.01)
                await flush.execute("UPDATE enrolment SET progress = 1")
            async with asyncio.timeout(PATIENCE_SECONDS):
                await cutting
            assert await watcher.fetchval("SELECT count(*) FROM enrolment WHERE progress = 1") == 100
        finally:
            await flush.close()
            await watcher.close()

    asyncio.run(work())
    assert asyncio.run(forms(whole_dsn)) == [PARTS, PARTS]


def test_who_reads_for_long_is_waited_for_and_holds_up_nobody(whole_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The exchange wants the table alone: it gives up its place again and again."""
    monkeypatch.setattr(partitioning, "LOCK_RETRY_SECONDS", 0.05)
    monkeypatch.setattr(partitioning, "LOCK_TIMEOUT_SECONDS", 0.2)

    async def work() -> None:
        reader, writer = await asyncpg.connect(whole_dsn), await asyncpg.connect(whole_dsn)
        try:
            cutting = asyncio.create_task(cut(whole_dsn))
            async with reader.transaction():
                await reader.fetch("SELECT FROM enrolment LIMIT 1")
                exchanging = "SELECT true FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'"
                async with asyncio.timeout(PATIENCE_SECONDS):
                    while not await writer.fetchval(exchanging):
                        await asyncio.sleep(0.01)
                    await writer.execute("UPDATE enrolment SET progress = progress + 1")
                assert not cutting.done()
            async with asyncio.timeout(PATIENCE_SECONDS):
                await cutting
            assert await writer.fetchval("SELECT count(*) FROM enrolment WHERE progress = 1") == 100
        finally:
            await reader.close()
            await writer.close()

    asyncio.run(execute(whole_dsn, FILL))
    asyncio.run(work())
    assert asyncio.run(forms(whole_dsn)) == [PARTS, PARTS]


def test_a_newer_version_does_not_migrate_in_the_middle(whole_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cut_and_die(monkeypatch, whole_dsn, 2, "after")
    newest = "DELETE FROM migration WHERE name = (SELECT max(name) FROM migration)"
    asyncio.run(execute(whole_dsn, newest))
    with pytest.raises(Unusable, match="cut into parts"):
        asyncio.run(migrate(whole_dsn))
    with pytest.raises(Unusable, match="`lernbatch migrate` comes first"):
        asyncio.run(cut(whole_dsn))


def test_a_migration_builds_its_indexes_on_every_part(whole_dsn: str) -> None:
    again = "DELETE FROM migration WHERE name = '0028_participants.sql'"
    valid = """
        SELECT relname, indisvalid, (SELECT count(*) FROM pg_inherits WHERE inhparent = oid)
          FROM pg_index JOIN pg_class ON oid = indexrelid
         WHERE relname IN ('enrolment_of_batch', 'enrolment_of_batch_left') ORDER BY 1"""
    asyncio.run(cut(whole_dsn))
    for left in (
        "SELECT",
        "CREATE INDEX enrolment_of_batch_new ON ONLY enrolment (batch_id)",
        "CREATE INDEX enrolment_of_batch_new_1 ON enrolment_part_1 (batch_id)",
    ):
        asyncio.run(execute(whole_dsn, again, left))
        assert asyncio.run(migrate(whole_dsn)) == ["0028_participants.sql"]
        assert asyncio.run(fetch(whole_dsn, valid)) == [
            ("enrolment_of_batch", True, PARTS),
            ("enrolment_of_batch_left", True, PARTS),
        ]
