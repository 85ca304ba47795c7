"""A Citus of several nodes that LERNBATCH_TEST_CITUS_URL names, for tests on it: databases of its own, on every node.

The URL is the coordinator's, of a superuser, with the database where the nodes are registered; it is only read.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg

import sandbox
from lernbatch.database import citus
from lernbatch.database.migrate import migrate
from tests.running import named
from tests.seeds import seed

URL = os.environ.get("LERNBATCH_TEST_CITUS_URL")
SHARDS = 4
_NODES = "SELECT nodename, nodeport FROM pg_dist_node WHERE groupid > 0 AND noderole = 'primary' ORDER BY groupid"
_END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()"


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run `work` in a thread: that of the tests has a loop of Playwright's while a browser is open."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def at(dsn: str, address: str) -> str:
    """The same database at another node."""
    url = urlsplit(dsn)
    return urlunsplit(url._replace(netloc=f"{url.netloc.rpartition('@')[0]}@{address}"))


async def fetch(dsn: str, text: str, *arguments: object) -> list[Any]:
    conn = await asyncpg.connect(dsn)
    try:
        return list(await conn.fetch(text, *arguments))
    finally:
        await conn.close()


async def execute(dsn: str, *statements: str) -> None:
    conn = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            await conn.execute(statement)
    finally:
        await conn.close()


def workers(url: str) -> list[str]:
    """`host:port` of each."""
    return [f"{host}:{port}" for host, port in run(fetch(url, _NODES))]


def nodes(url: str) -> list[str]:
    """A DSN of each node, the coordinator's first."""
    return [url, *(at(url, address) for address in workers(url))]


def make(url: str, name: str, *, shards: int = SHARDS) -> str:
    """A database on every node, with distributed tables and the sandbox's data; the coordinator's DSN."""

    async def work(addresses: list[str]) -> None:
        for node in (url, *(at(url, address) for address in addresses)):
            await execute(node, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", f"CREATE DATABASE {name}")
            await execute(named(node, name), "CREATE EXTENSION citus")
        coordinator = urlsplit(url)
        await fetch(dsn, "SELECT citus_set_coordinator_host($1, $2)", coordinator.hostname, coordinator.port)
        for address in addresses:
            host, _, port = address.rpartition(":")
            await fetch(dsn, "SELECT citus_add_node($1, $2)", host, int(port))
        await migrate(dsn)
        await citus.distribute(dsn, shards)
        await migrate(dsn, sandbox.MIGRATIONS)
        await seed(dsn)

    dsn = named(url, name)
    run(work(workers(url)))
    return dsn


def clone(url: str, template: str, name: str) -> None:
    """The same with a copy of `template` on every node: what Citus knows of it is copied with it."""

    async def work(node: str) -> None:
        for _ in range(50):  # its maintenance daemon comes back at once
            await fetch(node, _END, template)
            try:
                await execute(
                    node, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", f"CREATE DATABASE {name} TEMPLATE {template}"
                )
            except asyncpg.ObjectInUseError:
                continue
            return
        raise AssertionError(f"the template {template} is in use on a node")

    for node in nodes(url):
        run(work(node))


def drop(url: str, name: str) -> None:
    for node in nodes(url):
        run(execute(node, f"DROP DATABASE {name} WITH (FORCE)"))


def close(url: str, name: str, address: str) -> None:
    """As if this node had stopped, for this database alone: it ends every connection and takes none."""
    node = at(url, address)
    run(execute(node, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
    run(fetch(node, _END, name))


def reopen(url: str, name: str, address: str) -> None:
    run(execute(at(url, address), f"ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
