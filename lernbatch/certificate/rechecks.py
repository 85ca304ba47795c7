"""Periodic re-checks of a batch, for templates that can be earned without a completion or a score."""

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
# Longer than any request lasts: whatever was under way at the re-check before is committed by then.
_OVERLAP = timedelta(seconds=60)
# Why a re-check was scheduled → after how long it is due.
_DELAYS = {
    "template": _OVERLAP,  # a template was attached
    "enrolled": timedelta(seconds=10),  # one of the batch's templates is earned by enrolling or starting
    "over": timedelta(hours=1),  # the same, in a batch that ended and may be extended
}


@dataclass(frozen=True, slots=True)
class Recheck:
    """A batch whose learners are to be checked again. `reason`: a key of _DELAYS; `over`: the batch has ended."""

    batch_id: str
    due_at: datetime
    reason: str
    templates: Mapping[str, Any]
    over: bool

    @property
    def since(self) -> datetime:
        """The instant since which a learner may have been missed by the re-check before."""
        return self.due_at - _DELAYS[self.reason] - _OVERLAP

    def early_statuses(self) -> set[int | None]:
        """The enrolment statuses that the batch's early earned templates ask for: STARTED, None for any.

        Empty: no template is earned early.
        """
        templates = read_templates(self.templates)
        return {template.criteria.enrolment_status for template in templates if criteria.awards_early(template)}


async def schedule_first(conn: db.Connection, batch_id: str, now: datetime) -> None:
    """Schedule the first re-check of a batch to which a template was attached."""
    await _schedule(conn, {batch_id: "template"}, now)


async def queue_due(services: Services) -> None:
    """Queue the learners found by the re-checks that are due; schedule each batch's next one."""
    now = services.clock.now()
    async with services.pool.acquire() as conn, conn.transaction():
        due = await db.all(conn, Recheck, Q.rechecks_due, now=now, limit=LIMIT)
        if not due:
            return
        early = {recheck.batch_id: recheck.early_statuses() for recheck in due}
        await db.run(
            conn,
            Q.queue_recent_learners,
            batch_ids=[recheck.batch_id for recheck in due],
            since=[recheck.since for recheck in due],
            changed=[recheck.reason == "template" or Progress.STARTED in early[recheck.batch_id] for recheck in due],
            reasons=["template" if recheck.reason == "template" else "enrolled" for recheck in due],
            now=now,
        )
        await db.run(conn, Q.end_rechecks, batch_ids=[batch_id for batch_id, statuses in early.items() if not statuses])
        again = {recheck.batch_id: "over" if recheck.over else "enrolled" for recheck in due if early[recheck.batch_id]}
        await _schedule(conn, again, now)


async def _schedule(conn: db.Connection, reasons: Mapping[str, str], now: datetime) -> None:
    await db.run(
        conn,
        Q.schedule_rechecks,
        batch_ids=list(reasons),
        due_at=[now + _DELAYS[reason] for reason in reasons.values()],
        reasons=list(reasons.values()),
    )
