"""A worker's runs of requests: claimed under a lease, file by file, each delivered as soon as it is stored."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from uuid import uuid4

from lernbatch import log, metrics
from lernbatch.database import db, sql
from lernbatch.exhaust import rules
from lernbatch.exhaust.delivery import make_files
from lernbatch.exhaust.lease import Failures, Lease
from lernbatch.exhaust.model import ExhaustRequest, RequestStatus
from lernbatch.jobs.leases import LeaseLost, heartbeat
from lernbatch.services import Services

Q = sql.load("lernbatch.exhaust")
SHOWN_EVERY_SECONDS = 0.5  # how often the progress that callers see is written


async def run_next(services: Services, request_id: str | None = None) -> bool:
    """Claim the request that is due next and run it once; False when none is due. `request_id`: claim no other one.

    A run makes `exhaust_batches_per_lease` files at most; what is left is due again at once, after other channels.
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
        metrics.BUSINESS.labels(f"exhaust {RequestStatus.FAILED.lower()}").inc(failed)
    until = now + timedelta(seconds=services.config.lease_seconds)
    async with services.pool.acquire() as conn, conn.transaction():
        await db.run(conn, Q.claim_alone)
        request = await db.one(
            conn, ExhaustRequest, Q.claim_request, now=now, until=until, owner=owner, only=request_id
        )
    if request is None:
        return False
    lease, began = Lease(services, request, owner), time.perf_counter()
    try:
        pause = min(SHOWN_EVERY_SECONDS, services.config.lease_seconds / 3)
        async with heartbeat(pause, lease.renew, request_id=request.request_id):
            failures = Failures()
            (ended,) = await asyncio.gather(make_files(lease, failures), return_exceptions=True)
            if isinstance(ended, BaseException):
                failures.note(ended, request.request_id)
        outcome = rules.outcome(
            request.iteration,
            failures.texts,
            passing=failures.passing,
            unfinished=ended is True,
            attempts=services.config.exhaust_attempts,
        )
        ended_at = services.clock.now()
        metrics.BUSINESS.labels(f"exhaust {outcome.status.lower()}").inc()
        await db.run(
            services.pool,
            Q.finish_request,
            request_id=request.request_id,
            owner=owner,
            status=outcome.status,
            message=outcome.message,
            iteration=outcome.iteration,
            due_at=None if outcome.retry_in is None else ended_at + outcome.retry_in,
            completed_at=ended_at if outcome.retry_in is None else None,
            spent_ms=round((time.perf_counter() - began) * 1000),
            rows_done=lease.rows_before,
            rows_total=lease.rows_total,
        )
        rows = lease.rows_before
        log.info("exhaust run ended", request_id=request.request_id, status=outcome.status, rows=rows)
    except LeaseLost:
        log.warning("an exhaust was taken over", request_id=request.request_id)
    return True
