"""What can be asked about a batch: its figures, counted when they are asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from lernbatch import db, log, sql
from lernbatch.batch import actions as batches
from lernbatch.batch.rules import InvalidBatch
from lernbatch.errors import Upstream
from lernbatch.services import Services
from lernbatch.summary.model import Asked, Figure, Summary
from lernbatch.sunbird.users import Profile
from lernbatch.threads import beside

Q = sql.load("lernbatch.summary")
MOST_LOOKED_UP = 5000  # people whose place is asked of the user service in one call; the others' is not known


@dataclass(frozen=True, slots=True)
class _Counted:
    """A figure, and the learners who would be in it or in another one if their place were known."""

    kind: str
    state: str | None
    district: str | None
    count: int
    unplaced: list[str] | None


async def summarise(services: Services, asked: Asked) -> Summary:
    """The figures of a batch. Raises: InvalidBatch (E54), when all of an unknown batch is asked for."""
    if asked.days is None:
        batch = await batches.find(services.pool, asked.batch_id)
        if batch is None or batch.course_id != asked.course_id:
            raise InvalidBatch
    since = None if asked.days is None else _start_of(services, asked.days)
    counted = await db.all(
        services.pool,
        _Counted,
        Q.figures,
        batch_id=asked.batch_id,
        course_id=asked.course_id,
        since=since,
        by_state=asked.by_state,
        by_district=asked.by_district,
    )
    figures = [Figure(one.kind, one.state, one.district, one.count) for one in counted if one.count]
    unplaced = [(one.kind, user_id) for one in counted for user_id in one.unplaced or ()]
    figures += await _placed(services, asked, unplaced)
    return Summary(asked, await beside(len(figures), _added, figures), services.clock.now())


def _start_of(services: Services, days: int) -> datetime:
    """Midnight so many days ago, in the installation's zone."""
    return datetime.combine(services.clock.today() - timedelta(days=days), time(), services.clock.zone)


async def _placed(services: Services, asked: Asked, unplaced: Sequence[tuple[str, str]]) -> list[Figure]:
    user_ids = list(dict.fromkeys(user_id for _, user_id in unplaced))[:MOST_LOOKED_UP]
    try:
        people = await services.sunbird.users.profiles(user_ids) if user_ids else {}
    except Upstream as failure:
        log.warning("places are not known now", batch_id=asked.batch_id, error=failure.detail)
        people = {}
    nobody = Profile("")
    return await beside(
        len(unplaced), lambda: [_figure(asked, kind, people.get(user_id, nobody)) for kind, user_id in unplaced]
    )


def _figure(asked: Asked, kind: str, person: Profile) -> Figure:
    state, district = person.state or None, person.district or None
    return Figure(kind, state if asked.by_state else None, district if asked.by_district else None, 1)


def _added(figures: Sequence[Figure]) -> tuple[Figure, ...]:
    """One figure a kind and place."""
    counts: Counter[tuple[str, str | None, str | None]] = Counter()
    for figure in figures:
        counts[figure.kind, figure.state, figure.district] += figure.count
    return tuple(Figure(*key, count) for key, count in counts.items())
