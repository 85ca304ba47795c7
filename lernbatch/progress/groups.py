"""What a group of learners has done in a course or one of its units (contract enrolment §4.2)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from lernbatch.batch.rules import is_unbounded
from lernbatch.course import actions as courses
from lernbatch.database import db, sql
from lernbatch.errors import Forbidden, Upstream
from lernbatch.progress import rules
from lernbatch.progress.model import SCORES, STATES, Metric
from lernbatch.services import Services
from lernbatch.sunbird.groups import GroupMember
from lernbatch.web.caller import Caller

Q = sql.load("lernbatch.progress")
PAGE = 1000  # enrolments of a group's members, read at once


@dataclass(frozen=True, slots=True)
class GroupProgressRow:
    """An enrolment's figures; `states` and `scores` are JSON."""

    user_id: str
    batch_id: str
    course_id: str
    progress: int
    states: str
    scores: str
    updated_at: datetime


async def members_of(services: Services, caller: Caller, group_id: str) -> list[GroupMember]:
    """The members of a group that the caller is in. Raises: GroupUnread (E59), Forbidden."""
    try:
        members = await services.sunbird.groups.members(group_id, caller.token)
    except Upstream as failure:
        raise rules.GroupUnread from failure
    if not is_unbounded(caller, services.config) and not any(caller.speaks_for(member.user_id) for member in members):
        raise Forbidden
    return members


async def metrics_of(services: Services, user_ids: Sequence[str], activity_id: str) -> list[tuple[str, list[Metric]]]:
    """Per enrolment with any progress: the learner and the figures; of a course, or of a unit of one."""
    figures: list[tuple[str, list[Metric]]] = []
    async for row in _progress_of(services, user_ids, activity_id):
        values: dict[str, float] = {"completedCount": float(row.progress)}
        for content_id, score in SCORES.decode(row.scores).items():
            values |= {
                f"score:{content_id}": score.best,
                f"max_score:{content_id}": score.max_score,
                f"attempts_count:{content_id}": float(score.attempts),
            }
        figures.append((row.user_id, [Metric(name, value, row.updated_at) for name, value in values.items()]))
    if figures:
        return figures
    async for row in _progress_of(services, user_ids, None):
        trees = await courses.snapshots(services, {row.course_id})
        if row.course_id in trees:
            count = rules.unit_progress(trees[row.course_id], STATES.decode(row.states)).get(activity_id)
            if count is not None:
                figures.append((row.user_id, [Metric("completedCount", float(count), row.updated_at)]))
    return figures


async def _progress_of(
    services: Services, user_ids: Sequence[str], course_id: str | None
) -> AsyncIterator[GroupProgressRow]:
    """Everything that these people have done in the course, or in any; page by page, so that no bound cuts it short."""
    after = ("", "")
    while True:
        rows = await db.all(
            services.pool,
            GroupProgressRow,
            Q.progress_of_people,
            user_ids=list(user_ids),
            course_id=course_id,
            after_user_id=after[0],
            after_batch_id=after[1],
            limit=PAGE,
        )
        for row in rows:
            yield row
        if len(rows) < PAGE:
            return
        after = rows[-1].user_id, rows[-1].batch_id
