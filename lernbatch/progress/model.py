"""The nouns of progress."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, TypeAlias

import msgspec

from lernbatch.enrolment.model import EnrolmentKey
from lernbatch.jobs.outbox.events import Event
from lernbatch.progress.attempts.model import Attempt, Score, Submission

AttemptKey: TypeAlias = tuple[str, str]  # content and attempt

COMPLETED = 2  # of a content; 0: not started, 1: started


class OlderViews(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Views that are counted and no longer told apart: how many, how many of them completed, the time of the newest."""

    views: int
    completions: int
    until_ms: int


class ContentState(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """How far one learner is in one content. Stored as an array in this order; times are epoch milliseconds.

    `last_access_ms` None: no report said when; then `last_updated_ms`, when the state last changed, is shown.
    Reported times are kept as they came, so that reports in any order end in one state; see rules.accessed_ms.
    `details`: [reported_ms, what the player said]; the latest report's stays.
    `seen`: the access times of the newest views, doubled, plus one where the view completed the content, so that a
    report delivered twice counts once. None stands for the one view, or none, that the other fields tell of.
    `older`: the views before those; None: there are none.
    """

    status: int
    progress: int
    views: int
    completions: int
    last_access_ms: int | None
    last_completed_ms: int | None
    last_updated_ms: int
    details: tuple[int, Any] | None = None
    seen: tuple[int, ...] | None = None
    older: OlderViews | None = None


States: TypeAlias = dict[str, ContentState]
Scores: TypeAlias = dict[str, Score]
STATES = msgspec.json.Decoder(States)
SCORES = msgspec.json.Decoder(Scores)


def dump_states(states: States) -> str:
    """As the column holds them, for STATES to read. In one order, the one of jsonb, whatever was reported first."""
    content_ids = sorted(sorted(states), key=len)
    return msgspec.json.encode({content_id: states[content_id] for content_id in content_ids}).decode()


class Report(msgspec.Struct, frozen=True, gc=False):
    """What a client says about one content; None where it says nothing. Times are epoch milliseconds.

    `is_view`: this is an opening of the content by the learner; an assessment only proves that there was one.
    """

    content_id: str
    course_id: str
    status: int
    progress: int = 0
    accessed_ms: int | None = None
    completed_ms: int | None = None
    views: int = 0
    completions: int = 0
    details: Any = None
    details_bytes: int = 0
    is_view: bool = True


class Work(msgspec.Struct, frozen=True, gc=False):
    """What is reported of one learner in one batch: one row's worth of an update."""

    user_id: str
    batch_id: str
    reports: tuple[Report, ...]
    submissions: tuple[Submission, ...] = ()
    rewrite: bool = False  # write the row as its states and attempts say, even if nothing is reported

    @property
    def key(self) -> EnrolmentKey:
        return self.user_id, self.batch_id


@dataclass(frozen=True, slots=True)
class NotPermitted:
    """Items that name a learner for whom the caller does not speak. They are not stored."""

    valid_user_ids: tuple[str, ...]
    items: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class SyncRequest:
    """A request to recompute an enrolment. `is_permitted`: it belongs to somebody for whom the caller speaks."""

    user_id: str
    course_id: str
    batch_id: str
    is_permitted: bool


@dataclass(frozen=True, slots=True)
class Update:
    """A content state update, read."""

    works: tuple[Work, ...]
    not_permitted: NotPermitted | None = None
    sync: SyncRequest | None = None


class WithoutBatch(msgspec.Struct, frozen=True):
    """A learner and a batch that does not exist."""

    user_id: str
    batch_id: str


class WithoutEnrolment(msgspec.Struct, frozen=True):
    """A learner who is not enrolled in the batch, or not any more. Days belong to the batch's zone."""

    user_id: str
    batch_id: str
    start_date: date
    end_date: date | None
    time_zone: str | None


class EnrolledLearner(msgspec.Struct, frozen=True):
    """One learner in one batch as it is stored, with what the batch says about reports.

    `course_version` None: the newest publication.
    """

    user_id: str
    batch_id: str
    start_date: date
    end_date: date | None
    time_zone: str | None
    course_id: str
    course_version: str | None
    awards: bool  # the batch has certificate templates
    status: int
    progress: int
    percentage: int
    completed_at: datetime | None
    states: str  # JSON, to be read with STATES
    scores: str
    revision: int


Learner: TypeAlias = WithoutBatch | WithoutEnrolment | EnrolledLearner


def learner_of(record: Sequence[Any]) -> Learner:
    """A row of the statement `learners`: first whether the enrolment is active, then the fields of EnrolledLearner."""
    active, user_id, batch_id, start_date = record[:4]
    if start_date is None:
        return WithoutBatch(user_id, batch_id)
    return EnrolledLearner(*record[1:]) if active else WithoutEnrolment(*record[1:6])


class Completion(msgspec.Struct, frozen=True):
    """What the states of a learner's contents mean for the enrolment. `progress`: required leaf nodes completed."""

    status: int
    progress: int
    percentage: int
    completed_at: datetime | None


class LastRead(msgspec.Struct, frozen=True):
    """The content that was opened last."""

    content_id: str | None
    status: int | None
    at: datetime | None


class Recorded(msgspec.Struct, frozen=True):
    """What became of one `Work`: content ids by their fate."""

    stored: tuple[str, ...] = ()
    assessed: bool = False
    batch_exists: bool = True
    ongoing: bool = True
    not_enrolled: tuple[str, ...] = ()


class Outcome(msgspec.Struct, frozen=True):
    """What became of an update: what its answer tells."""

    stored: tuple[str, ...] = ()
    assessed_batch_ids: tuple[str, ...] = ()
    not_ongoing: tuple[str, ...] = ()
    not_existing: tuple[str, ...] = ()
    not_enrolled: tuple[str, ...] = ()
    synced: bool = False


@dataclass(slots=True)
class Row:
    """The working copy of a learner's row in one flush; it changes report by report."""

    learner: EnrolledLearner
    stored_states: States
    stored_scores: Scores
    states: States
    scores: Scores
    attempts: dict[AttemptKey, Attempt]
    completion: Completion
    written: dict[AttemptKey, Submission] = field(default_factory=dict)
    dropped: set[AttemptKey] = field(default_factory=set)  # attempts beyond the bound
    events: list[Event] = field(default_factory=list)
    rewrite: bool = False
    due_reason: str | None = None  # why a certificate may be due

    @classmethod
    def of(cls, learner: EnrolledLearner, attempts: Sequence[Attempt]) -> Row:
        """The row as it is stored. `attempts`: all of the learner in this batch, where they are needed."""
        states, scores = STATES.decode(learner.states), SCORES.decode(learner.scores)
        return cls(
            learner=learner,
            stored_states=states,
            stored_scores=scores,
            states=states,
            scores=scores,
            attempts={(attempt.content_id, attempt.attempt_id): attempt for attempt in attempts},
            completion=Completion(learner.status, learner.progress, learner.percentage, learner.completed_at),
        )

    @property
    def key(self) -> EnrolmentKey:
        return self.learner.user_id, self.learner.batch_id

    @property
    def has_finished(self) -> bool:
        """Whether this flush completes the enrolment."""
        return self.completion.status == COMPLETED != self.learner.status

    @property
    def scores_changed(self) -> bool:
        return self.scores != self.stored_scores

    @property
    def has_changed(self) -> bool:
        """Whether anything has to be written."""
        learner, completion = self.learner, self.completion
        return (
            self.states is not self.stored_states
            or self.rewrite
            or bool(self.written or self.dropped)
            or completion.status != learner.status
            or completion.progress != learner.progress
            or completion.percentage != learner.percentage
            or completion.completed_at != learner.completed_at
            or self.scores_changed
        )


@dataclass(frozen=True, slots=True)
class GroupQuery:
    """Whose progress in what. `activity_type` is only echoed."""

    group_id: str
    activity_id: str
    activity_type: str


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure of a learner: completedCount, score:do_1, max_score:do_1 or attempts_count:do_1."""

    name: str
    value: float
    updated_at: datetime
