"""Citus: the same database on several machines, the rows of each learner on one of them. See docs/citus.md."""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg

from lernbatch.database import hosts, shards
from lernbatch.database.distribution import DISTRIBUTION, Placement, tables
from lernbatch.database.shards import Shards
from lernbatch.errors import Unusable

SHARDS = 32  # two to four times as many as there will ever be nodes: what asks all learners asks every shard
_INSTALLED = "SELECT extversion FROM pg_extension WHERE extname = 'citus'"
_TELLS_VENDOR = "SELECT coalesce(current_setting('citus.enable_statistics_collection', true), 'off') = 'on'"
_FIRST = "SELECT create_distributed_table($1, 'user_id', shard_count => $2::int)"
_BESIDE = "SELECT create_distributed_table($1, 'user_id', colocate_with => $2)"
_TABLES = "SELECT table_name::text AS name, citus_table_type AS kind FROM citus_tables"
_NODES = """
  SELECT node.nodename || ':' || node.nodeport AS address, node.isactive AS active, count(shard.shardid) AS shards
    FROM pg_dist_node node
    LEFT JOIN citus_shards shard
           ON shard.nodename = node.nodename AND shard.nodeport = node.nodeport
          AND shard.table_name = to_regclass('enrolment')
   WHERE node.noderole = 'primary'
GROUP BY 1, 2
ORDER BY 1"""


@dataclass(frozen=True, slots=True)
class ClusterNode:
    """A node of the cluster. `shards`: how many of the shards of enrolments it holds."""

    address: str
    active: bool
    shards: int


async def version(conn: asyncpg.Connection) -> str | None:
    """The version of Citus in this database; None: it is plain PostgreSQL."""
    installed: str | None = await conn.fetchval(_INSTALLED)
    return installed


async def check_coordinator(conn: asyncpg.Connection) -> None:
    """Nothing may be made or changed through a worker: its tables would be its own.

    Raises: Unusable.
    """
    if await version(conn) is not None and not await conn.fetchval("SELECT citus_is_coordinator()"):
        raise Unusable("This is a worker of Citus; LERNBATCH_DATABASE_URL must name the coordinator.")


async def shards_of(dsn: str) -> Shards | None:
    """The shards of this database; None: it is plain PostgreSQL, or its tables are not distributed."""
    conn = await hosts.connect(dsn)
    try:
        return await shards.read(conn)
    finally:
        await conn.close()


async def distribute(dsn: str, shard_count: int = SHARDS) -> list[str]:
    """Give each table the kind that it should have; returns those that had another. Rows that it has go along.

    `shard_count`: counts where nothing is distributed yet. Several processes may do this at once.
    Raises: Unusable, where there is no Citus, on a worker, or when a table is of a kind that cannot be changed.
    """
    conn = await hosts.connect(dsn)
    try:
        if await version(conn) is None:
            raise Unusable("This database has no Citus: run CREATE EXTENSION citus on every node, and add the nodes.")
        await check_coordinator(conn)
        if await conn.fetchval(_TELLS_VENDOR):
            raise Unusable("Citus tells its vendor about this cluster: set citus.enable_statistics_collection = off.")
        await conn.execute("SELECT pg_advisory_lock(hashtext('lernbatch.distribute'))")  # until the connection ends
        if wrong := await misplaced(conn, of_plain_tables=False):
            raise Unusable(f"{'; '.join(wrong)}: run undistribute_table() first.")
        there = {row["name"] for row in await conn.fetch(_TABLES)}
        lacking = [name for name in (*tables(Placement.REFERENCE), *tables(Placement.DISTRIBUTED)) if name not in there]
        first, *_ = tables(Placement.DISTRIBUTED)
        for table in lacking:
            async with conn.transaction():
                if DISTRIBUTION[table] is Placement.REFERENCE:
                    await conn.execute("SELECT create_reference_table($1)", table)
                elif table == first:
                    await conn.execute(_FIRST, table, shard_count)
                else:
                    await conn.execute(_BESIDE, table, first)
                await conn.execute("SELECT truncate_local_data_after_distributing_table($1)", table)
        return lacking
    finally:
        await conn.close()


async def misplaced(conn: asyncpg.Connection, *, of_plain_tables: bool = True) -> list[str]:
    """The tables that are not of the kind that they should have, a sentence each; on plain PostgreSQL none.

    `of_plain_tables` False: without those that nobody has distributed yet.
    """
    kinds = {row["name"]: row["kind"] for row in await conn.fetch(_TABLES)}
    return [
        f"{table} is {kinds.get(table, 'local')} instead of {kind}"
        for table, kind in DISTRIBUTION.items()
        if kinds.get(table, "local") != kind and (of_plain_tables or table in kinds)
    ]


async def nodes(conn: asyncpg.Connection) -> list[ClusterNode]:
    """The nodes of the cluster, with the shards that they hold."""
    return [ClusterNode(*row) for row in await conn.fetch(_NODES)]
