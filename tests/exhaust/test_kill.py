"""Workers that are killed at every stage: the request ends in one correct file all the same."""

from __future__ import annotations

import csv
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import asyncpg
import pytest

from tests.people import HOME_ORG
from tests.reporting import Reporting, unzipped
from tests.running import Running

WAIT_SECONDS = 300
MANY = 12_000


@pytest.fixture
def large(own: Running) -> Reporting:
    """A batch with many learners, all of them known."""
    made = Reporting(own)
    own.sql(
        """INSERT INTO enrolment (user_id, batch_id, course_id, active, enrolled_at, updated_at)
           SELECT 'u' || n, $1, $2, true, now(), now() FROM generate_series(1, $3::int) AS n""",
        made.batch_id,
        made.course_id,
        MANY,
    )
    own.sql(
        """INSERT INTO profile (user_id, root_org_id, fetched_at)
           SELECT 'u' || n, $1, now() FROM generate_series(1, $2::int) AS n""",
        HOME_ORG,
        MANY,
    )
    return made


@contextmanager
def worker(own: Running, dsn: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker process of its own, killed at the end if it still lives."""
    settings = {
        "LERNBATCH_DATABASE_URL": dsn,
        "LERNBATCH_HOME": str(own.config.home),
        "LERNBATCH_LOG_LEVEL": "error",
    }
    command = [sys.executable, "-m", "lernbatch", "worker"]
    process = subprocess.Popen(command, env={**os.environ, **settings}, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait(WAIT_SECONDS)


def until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while not holds():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.005)


def state(own: Running) -> asyncpg.Record:
    (row,) = own.sql("SELECT status, rows_done, deliveries, batch_ids, request_id FROM exhaust_request")
    return row


@contextmanager
def held(own: Running, *statements: str) -> Iterator[list[asyncpg.Connection]]:
    """Statements of transactions that stay open until the block ends, each on a connection of its own."""

    async def open_all() -> list[asyncpg.Connection]:
        connections = []
        for statement in statements:
            conn = await asyncpg.connect(dsn_of(own))
            connections.append(conn)
            await conn.execute("BEGIN")
            await conn.execute(statement)
        return connections

    async def close_all(connections: list[asyncpg.Connection]) -> None:
        for conn in connections:
            await conn.close()

    opened = own.run(open_all())
    try:
        yield opened
    finally:
        own.run(close_all(opened))


def dsn_of(own: Running) -> str:
    return str(own.services.pool._connect_args[0])


def finish(reporting: Reporting, expected: dict[str, int]) -> None:
    """Let another worker end the request, and look at its files: the learners of each batch, each once."""
    own = reporting.service
    own.clock.move(minutes=2)  # past the dead worker's lease
    reporting.work()
    row = state(own)
    assert row["status"] == "SUCCESS"
    folder = own.config.home / "files" / "progress-exhaust" / row["request_id"]
    paths = {one["batchId"]: own.config.home / "files" / one["filePath"] for one in row["deliveries"]}
    assert sorted(os.listdir(folder)) == sorted([*(path.name for path in paths.values()), "manifest.json"])
    for batch_id, learners in expected.items():
        text = unzipped(paths[batch_id].read_bytes()).decode()
        found = [line["User UUID"] for line in csv.DictReader(io.StringIO(text))]
        assert (len(found), len(set(found))) == (learners, learners)


def kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait(WAIT_SECONDS)


@pytest.mark.real
def test_killed_when_it_has_claimed(own: Running, large: Reporting, dsn: str) -> None:
    large.submit()
    with held(own, "LOCK TABLE profile"), worker(own, dsn) as process:
        until(lambda: state(own)["status"] == "PROCESSING")
        kill(process)
    finish(large, {large.batch_id: MANY})


def test_killed_while_it_streams(own: Running, large: Reporting, dsn: str) -> None:
    large.submit()
    part = own.config.home / "files" / "progress-exhaust"
    with worker(own, dsn) as process:
        until(lambda: any(part.glob("*/*")))
        kill(process)
    assert state(own)["deliveries"] == []
    finish(large, {large.batch_id: MANY})


@pytest.mark.real
def test_killed_when_the_file_is_stored_but_not_noted(own: Running, large: Reporting, dsn: str) -> None:
    large.submit()
    files = own.config.home / "files" / "progress-exhaust"
    with held(own, "LOCK TABLE profile") as (profiles,), worker(own, dsn) as process:
        until(lambda: state(own)["batch_ids"])
        with held(own, "SELECT FROM exhaust_request FOR UPDATE"):
            own.run(profiles.execute("ROLLBACK"))
            until(lambda: any(files.glob("*/*.zip")))
            kill(process)
            # What the dead worker asked for last would still be done, were its connections not cut with it.
            own.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    assert state(own)["deliveries"] == []
    finish(large, {large.batch_id: MANY})


@pytest.mark.real
def test_killed_between_two_files(own: Running, large: Reporting, dsn: str) -> None:
    small = Reporting(own)
    small.enrol("u1")
    large.submit(datasetConfig={"batchFilter": [small.batch_id, large.batch_id]})
    with worker(own, dsn) as process:
        until(lambda: state(own)["deliveries"])
        kill(process)
    assert [one["batchId"] for one in state(own)["deliveries"]] == [small.batch_id]
    finish(large, {small.batch_id: 1, large.batch_id: MANY})
