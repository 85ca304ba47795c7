"""Looking at a batch again: for learners whom neither a completion nor a score will make due."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from lernbatch.database import db, sql
from lernbatch.enrolment.model import Progress
from lernbatch.services import Services
from lernbatch.template import criteria
from lernbatch.template.wire import read_templates

Q = sql.load("lernbatch.certificate")
LIMIT = 100  # batches at once
# Longer than any request lasts: then what was under way at the look before is committed.
_OVERLAP = timedelta(seconds=60)
# Why a look was planned → how long before.
_DELAYS = {
    "template": _OVERLAP,  # a template came
    "enrolled": timedelta(seconds=10),  # one of the batch's templates is earned by coming in or beginning
    "over": timedelta(hours=1),  # the same, in a batch that ended and may be extended
}


@dataclass(frozen=True, slots=True)
class Recheck:
    """A batch that is to be looked at. `reason`: of _PLANNED."""

    batch_id: str
    due_at: datetime
    reason: str
    templates: Mapping[str, Any]
    over: bool

    @property
    def since(self) -> datetime:
        """From when on somebody may not have been seen by the look before."""
        return self.due_at - _DELAYS[self.reason] - _OVERLAP


async def schedule_first(conn: db.Connection, batch_id: str, now: datetime) -> None:
    """Plan the first look at a batch to which a template came."""
    await _schedule(conn, {batch_id: "template"}, now)


async def queue_due(services: Services) -> None:
    """Have those judged whom the looks that are due find, and plan the next ones where they are needed."""
    now = services.clock.now()
    async with services.pool.acquire() as conn, conn.transaction():
        due = await db.all(conn, Recheck, Q.looks_due, now=now, limit=LIMIT)
        if not due:
            return
        early = {look.batch_id: _early_statuses(look) for look in due}
        await db.run(
            conn,
            Q.ask_for_recent,
            batch_ids=[look.batch_id for look in due],
            since=[look.since for look in due],
            changed=[look.reason == "template" or Progress.STARTED in early[look.batch_id] for look in due],
            reasons=["template" if look.reason == "template" else "enrolled" for look in due],
            now=now,
        )
        await db.run(conn, Q.end_looks, batch_ids=[batch_id for batch_id, statuses in early.items() if not statuses])
        again = {look.batch_id: "over" if look.over else "enrolled" for look in due if early[look.batch_id]}
        await _schedule(conn, again, now)


def _early_statuses(look: Recheck) -> set[int | None]:
    """The enrolment statuses that the batch's early earned templates ask for: STARTED, None for any; empty: none is."""
    return {one.criteria.enrolment_status for one in read_templates(look.templates) if criteria.awards_early(one)}


async def _schedule(conn: db.Connection, reasons: Mapping[str, str], now: datetime) -> None:
    await db.run(
        conn,
        Q.look_again,
        batch_ids=list(reasons),
        due_at=[now + _DELAYS[reason] for reason in reasons.values()],
        reasons=list(reasons.values()),
    )
