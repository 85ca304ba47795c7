"""What an action may need: built once at start, passed on."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

if TYPE_CHECKING:  # the composition in app.py makes them; the ground knows their types alone
    from lernbatch.clock import Clock
    from lernbatch.config import Config
    from lernbatch.course.cache import CourseCache
    from lernbatch.database.coalescer import Coalescers
    from lernbatch.database.db import Pool
    from lernbatch.database.nodes import Nodes
    from lernbatch.database.reports import Reports
    from lernbatch.inbox.consumer import Consumer
    from lernbatch.jobs.outbox.kafka import Producer
    from lernbatch.sunbird import Sunbird
    from lernbatch.web.audit import Refusals
    from lernbatch.web.envelope import Bodies
    from lernbatch.web.fragments import Fragments
    from lernbatch.web.rates import Rates
    from lernbatch.web.tokens import TokenVerifier
    from lernbatch.webhook.client import WebhookClient


class JobSignal:
    """A hint to this process's jobs that something may have become due. Nothing depends on its arrival."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def now(self) -> None:
        """Wake everybody who waits."""
        self._event.set()
        self._event = asyncio.Event()

    async def wait(self, timeout_seconds: float) -> None:
        """Until woken, or until the time is over."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._event.wait(), timeout_seconds)


@dataclass(frozen=True, slots=True)
class Services:
    """The things a process holds."""

    config: Config
    clock: Clock
    pool: Pool
    reports: Reports  # for long reads
    tokens: TokenVerifier
    sunbird: Sunbird
    kafka: Producer
    consumer: Consumer
    webhooks: WebhookClient
    wake: JobSignal
    coalescers: Coalescers
    bodies: Bodies
    courses: CourseCache
    fragments: Fragments
    refusals: Refusals
    rates: Rates
    file_reading: asyncio.Semaphore  # large files are read one after the other: each takes a processor for seconds
    nodes: Nodes | None = None  # those of Citus; None: it is plain PostgreSQL
    batch_locks: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary)  # who changes one

    def near(self, user_id: str) -> Pool:
        """Where a learner's own rows are read and written soonest; what tells others of it is written in `pool`."""
        return self.pool if self.nodes is None else self.nodes.pool_of(user_id)
