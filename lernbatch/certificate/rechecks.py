"""Looking at a batch again: for learners whom neither a completion nor a score will make due."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from lernbatch.certificate import rules
from lernbatch.database import db, sql
from lernbatch.services import Services
from lernbatch.template import criteria
from lernbatch.template import wire as template_wire

Q = sql.load("lernbatch.certificate")
LIMIT = 100  # batches at once
# Longer than any request lasts: then what was under way at the look before is committed.
_OVERLAP = timedelta(seconds=60)
# Why a look was planned → how long before.
_PLANNED = {
    "template": _OVERLAP,  # a template came
    "enrolled": timedelta(seconds=10),  # one of the batch's templates is earned by coming in or beginning
    "over": timedelta(hours=1),  # the same, in a batch that ended and may be extended
}


@dataclass(frozen=True, slots=True)
class Look:
    """A batch that is to be looked at. `reason`: of _PLANNED."""

    batch_id: str
    due_at: datetime
    reason: str
    templates: Mapping[str, Any]
    over: bool

    @property
    def since(self) -> datetime:
        """From when on somebody may not have been seen by the look before."""
        return self.due_at - _PLANNED[self.reason] - _OVERLAP


async def begin(conn: db.Connection, batch_id: str, now: datetime) -> None:
    """Plan the first look at a batch to which a template came."""
    await _plan(conn, {batch_id: "template"}, now)


async def ask(services: Services) -> None:
    """Have those judged whom the looks that are due find, and plan the next ones where they are needed."""
    now = services.clock.now()
    async with services.pool.acquire() as conn, conn.transaction():
        due = await db.all(conn, Look, Q.looks_due, now=now, limit=LIMIT)
        if not due:
            return
        early = {look.batch_id: _early_statuses(look) for look in due}
        await db.run(
            conn,
            Q.ask_for_recent,
            batch_ids=[look.batch_id for look in due],
            since=[look.since for look in due],
            changed=[look.reason == "template" or rules.BEGUN in early[look.batch_id] for look in due],
            reasons=["template" if look.reason == "template" else "enrolled" for look in due],
            now=now,
        )
        await db.run(conn, Q.end_looks, batch_ids=[batch_id for batch_id, statuses in early.items() if not statuses])
        again = {look.batch_id: "over" if look.over else "enrolled" for look in due if early[look.batch_id]}
        await _plan(conn, again, now)


def _early_statuses(look: Look) -> set[int | None]:
    """What the batch's templates that are earned early ask of an enrolment: none of them, BEGUN, or no matter what."""
    return {
        one.criteria.enrolment_status
        for one in template_wire.read_templates(look.templates)
        if criteria.awards_early(one)
    }


async def _plan(conn: db.Connection, reasons: Mapping[str, str], now: datetime) -> None:
    await db.run(
        conn,
        Q.look_again,
        batch_ids=list(reasons),
        due_at=[now + _PLANNED[reason] for reason in reasons.values()],
        reasons=list(reasons.values()),
    )
