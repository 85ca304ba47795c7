"""The nouns of bulk enrolment: uploaded files, and plans for a batch."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum

SUCCESS = "SUCCESS"  # the outcome of a person who is where the file wants them


class BulkKind(StrEnum):
    """What a file is for, as the contract spells it."""

    ENROL = "batchLearnerEnrol"
    UNENROL = "batchLearnerUnenrol"


class BulkState(IntEnum):
    """Where a file stands; the numbers are the contract's."""

    NEW = 0
    UNDER_WAY = 1
    DONE = 3


@dataclass(frozen=True, slots=True)
class BulkLine:
    """A row of a file: a batch and its people, as they stand there. None: an empty cell."""

    row_number: int  # the line of the file in which it begins, counted from 1
    batch_id: str | None
    user_ids: str | None
    error: str | None = None  # why nobody of it can be done


@dataclass(frozen=True, slots=True)
class BulkFile:
    """An uploaded file. `people`: to be done; `done`: of them.

    `reach`: the organisations that its uploader administers, whose people may come into any of its batches; None: all.
    """

    process_id: str
    kind: str
    uploaded_by: str | None
    reach: list[str] | None
    status: int
    people: int
    done: int
    link_token: str | None
    link_until: datetime | None


@dataclass(frozen=True, slots=True)
class BulkPerson:
    """A person of a line. `outcome` None: still to be done."""

    place: int
    row_number: int
    batch_id: str
    user_id: str
    outcome: str | None


class Move(StrEnum):
    """What a plan does with one person."""

    ADD = "add"
    RETURN = "return"
    KEEP = "keep"
    REMOVE = "remove"
    CONFLICT = "conflict"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class BulkPlanRequest:
    """Who shall be in a batch. `remove_others`: and nobody else; `remove_by_hand`: not even those added by hand.

    `leaving`: whoever of these is in the batch is to leave, however they came.
    """

    batch_id: str
    user_ids: tuple[str, ...]
    remove_others: bool
    remove_by_hand: bool
    leaving: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BatchMember:
    """Somebody who is or was in the batch."""

    user_id: str
    active: bool
    status: int
    added_how: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What a plan does with one person, and why."""

    user_id: str
    move: Move
    reason: str


@dataclass(frozen=True, slots=True)
class BulkPlan:
    """What would be done. `digest` changes when the batch, its people or the request change."""

    batch_id: str
    decisions: Sequence[Decision]
    digest: str

    def of(self, move: Move) -> list[str]:
        """The ids of those with whom it does that."""
        return [decision.user_id for decision in self.decisions if decision.move is move]


@dataclass(frozen=True, slots=True)
class BulkChange:
    """A plan that was carried out."""

    change_id: str
    batch_id: str
    added: Sequence[str]
    returned: Sequence[str]
    removed: Sequence[str]
    undone_at: datetime | None


@dataclass(frozen=True, slots=True)
class RosterLine:
    """One id of a roster. `line`: of the file; `flaw`: why it cannot be taken, with the remedy."""

    line: int
    user_id: str
    flaw: str | None


@dataclass(frozen=True, slots=True)
class RosterDraft:
    """A roster that was read and planned, and waits for a decision. Seen by whoever made it alone."""

    draft_id: str
    batch_id: str
    file_name: str
    made_at: datetime
    lines: Sequence[RosterLine]
    request: BulkPlanRequest
    plan: BulkPlan


@dataclass(frozen=True, slots=True)
class WaitingDraft:
    """A roster that waits for a decision."""

    draft_id: str
    made_at: datetime


@dataclass(frozen=True, slots=True)
class AppliedPlan:
    """A change with who made it and when, as a list shows it."""

    change_id: str
    applied_by: str | None
    applied_at: datetime
    added: int
    returned: int
    removed: int
    undone_at: datetime | None


@dataclass(frozen=True, slots=True)
class UndoPlan:
    """What undoing a change would do. `staying`: completed since; `kept_out`: whom the caller may not bring in."""

    change: BulkChange
    leaving: Sequence[str]
    staying: Sequence[str]
    returning: Sequence[str]
    kept_out: Sequence[str]


@dataclass(frozen=True, slots=True)
class PlanFacts:
    """What a plan depends on: the batch as it stands, and who is in it. `capacity` None: no limit."""

    revision: int
    has_ended: bool
    capacity: int | None
    members: Mapping[str, BatchMember]
    unfit: Collection[str]  # who may not be enrolled by the caller
