"""The rules of mentoring: whom to help first, what came of it, what may be undone; and the refusals."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta, tzinfo

from lernbatch.errors import Refused
from lernbatch.mentoring.model import ContactOutcome, NeedyLearner
from lernbatch.progress.model import States

MOST_TODAY = 12
LARGE_SCHOOL = 10  # learners who never began; of more than these one calls the school
REST = timedelta(days=3)  # in which nobody is spoken to again, and may come back
UNDO_WITHIN = timedelta(days=1)
STRIP_DAYS = 28
LONGEST_NOTE = 2000
MOST_PEOPLE = 500  # of one contact


class UnknownContact(Refused):
    """No contact of that id in a batch that the caller manages; or it is undone already."""

    code = "INVALID_REQUESTED_DATA"
    message = "There is no such contact."


class TooLateToUndo(Refused):
    code = "INVALID_REQUESTED_DATA"
    message = "A contact can be undone for a day."


def helped_first(learners: Iterable[NeedyLearner], *, most: int = MOST_TODAY) -> list[NeedyLearner]:
    """Whom to help first, at most so many: one entry a learner, of those that `is_school` groups one a school.

    One step from a certificate, then who stopped lately, then who will not finish in time, then who never began;
    among equals who has not been seen longest, a school before single learners. The caller leaves out who was spoken
    to within REST, has a certificate, or wants to be left alone.
    """
    entries: dict[tuple[str, str], NeedyLearner] = {}
    for learner in sorted(learners, key=_order):
        key = (learner.batch_id, f"school {learner.school_id}" if is_school(learner) else f"user {learner.user_id}")
        entries.setdefault(key, learner)
    return list(entries.values())[:most]


def _order(learner: NeedyLearner) -> tuple[int, bool, datetime, str]:
    return learner.need, not is_school(learner), learner.seen_at or learner.enrolled_at, learner.user_id


def is_school(learner: NeedyLearner) -> bool:
    """Whether so many of the learner's school never began that one calls the school once."""
    return learner.school_learners > LARGE_SCHOOL


def outcome(contacted_at: datetime, completed_at: datetime | None, states: States, now: datetime) -> ContactOutcome:
    """What came of a contact: whatever the learner did within REST after it, he came back."""
    if completed_at is not None and completed_at >= contacted_at:
        return ContactOutcome.COMPLETED
    first, last = (int(moment.timestamp() * 1000) for moment in (contacted_at, contacted_at + REST))
    if any(first <= state.last_updated_ms <= last for state in states.values()):
        return ContactOutcome.CAME_BACK
    return ContactOutcome.WAITING if now < contacted_at + REST else ContactOutcome.NOTHING


def check_undo(contacted_at: datetime, now: datetime) -> None:
    """Raises: TooLateToUndo."""
    if now > contacted_at + UNDO_WITHIN:
        raise TooLateToUndo


def active_days(states: States, today: date, zone: tzinfo) -> list[date]:
    """The days of the last four weeks on which a learner last opened something; what was opened again later counts
    on that day alone, since no more is kept."""
    moments = (
        state.last_updated_ms if state.last_access_ms is None else min(state.last_access_ms, state.last_updated_ms)
        for state in states.values()
    )
    days = {datetime.fromtimestamp(moment / 1000, zone).date() for moment in moments}
    return sorted(day for day in days if timedelta() <= today - day < timedelta(days=STRIP_DAYS))
