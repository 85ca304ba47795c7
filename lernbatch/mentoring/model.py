"""The nouns of mentoring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Literal, TypeAlias

from lernbatch.figures.model import Sentence

How: TypeAlias = Literal["phone", "message", "in-person"]


class ContactOutcome(StrEnum):
    """What came of a contact."""

    WAITING = "waiting"  # the days in which somebody may come back are not over
    CAME_BACK = "came-back"
    COMPLETED = "completed"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class NeedyLearner:
    """A learner who needs help and was not spoken to lately; `need` as in figures.rules.NEED.

    `school_learners`: of one who never began, how many of the same school and batch never began either, himself too;
    0: the school is not known. `seen_at` None: never.
    """

    user_id: str
    batch_id: str
    need: int
    standing: int
    percentage: int
    unit: int
    best: int | None
    step: str | None
    enrolled_at: datetime
    seen_at: datetime | None
    school_id: str
    school_name: str
    school_learners: int


@dataclass(frozen=True, slots=True)
class HelpEntry:
    """A learner to be helped; `is_school`: one of so many of a school that one calls the school instead.

    `because`: what is said of the learner. `active_days`: those of the last four weeks on which he was seen.
    """

    learner: NeedyLearner
    is_school: bool
    because: Sentence
    active_days: Sequence[date] = ()


@dataclass(frozen=True, slots=True)
class NewContact:
    """Learners of one batch were spoken to."""

    batch_id: str
    user_ids: Sequence[str]
    how: How
    note: str
    leave_alone: bool


@dataclass(frozen=True, slots=True)
class Contact:
    """A learner was spoken to. `states` is the JSON of the enrolment's; the note is opened."""

    user_id: str
    batch_id: str
    contact_id: str
    how: str
    leave_alone: bool
    sealed: bytes | None = field(repr=False)
    contacted_by: str
    contacted_at: datetime
    status: int
    completed_at: datetime | None
    states: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class StatesOfLearner:
    """What a learner has done in a batch, as JSON."""

    user_id: str
    batch_id: str
    states: str


@dataclass(frozen=True, slots=True)
class ShownContact:
    """A contact, its note and what came of it."""

    contact: Contact
    note: str
    outcome: ContactOutcome


@dataclass(frozen=True, slots=True)
class HelpList:
    """Whom to help first today, and the contacts of the last days with what came of them."""

    today: Sequence[HelpEntry]
    lately: Sequence[ShownContact]


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """Something that happened to a learner in a batch.

    `what`: joined, left, returned, completed, enrolled-by-hand, removed-by-hand, added-by-roster, returned-by-roster,
    removed-by-roster, roster-undone, attempt, certificate-issued, certificate-… (its status), contacted. `by` None:
    this service itself, or not kept. `detail`: how somebody joined or was contacted, a roster change's id, a content, a
    certificate's name. `score` and `max_score`: of an attempt.
    """

    at: datetime
    what: str
    by: str | None
    detail: str | None
    score: float | None
    max_score: float | None
