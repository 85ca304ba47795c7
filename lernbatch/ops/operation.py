"""What operators look at: queues, what was given up and why, and the jobs. Counts alone, no person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from lernbatch.database import db
from lernbatch.ops.health import Q
from lernbatch.services import Services

COUNTED_AT_MOST = 10_000
MOST_GROUPS = 100


@dataclass(frozen=True, slots=True)
class Queue:
    """Rows of one kind that wait, or were given up. `destination`: of the outbox, else None."""

    kind: str
    destination: str | None
    waiting: int
    parked: int
    oldest_at: datetime | None


@dataclass(frozen=True, slots=True)
class ParkedGroup:
    """Rows that were given up for one reason. `why`: without what looks like an id."""

    kind: str
    destination: str | None
    why: str
    length: int


@dataclass(frozen=True, slots=True)
class JobRun:
    """A job as it ran last."""

    kind: str
    running: bool
    failures: int
    last_run_at: datetime | None
    last_count: int | None
    last_error: str  # without what looks like an id


async def queues(services: Services) -> list[Queue]:
    """The queues; each is counted up to COUNTED_AT_MOST rows."""
    return await db.all(services.pool, Queue, Q.queues, bound=COUNTED_AT_MOST)


async def parked(services: Services) -> list[ParkedGroup]:
    """What was given up, the largest groups first."""
    return await db.all(services.pool, ParkedGroup, Q.parked, bound=COUNTED_AT_MOST, limit=MOST_GROUPS)


async def job_runs(services: Services) -> list[JobRun]:
    """The jobs that have ever run here, those that fail first."""
    return await db.all(services.pool, JobRun, Q.job_runs, now=services.clock.now())
