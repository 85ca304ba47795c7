"""The nodes of a Citus, each with a pool: what concerns one learner goes straight to the node that has the rows.

Only the coordinator has the outbox and the queues, so what writes there goes through it: a learner's events have one
order. Any node answers for any learner, so that a map that is a moment old costs a detour, and no more.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from lernbatch import log
from lernbatch.config import Config
from lernbatch.database import db, hosts, shards
from lernbatch.database.db import Pool
from lernbatch.database.shards import Shards

READ_AGAIN_SECONDS = 10  # after a shard was moved or split, or a node's standby took over under another address


class Nodes:
    """Which node and which shard have a learner's rows."""

    def __init__(self, config: Config, dsn: str, held: Shards) -> None:
        self._config, self._dsn = config, dsn
        self._shards = held
        self._pools: dict[str, Pool] = {}
        self._opened = AsyncExitStack()

    def shard_of(self, user_id: str) -> int:
        return self._shards.of(user_id)

    def pool_of(self, user_id: str) -> Pool:
        return self._pools[self._shards.address_of(user_id)]

    def pools(self) -> dict[str, Pool]:
        """The pool of each node that has learners, by its address."""
        return {address: self._pools[address] for address in sorted(set(self._shards.addresses))}

    async def use(self, held: Shards) -> None:
        """From now on these shards count; nodes that are new get a pool, those that are away are not waited for."""
        for address in set(held.addresses) - set(self._pools):
            config = self._config
            self._pools[address] = await self._opened.enter_async_context(
                db.pool(
                    hosts.at_address(self._dsn, address),
                    size=config.pool_size,
                    statement_timeout_seconds=config.statement_timeout_seconds,
                    wait_seconds=config.pool_wait_seconds,
                    sharded=True,
                    eager=False,
                )
            )
        self._shards = held

    async def watch(self, coordinator: Pool) -> None:
        """Read the map again and again."""
        while True:
            await asyncio.sleep(READ_AGAIN_SECONDS)
            try:
                held = await shards.read(coordinator)
            except db.UNREACHABLE as trouble:
                log.warning("the shards cannot be read now; those of before count", error=repr(trouble))
                continue
            if held is not None and held != self._shards:
                await self.use(held)

    @classmethod
    @asynccontextmanager
    async def opened(cls, config: Config, dsn: str, held: Shards, coordinator: Pool) -> AsyncIterator[Nodes]:
        """The nodes with their pools, as long as this is open."""
        nodes = cls(config, dsn, held)
        async with nodes._opened:
            await nodes.use(held)
            watching = asyncio.create_task(nodes.watch(coordinator))
            try:
                yield nodes
            finally:
                watching.cancel()
                with suppress(asyncio.CancelledError):
                    await watching
