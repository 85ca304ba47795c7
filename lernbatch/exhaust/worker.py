"""A worker's turns at requests: claimed under a lease, batch by batch, every file delivered as soon as it is stored."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import uuid4

import asyncpg

from lernbatch import log, metrics
from lernbatch.database import db, sql
from lernbatch.exhaust import rules
from lernbatch.exhaust.delivery import make_files
from lernbatch.exhaust.lease import Failures, Lease, LeaseLost
from lernbatch.exhaust.model import Request, Status
from lernbatch.services import Services

Q = sql.load("lernbatch.exhaust")
SHOWN_EVERY_SECONDS = 0.5  # how often the progress that callers see is written


async def take(services: Services, request_id: str | None = None) -> bool:
    """Claim the request that is due next and work on it for one turn; False when none is due.

    `request_id`: claim no other one.
    """
    now, owner = services.clock.now(), uuid4().hex
    failed = await db.run(
        services.pool,
        Q.fail_abandoned,
        now=now,
        attempts=services.config.exhaust_attempts,
        message=rules.WORKER_DIED,
    )
    if failed:
        log.warning("exhausts failed because their workers died", count=failed)
        metrics.BUSINESS.labels(f"exhaust {Status.FAILED.lower()}").inc(failed)
    until = now + timedelta(seconds=services.config.lease_seconds)
    request = await db.one(services.pool, Request, Q.claim_request, now=now, until=until, owner=owner, only=request_id)
    if request is None:
        return False
    turn, began = Lease(services, request, owner), time.perf_counter()
    try:
        async with _heartbeat(turn):
            result = await _work(turn)
        await _finish(turn, result, began)
    except LeaseLost:
        log.warning("an exhaust was taken over", request_id=request.request_id)
    return True


@asynccontextmanager
async def _heartbeat(turn: Lease) -> AsyncIterator[None]:
    async def beat() -> None:
        pause = min(SHOWN_EVERY_SECONDS, turn.services.config.lease_seconds / 3)
        while True:
            await asyncio.sleep(pause)
            try:
                await turn.renew()
            except LeaseLost:
                return  # the work sees it at its next rows
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as unreachable:
                log.exception("an exhaust's lease cannot be renewed", unreachable)

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()
        await asyncio.wait([beating])


async def _work(turn: Lease) -> rules.Outcome:
    failures = Failures()
    (ended,) = await asyncio.gather(make_files(turn, failures), return_exceptions=True)
    if isinstance(ended, BaseException):
        failures.note(ended, turn.request.request_id)
    return rules.outcome(
        turn.request.iteration,
        failures.texts,
        passing=failures.passing,
        unfinished=ended is True,
        attempts=turn.services.config.exhaust_attempts,
    )


async def _finish(turn: Lease, result: rules.Outcome, began: float) -> None:
    now = turn.services.clock.now()
    finished = result.retry_in is None
    metrics.BUSINESS.labels(f"exhaust {result.status.lower()}").inc()
    await db.run(
        turn.services.pool,
        Q.finish_request,
        request_id=turn.request.request_id,
        owner=turn.owner,
        status=result.status,
        message=result.message,
        iteration=result.iteration,
        due_at=None if result.retry_in is None else now + result.retry_in,
        completed_at=now if finished else None,
        spent_ms=round((time.perf_counter() - began) * 1000),
        rows_done=turn.rows_before,
        rows_total=turn.rows_total,
    )
    log.info("exhaust turn ended", request_id=turn.request.request_id, status=result.status, rows=turn.rows_before)
