"""Background work: runs what `schedule.py` lists, under leases that a killed process's twin takes over.

The queue of a job is the table of what is due (`batch.due_on`, `certificate_due`, …): a run claims a bounded set of
due rows, does them in one transaction and says how many; it is run again until none is left. See
docs/decisions/0006-due-rows-are-the-queue.md.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

import asyncpg

from lernbatch import log, metrics, spans
from lernbatch.config import Config
from lernbatch.database import db, sql
from lernbatch.errors import Away
from lernbatch.jobs.leases import heartbeat
from lernbatch.jobs.pauses import pause_after
from lernbatch.services import Services
from lernbatch.sunbird.http import IN_JOB

Q = sql.load("lernbatch.jobs")
OWNER = f"{os.getpid()}-{uuid4().hex[:8]}"
AWAY_SECONDS = 5.0  # before the database is looked for again
LONGEST_PAUSE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Job:
    """A kind of background work.

    `run` does one bounded set and returns how many it did; 0: nothing is due.
    `every_seconds`: how often it is looked for, or which setting says so. `together`: several processes may run it at
    once, because its rows carry leases of their own (or SKIP LOCKED keeps them apart). `heavy`: it takes the processor
    for seconds, so that several processes of one service leave it to one that answers nobody.
    """

    kind: str
    run: Callable[[Services], Awaitable[int]]
    every_seconds: float | Callable[[Config], float]
    together: bool = False
    heavy: bool = False

    def pause_seconds(self, config: Config) -> float:
        return self.every_seconds if isinstance(self.every_seconds, float | int) else self.every_seconds(config)


@asynccontextmanager
async def running(services: Services, jobs: Sequence[Job]) -> AsyncIterator[None]:
    """`jobs`, until the block ends; then what is under way is finished and its leases are given back."""
    stop = asyncio.Event()
    tasks = [asyncio.create_task(_keep(services, job, stop)) for job in jobs]
    try:
        yield
    finally:
        stop.set()
        services.wake.now()
        await asyncio.gather(*tasks)


async def work(services: Services, jobs: Sequence[Job], parent: int | None = None) -> None:
    """Work on `jobs` alone until SIGTERM, or until the process at the other end of pipe `parent` is gone."""
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stopped.set)
    if parent is not None:
        loop.add_reader(parent, stopped.set)
    async with running(services, jobs):
        await stopped.wait()
        if parent is not None:
            loop.remove_reader(parent)


async def run_now(services: Services, job: Job) -> int:
    """Run `job` by hand until nothing is due, beside whatever else runs; how many things it did."""
    total = 0
    while done := await job.run(services):
        total += done
    return total


async def run_soon(services: Services, kind: str) -> None:
    """Have the job of that kind run at the next look of a worker, which is within seconds."""
    await db.run(services.pool, Q.run_soon, kind=kind, now=services.clock.now())
    services.wake.now()


async def _keep(services: Services, job: Job, stop: asyncio.Event) -> None:
    IN_JOB.set(True)  # of this task, and of what it starts
    while not stop.is_set():
        log.bind()  # the ids of the last run are not the next one's
        pause = await (_run if job.together else _run_leased)(services, job, stop)
        if not stop.is_set():
            await services.wake.wait(pause)


async def _run(services: Services, job: Job, stop: asyncio.Event) -> float:
    """Run until nothing is due; the seconds to wait before the next look."""
    try:
        await _run_until_done(services, job, stop)
    except (Away, *db.GONE) as away:
        log.warning("the database is away", kind=job.kind, error=repr(away.__cause__ or away))
        return AWAY_SECONDS
    except Exception as error:  # noqa: BLE001 - a failing job must not end the worker; it is logged and retried
        log.exception("job failed", error, kind=job.kind)
        metrics.JOB_RUNS.labels(job.kind, "failed").inc()
        return max(job.pause_seconds(services.config), 5)
    return job.pause_seconds(services.config)


async def _run_until_done(services: Services, job: Job, stop: asyncio.Event) -> int:
    began, total = time.perf_counter(), 0
    async with spans.of_job(job.kind) as span:
        while not stop.is_set() and (done := await job.run(services)):
            total += done
        if span is not None:
            span.set_attribute("lernbatch.count", total)
    if total:
        seconds = time.perf_counter() - began
        metrics.JOB_ITEMS.labels(job.kind).inc(total)
        metrics.JOB_SECONDS.labels(job.kind).observe(seconds)
        log.info("job done", kind=job.kind, count=total, seconds=round(seconds, 3))
    metrics.JOB_RUNS.labels(job.kind, "done").inc()
    return total


async def _run_leased(services: Services, job: Job, stop: asyncio.Event) -> float:
    """As `_run`, if the lease of this kind can be had."""
    now = services.clock.now()
    lease = timedelta(seconds=services.config.lease_seconds)
    pool = services.pool
    try:
        claimed = await db.value(pool, Q.claim_job, kind=job.kind, now=now, owner=OWNER, until=now + lease)
        if claimed is None:
            return min(job.pause_seconds(services.config), 15)
        failures: int = await db.value(pool, Q.job_failures, kind=job.kind) or 0

        async def renew() -> None:
            await db.run(pool, Q.renew_job, kind=job.kind, owner=OWNER, until=services.clock.now() + lease)

        count, error = 0, None
        async with heartbeat(lease.total_seconds() / 3, renew, kind=job.kind):
            try:
                count = await _run_until_done(services, job, stop)
                failures = 0
            except Exception as wrong:  # noqa: BLE001 - recorded with the job and retried with growing pauses
                log.exception("job failed", wrong, kind=job.kind)
                metrics.JOB_RUNS.labels(job.kind, "failed").inc()
                failures, error = failures + 1, repr(wrong)[:1000]
        if error is None:
            pause = timedelta(seconds=job.pause_seconds(services.config))
        else:
            pause = pause_after(failures, LONGEST_PAUSE)
        now = services.clock.now()
        await db.run(
            pool,
            Q.finish_job,
            kind=job.kind,
            owner=OWNER,
            now=now,
            next_run_at=now + pause,
            count=count,
            failures=failures,
            error=error,
        )
    except (Away, *db.GONE) as away:
        log.warning("the database is away", kind=job.kind, error=repr(away.__cause__ or away))
        return AWAY_SECONDS
    except db.UNREACHABLE as unreachable:
        # A table that is not there, for one, is no database that is away.
        is_there = isinstance(unreachable, asyncpg.PostgresError) and not isinstance(unreachable, db.TROUBLES)
        log.exception("job failed" if is_there else "the database cannot be reached", unreachable, kind=job.kind)
        return AWAY_SECONDS
    return min(pause.total_seconds(), 15)
