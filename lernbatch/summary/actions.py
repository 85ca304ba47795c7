"""What can be asked about a batch: its figures, counted when they are asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from lernbatch import log
from lernbatch.batch import actions as batches
from lernbatch.batch.rules import InvalidBatch, may_manage
from lernbatch.database import db, sql
from lernbatch.errors import Upstream
from lernbatch.services import Services
from lernbatch.summary import rules
from lernbatch.summary.model import Asked, Figure, Summary
from lernbatch.sunbird.users import Profile
from lernbatch.threads import beside
from lernbatch.web.caller import Caller

Q = sql.load("lernbatch.summary")
CALLS_AT_ONCE = 10  # of the user service, by one summary: anybody may ask for it


@dataclass(frozen=True, slots=True)
class _Counted:
    """A figure; not `known`: the place of these learners has not been asked for yet."""

    kind: str
    state: str | None
    district: str | None
    known: bool
    count: int


@dataclass(frozen=True, slots=True)
class _Unplaced:
    """A learner whose place has not been asked for yet, and which figures count them."""

    user_id: str
    kinds: Sequence[str]


async def summarise(services: Services, asked: Asked, caller: Caller) -> Summary:
    """The figures of a batch, by the profiles that are kept here; of places with few learners to those who manage it.

    Of those whose profile is not kept some are looked up at once, within few calls; a job reads the others, and until
    then the answer says how many they are. Raises: InvalidBatch (E54), when all of an unknown batch is asked for.
    """
    batch = await batches.find(services.pool, asked.batch_id)
    if asked.days is None and (batch is None or batch.course_id != asked.course_id):
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
    figures = [Figure(row.kind, row.state, row.district, row.count) for row in counted if row.known]
    unplaced = Counter({row.kind: row.count for row in counted if not row.known})
    if unplaced:
        looked_up = await _look_up(services, asked, since)
        figures += looked_up
        unplaced -= Counter(figure.kind for figure in looked_up)
        figures += [Figure(kind, None, None, count) for kind, count in unplaced.items()]
        await db.run(services.pool, Q.ask_for_people, batch_id=asked.batch_id, now=services.clock.now())
        services.wake.now()
    added = await beside(len(figures), _added, figures)
    if batch is None or not may_manage(caller, batch, services.config):
        added = rules.without_small_groups(added, services.config.smallest_group)
    return Summary(asked, added, dict(unplaced), services.clock.now())


def _start_of(services: Services, days: int) -> datetime:
    """Midnight so many days ago, in the installation's zone."""
    return datetime.combine(services.clock.today() - timedelta(days=days), time(), services.clock.zone)


async def _look_up(services: Services, asked: Asked, since: datetime | None) -> list[Figure]:
    """The figures of as many as can be read with few calls; none, when the user service fails."""
    users = services.sunbird.users
    people = await db.all(
        services.pool,
        _Unplaced,
        Q.people_to_place,
        batch_id=asked.batch_id,
        course_id=asked.course_id,
        since=since,
        limit=users.readable(CALLS_AT_ONCE),
    )
    try:
        found = await users.profiles(person.user_id for person in people)
    except Upstream as failure:
        log.warning("places are not known now", batch_id=asked.batch_id, error=failure.detail)
        return []
    nobody = Profile("")
    return [_figure(asked, kind, found.get(person.user_id, nobody)) for person in people for kind in person.kinds]


def _figure(asked: Asked, kind: str, person: Profile) -> Figure:
    state, district = person.state or None, person.district or None
    return Figure(kind, state if asked.by_state else None, district if asked.by_district else None, 1)


def _added(figures: Sequence[Figure]) -> tuple[Figure, ...]:
    """One figure a kind and place."""
    counts: Counter[tuple[str, str | None, str | None]] = Counter()
    for figure in figures:
        counts[figure.kind, figure.state, figure.district] += figure.count
    return tuple(Figure(*key, count) for key, count in counts.items())
