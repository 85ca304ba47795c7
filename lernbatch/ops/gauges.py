"""The metrics page: what the processes counted, and how long the queues in the database are at this moment."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector

from lernbatch import metrics
from lernbatch.database import db
from lernbatch.database.db import Pool
from lernbatch.ops.health import Q
from lernbatch.services import Services

COUNTED_AT_MOST = 100_000
POOL_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class QueueLength:
    queue: str
    parked: bool
    length: int
    oldest_at: datetime


@dataclass(frozen=True, slots=True)
class JobState:
    kind: str
    running: bool | None
    failures: int
    last_run_at: datetime | None


async def page(services: Services) -> bytes:
    """All metrics in Prometheus' text form; without the queues when the database does not answer."""
    counted: CollectorRegistry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        counted = CollectorRegistry()
        MultiProcessCollector(counted)  # type: ignore[no-untyped-call]
    watch_pool(services.pool)
    page = generate_latest(counted)
    with suppress(*db.UNREACHABLE):
        now = services.clock.now()
        async with asyncio.timeout(3), services.pool.acquire() as conn:
            queues = await db.all(conn, QueueLength, Q.queue_lengths, bound=COUNTED_AT_MOST)
            jobs = await db.all(conn, JobState, Q.jobs, now=now)
        shown = CollectorRegistry()
        shown.register(_Now([*queue_metrics(queues, now), *job_metrics(jobs, now)]))
        page += generate_latest(shown)
    return page


class _Now:
    """A collector of metrics that are already there."""

    def __init__(self, collected: list[Metric]) -> None:
        self._collected = collected

    def collect(self) -> Iterable[Metric]:
        return self._collected


def queue_metrics(queues: list[QueueLength], now: datetime) -> Iterable[Metric]:
    """How many rows wait or are parked in each queue, and for how many seconds its first one has been due."""
    length = GaugeMetricFamily("lernbatch_queue_length", "Rows that wait, or were given up", labels=["queue", "state"])
    age = GaugeMetricFamily("lernbatch_queue_late_seconds", "How long the first has been due", labels=["queue"])
    by_state = {(queue.queue, queue.parked): queue for queue in queues}
    for name in ("outbox", "certificate_due"):
        for parked, state in ((False, "waiting"), (True, "parked")):
            queue = by_state.get((name, parked))
            length.add_metric([name, state], queue.length if queue else 0)
        waiting = by_state.get((name, False))
        age.add_metric([name], max((now - waiting.oldest_at).total_seconds(), 0) if waiting else 0)
    return length, age


def job_metrics(jobs: list[JobState], now: datetime) -> Iterable[Metric]:
    """Of each job whether it runs, how often it failed in a row, and how many seconds ago it ran."""
    running = GaugeMetricFamily("lernbatch_job_running", "Whether a process holds the job's lease", labels=["kind"])
    failures = GaugeMetricFamily("lernbatch_job_failures", "Failed runs since the last good one", labels=["kind"])
    since = GaugeMetricFamily("lernbatch_job_last_run_seconds", "Time since the job's last run", labels=["kind"])
    for job in jobs:
        running.add_metric([job.kind], bool(job.running))
        failures.add_metric([job.kind], job.failures)
        if job.last_run_at is not None:
            since.add_metric([job.kind], (now - job.last_run_at).total_seconds())
    return running, failures, since


def watch_pool(pool: Pool) -> None:
    """Note the state of this process's pool."""
    metrics.POOL_SIZE.set(pool.get_size())
    metrics.POOL_IDLE.set(pool.get_idle_size())


@asynccontextmanager
async def watching(pool: Pool) -> AsyncIterator[None]:
    """Note it every few seconds until the block ends: any process may be asked for the sum of all."""

    async def watch() -> None:
        while True:
            watch_pool(pool)
            await asyncio.sleep(POOL_SECONDS)

    task = asyncio.create_task(watch())
    try:
        yield
    finally:
        task.cancel()
