"""What can be done with summaries: count the figures of a batch when they are asked for."""

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
from lernbatch.person.profiles import request_profiles
from lernbatch.services import Services
from lernbatch.summary import rules
from lernbatch.summary.model import Figure, Summary, SummaryQuery
from lernbatch.sunbird.users import Profile
from lernbatch.threads import beside
from lernbatch.web.caller import Caller

Q = sql.load("lernbatch.summary")
CALLS_AT_ONCE = 10  # of the user service, by one summary: anybody may ask for it


@dataclass(frozen=True, slots=True)
class FigureRow:
    """A figure; not `known`: the place of these learners has not been looked up yet."""

    kind: str
    state: str | None
    district: str | None
    known: bool
    count: int


@dataclass(frozen=True, slots=True)
class UnplacedLearner:
    """A learner whose place has not been looked up yet, and the kinds of figures that count them."""

    user_id: str
    kinds: Sequence[str]


async def summarise(services: Services, query: SummaryQuery, caller: Caller) -> Summary:
    """The figures of a batch, by the profiles that are stored. Places with few learners are named to managers only.

    Of the learners without a stored profile some are looked up at once, with CALLS_AT_ONCE calls; a job reads the
    others, and until then the answer says how many they are.

    Raises: InvalidBatch (E54), when all of an unknown batch is asked for.
    """
    batch = await batches.find(services.pool, query.batch_id)
    since = None
    if query.days is not None:
        first_day = services.clock.today() - timedelta(days=query.days)
        since = datetime.combine(first_day, time(), services.clock.zone)
    elif batch is None or batch.course_id != query.course_id:
        raise InvalidBatch
    parameters = {
        "batch_id": query.batch_id,
        "course_id": query.course_id,
        "since": since,
        "by_state": query.by_state,
        "by_district": query.by_district,
    }
    rows = await services.reports.read(lambda conn: db.all(conn, FigureRow, Q.figures, **parameters))
    figures = [Figure(row.kind, row.state, row.district, row.count) for row in rows if row.known]
    unplaced = Counter({row.kind: row.count for row in rows if not row.known})
    if unplaced:
        looked_up = await _look_up(services, query, since)
        figures += looked_up
        unplaced -= Counter(figure.kind for figure in looked_up)
        figures += [Figure(kind, None, None, count) for kind, count in unplaced.items()]
        await request_profiles(services, query.batch_id)
    shown = await beside(len(figures), rules.added_up, figures)
    if batch is None or not may_manage(caller, batch, services.config):
        shown = rules.without_small_groups(shown, services.config.smallest_group)
    return Summary(query, shown, dict(unplaced), services.clock.now())


async def _look_up(services: Services, query: SummaryQuery, since: datetime | None) -> list[Figure]:
    """The figures of as many learners as CALLS_AT_ONCE calls can read; none, when the user service fails."""
    users = services.sunbird.users
    learners = await db.all(
        services.pool,
        UnplacedLearner,
        Q.people_to_place,
        batch_id=query.batch_id,
        course_id=query.course_id,
        since=since,
        limit=users.readable(CALLS_AT_ONCE),
    )
    try:
        profiles = await users.profiles(learner.user_id for learner in learners)
    except Upstream as failure:
        log.warning("places are not known now", batch_id=query.batch_id, error=failure.detail)
        return []
    figures = []
    for learner in learners:
        profile = profiles.get(learner.user_id) or Profile("")
        state = profile.state or None if query.by_state else None
        district = profile.district or None if query.by_district else None
        figures += [Figure(kind, state, district, 1) for kind in learner.kinds]
    return figures
