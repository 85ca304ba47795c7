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

Q = sql.load("lernbatch.summary")
MOST_LOOKED_UP = 5000  # people whose place is asked of the user service in one call; the others' is not known


@dataclass(frozen=True, slots=True)
class _Unplaced:
    kind: str
    user_id: str


async def summarise(services: Services, asked: Asked) -> Summary:
    """The figures of a batch. Raises: InvalidBatch (E54), when all of an unknown batch is asked for."""
    if asked.days is None:
        batch = await batches.find(services.pool, asked.batch_id)
        if batch is None or batch.course_id != asked.course_id:
            raise InvalidBatch
    since = None if asked.days is None else _start_of(services, asked.days)
    which = {"batch_id": asked.batch_id, "course_id": asked.course_id, "since": since}
    by_place = {"by_state": asked.by_state, "by_district": asked.by_district}
    figures = await db.all(services.pool, Figure, Q.figures, **which, **by_place)
    if asked.by_state or asked.by_district:
        unplaced = await db.all(services.pool, _Unplaced, Q.unplaced, **which)
        figures += await _placed(services, asked, unplaced)
    return Summary(asked, _added(figures), services.clock.now())


def _start_of(services: Services, days: int) -> datetime:
    """Midnight so many days ago, in the installation's zone."""
    return datetime.combine(services.clock.today() - timedelta(days=days), time(), services.clock.zone)


async def _placed(services: Services, asked: Asked, unplaced: Sequence[_Unplaced]) -> list[Figure]:
    user_ids = list(dict.fromkeys(row.user_id for row in unplaced))[:MOST_LOOKED_UP]
    try:
        people = await services.sunbird.users.profiles(user_ids)
    except Upstream as failure:
        log.warning("places are not known now", batch_id=asked.batch_id, error=failure.detail)
        people = {}
    nobody = Profile("")
    return [_figure(asked, row.kind, people.get(row.user_id, nobody)) for row in unplaced]


def _figure(asked: Asked, kind: str, person: Profile) -> Figure:
    state, district = person.state or None, person.district or None
    return Figure(kind, state if asked.by_state else None, district if asked.by_district else None, 1)


def _added(figures: Sequence[Figure]) -> tuple[Figure, ...]:
    """One figure a kind and place."""
    counts: Counter[tuple[str, str | None, str | None]] = Counter()
    for figure in figures:
        counts[figure.kind, figure.state, figure.district] += figure.count
    return tuple(Figure(*key, count) for key, count in counts.items())
