"""What can be asked about assessments. Attempts are written with the progress they belong to: see progress.actions."""

from __future__ import annotations

from collections.abc import Sequence

from lernbatch.assessment.model import Attempt
from lernbatch.database import db, sql
from lernbatch.database.db import Connection

Q = sql.load("lernbatch.assessment")


async def attempts_of(
    conn: Connection, user_id: str, batch_id: str, content_ids: Sequence[str] | None, *, limit: int
) -> dict[str, list[Attempt]]:
    """The learner's attempts by content, at most `limit` of each; `content_ids` None: of all contents."""
    found = await db.all(
        conn,
        Attempt,
        Q.attempts_of_learner,
        user_id=user_id,
        batch_id=batch_id,
        content_ids=None if content_ids is None else list(content_ids),
        limit=limit,
    )
    grouped: dict[str, list[Attempt]] = {}
    for attempt in found:
        grouped.setdefault(attempt.content_id, []).append(attempt)
    return grouped
