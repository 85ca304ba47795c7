"""The metrics page: what the processes counted, and how long the queues in the database are at this moment."""

from __future__ import annotations

import asyncio
import os
import platform
import struct
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector

from lernbatch import __version__, metrics
from lernbatch.database import db
from lernbatch.database.db import Pool
from lernbatch.ops import recent
from lernbatch.ops.health import Q
from lernbatch.services import Services

COUNTED_AT_MOST = 100_000
WATCH_SECONDS = 5.0
# How the library fails at a file that is empty, cut off, holds something else, or is gone.
NOT_WHOLE = (struct.error, ValueError, RuntimeError, LookupError, OSError)


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


class WholeFiles(MultiProcessCollector):
    """What all processes have counted, each in files of its own; one that is not whole is passed over.

    A process that has just begun has made a file and written nothing into it, and one that was killed may have left
    such a file. The library fails at it, and with it every scrape of that moment, or of all that follow.
    """

    def __init__(self, registry: CollectorRegistry | None, folder: str | None = None) -> None:
        super().__init__(registry, folder)  # type: ignore[no-untyped-call]

    def collect(self) -> Iterable[Metric]:
        files = [str(file) for file in Path(self._path).glob("*.db")]
        try:
            return self._merged(files)
        except NOT_WHOLE:
            return self._merged([file for file in files if self._is_whole(file)])

    def _is_whole(self, file: str) -> bool:
        try:
            self._merged([file])
        except NOT_WHOLE:
            return False
        return True

    def _merged(self, files: list[str]) -> Iterable[Metric]:
        merged: Iterable[Metric] = self.merge(files)  # type: ignore[no-untyped-call]
        return merged


async def page(services: Services) -> bytes:
    """All metrics in Prometheus' text form; without the queues when the database does not answer."""
    watch_process(services.pool)
    page = generate_latest(of_all_processes())
    with suppress(*db.UNREACHABLE):
        now = services.clock.now()
        async with asyncio.timeout(3), services.pool.acquire() as conn:
            queues = await db.all(conn, QueueLength, Q.queue_lengths, bound=COUNTED_AT_MOST)
            jobs = await db.all(conn, JobState, Q.jobs, now=now)
        shown = CollectorRegistry()
        shown.register(_Now([*queue_metrics(queues, now), *job_metrics(jobs, now)]))
        page += generate_latest(shown)
    return page


def of_all_processes() -> CollectorRegistry:
    """What every process has counted; where there is but one, what this one has."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    counted = CollectorRegistry()
    WholeFiles(counted)
    return counted


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
    for name in ("outbox", "certificate_due", "inbox"):
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


def watch_process(pool: Pool) -> None:
    """Note the state of this process: its pool, its memory, its processor time."""
    metrics.POOL_SIZE.set(pool.get_size())
    metrics.POOL_IDLE.set(pool.get_idle_size())
    metrics.PROCESSES.set(1)
    metrics.BUILD.labels(__version__, platform.python_version()).set(1)
    metrics.PROCESSOR.set(time.process_time())
    with suppress(OSError):  # other systems than Linux have no such files
        metrics.MEMORY.set(int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
        metrics.OPEN_FILES.set(len(os.listdir("/proc/self/fd")))


@asynccontextmanager
async def watching(pool: Pool) -> AsyncIterator[None]:
    """Note it every few seconds until the block ends: any process may be asked for the sum of all; and once a minute
    that sum.
    """

    async def watch() -> None:
        minute_at = 0.0
        while True:
            watch_process(pool)
            if time.monotonic() >= minute_at + recent.MINUTE_SECONDS:
                minute_at = time.monotonic()
                await asyncio.to_thread(lambda: recent.note(of_all_processes().collect()))
            await asyncio.sleep(WATCH_SECONDS)

    task = asyncio.create_task(watch())
    try:
        yield
    finally:
        task.cancel()
