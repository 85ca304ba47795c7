"""Which host is connected to, and whether a change that met a dying server was certainly not made."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

import asyncpg
import pytest

from lernbatch.database import db, hosts
from lernbatch.database.coalescer import Answer, Coalescer
from lernbatch.errors import Away

END_OURSELVES = "SELECT pg_terminate_backend(pg_backend_pid())"


@pytest.mark.parametrize(
    ("dsn", "each"),
    [
        ("postgresql://u:p@a/db", ["postgresql://u:p@a/db"]),
        ("postgresql://u:p@a:1,b:2/db?x=1", ["postgresql://u:p@a:1/db?x=1", "postgresql://u:p@b:2/db?x=1"]),
        ("postgresql://a,b,c/db", ["postgresql://a/db", "postgresql://b/db", "postgresql://c/db"]),
        ("postgresql://u:p@/db?host=/run/pg&port=1", ["postgresql://u:p@/db?host=/run/pg&port=1"]),
        ("postgresql://a,b/db?target_session_attrs=any", ["postgresql://a,b/db?target_session_attrs=any"]),
    ],
)
def test_a_dsn_is_cut_into_one_for_each_host(dsn: str, each: list[str]) -> None:
    assert hosts.each_host(dsn) == each


def on_a_pool(dsn: str, work: Callable[[db.Pool], Awaitable[Any]], **settings: Any) -> Any:
    async def run() -> Any:
        async with db.pool(dsn, size=1, wait_seconds=0.2, **settings) as pool:
            return await work(pool)

    return asyncio.run(run())


def test_no_host_that_is_a_primary_is_told_in_a_sentence(dsn: str) -> None:
    with pytest.raises(hosts.NoSuchHost, match="no host of the database is its standby now"):
        asyncio.run(hosts.connect(dsn, role="standby"))


def test_a_wrong_password_is_told_rather_than_a_host_that_is_away() -> None:
    with socket.create_server(("127.0.0.1", 0)) as port:
        closed = port.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        asyncio.run(hosts.connect(f"postgresql://u:p@127.0.0.1:{closed},127.0.0.1:{closed}/db"))
    failures = [ConnectionRefusedError(), asyncpg.InvalidPasswordError("wrong"), TimeoutError()]
    assert hosts._reason(failures, "primary") is failures[1]


def test_a_transaction_whose_connection_is_lost_before_commit_is_away(dsn: str) -> None:
    async def work(pool: db.Pool) -> None:
        with pytest.raises(Away):
            async with pool.acquire() as conn, conn.transaction():
                await conn.execute(END_OURSELVES)
        assert await pool.fetchval("SELECT 1") == 1, "the pool goes on with another connection"

    on_a_pool(dsn, work)


def test_a_refusal_stays_a_refusal_when_the_rollback_finds_no_server(dsn: str) -> None:
    async def refuse(pool: db.Pool) -> None:
        async with pool.acquire() as conn, conn.transaction():
            with suppress(*db.GONE):
                await conn.execute(END_OURSELVES)
            raise KeyError

    with pytest.raises(KeyError):
        on_a_pool(dsn, refuse)


def test_of_a_server_that_dies_at_commit_nobody_knows(dsn: str) -> None:
    async def work(pool: db.Pool) -> None:
        await pool.execute(
            """CREATE TABLE written (n integer);
               CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql
               AS $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;
               CREATE CONSTRAINT TRIGGER dies AFTER INSERT ON written DEFERRABLE INITIALLY DEFERRED
               FOR EACH ROW EXECUTE FUNCTION die()"""
        )
        with pytest.raises(db.GONE):
            async with pool.acquire() as conn, conn.transaction():
                await conn.execute("INSERT INTO written VALUES (1)")

    on_a_pool(dsn, work)


def test_a_server_that_became_read_only_is_left_by_the_whole_pool(dsn: str) -> None:
    async def work(pool: db.Pool) -> tuple[int, int]:
        before = await pool.fetchval("SELECT pg_backend_pid()")
        with pytest.raises(Away):
            async with pool.acquire() as conn, conn.transaction(readonly=True):
                await conn.execute("CREATE TABLE t (n integer)")
        return before, await pool.fetchval("SELECT pg_backend_pid()")

    before, after = on_a_pool(dsn, work)
    assert before != after


def flushes_of(*outcomes: Any) -> tuple[list[Sequence[int]], list[Any]]:
    """The flushes, and the answers, of three items that are flushed together with these outcomes."""
    flushes: list[Sequence[int]] = []
    left = list(outcomes)

    async def flush(items: Sequence[int]) -> list[Answer[int]]:
        flushes.append(items)
        outcome = left.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return [item * 10 for item in items]

    async def run() -> list[Any]:
        coalescer: Coalescer[int, int] = Coalescer(flush)
        return await asyncio.gather(*(coalescer.do(n) for n in (1, 2, 3)), return_exceptions=True)

    return flushes, asyncio.run(run())


def test_a_flush_that_may_be_written_is_never_repeated() -> None:
    lost = asyncpg.ConnectionDoesNotExistError("lost")
    assert flushes_of(lost) == ([[1, 2, 3]], [lost, lost, lost])


def test_a_flush_that_was_rolled_back_is_repeated_once_as_a_whole() -> None:
    assert flushes_of(Away(), "done") == ([[1, 2, 3]] * 2, [10, 20, 30])
    flushes, answers = flushes_of(Away(), Away())
    assert len(flushes) == 2
    assert all(isinstance(answer, Away) for answer in answers)
