"""A primary and its streaming standby, for tests of what happens when the one becomes the other."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg

from postgres_supervisor import embedded
from postgres_supervisor.address import free_port
from postgres_supervisor.binaries import binaries
from postgres_supervisor.cluster import Cluster

PATIENCE_SECONDS = 300
# The machine itself does not fail, so its memory of files is as good as its disk.
OPTIONS = {"fsync": "off", "shared_buffers": "32MB", "max_connections": "60", "wal_keep_size": "256MB"}


class Server:
    """One PostgreSQL on a loopback port."""

    def __init__(self, home: Path) -> None:
        programs = os.environ.get("LERNBATCH_PG_BIN")
        self.cluster = Cluster(embedded._folder(home), binaries(Path(programs) if programs else None))
        self.port = free_port()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def dsn(self, *others: Server) -> str:
        hosts = ",".join(server.host for server in (self, *others))
        return f"postgresql://lernbatch:{self.cluster.password}@{hosts}/lernbatch"

    def start(self) -> None:
        self.cluster.start(self.port, OPTIONS)

    def kill(self) -> None:
        """As a machine that loses its power."""
        postmaster = self.cluster.postmaster()
        assert postmaster is not None
        os.kill(postmaster.pid, signal.SIGKILL)
        self.cluster.processes.kill()

    def ask(self, statement: str, *arguments: object, database: str = "lernbatch") -> Any:
        """The first value of a statement's answer."""

        async def fetch() -> Any:
            conn = await asyncpg.connect(self.dsn(), database=database)
            try:
                return await conn.fetchval(statement, *arguments)
            finally:
                await conn.close()

        return asyncio.run(fetch())

    def wait_until(self, condition: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self.ask(f"SELECT {condition}"):
            assert time.monotonic() < deadline, condition
            time.sleep(0.05)


def follow(primary: Server, home: Path) -> Server:
    """A standby of `primary`, made from it while it runs. The primary waits for it at every commit from now on."""
    standby = Server(home)
    (standby.cluster.folder / "password").write_text(primary.cluster.password)
    data = standby.cluster.folder / "copy"
    address = f"host=127.0.0.1 port={primary.port} user=lernbatch password={primary.cluster.password}"
    data.mkdir(mode=0o700)
    os.chown(data, *standby.cluster.processes.owner())
    words = ["-D", str(data), "-d", address, "-R", "-X", "stream", "-c", "fast", "--no-sync"]
    copied = standby.cluster.processes.run("pg_basebackup", *words)
    assert copied.returncode == 0, copied.stderr
    data.rename(standby.cluster.data)
    standby.start()
    for statement in ("ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()"):
        primary.ask(statement)
    primary.wait_until("EXISTS (SELECT FROM pg_stat_replication WHERE sync_state = 'sync')")
    return standby


@contextmanager
def primary_server(home: Path) -> Iterator[Server]:
    """A server of its own, which nothing starts again when it dies."""
    server = Server(home)
    server.cluster.create()
    server.start()
    try:
        server.ask("CREATE DATABASE lernbatch", database="postgres")
        yield server
    finally:
        server.cluster.stop()


@contextmanager
def standby_of(primary: Server, home: Path) -> Iterator[Server]:
    standby = follow(primary, home)
    try:
        yield standby
    finally:
        standby.cluster.stop()
