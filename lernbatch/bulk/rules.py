"""The rules of bulk enrolment: which lines of a file can be done, and what a plan does with each person."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import msgspec

from lernbatch.batch import rules as batch
from lernbatch.bulk.model import (
    BatchMember,
    BulkChange,
    BulkLine,
    BulkPlan,
    BulkPlanRequest,
    Decision,
    Move,
    PlanFacts,
    UndoPlan,
)
from lernbatch.enrolment.model import Eligibility, EnrolmentSource, Progress
from lernbatch.errors import Busy, NotFound, Refused, Unauthorized
from lernbatch.tables import ids

NO_SUCH_BATCH = batch.InvalidBatch.message
NOT_INVITE_ONLY = "Enrollment type should be invite-only."
NO_ORGANISATION = "Batch does not belong to any organization ."
NOT_ALLOWED = "You are not authorized."
NOT_TO_BRING = "is not known to the user service, or belongs to none of the batch's organisations"
NOT_ENROLLED = "User is not enrolled to given course batch."
COMPLETED = "User already completed given course batch."
UNMANAGED_LINES, UNMANAGED_CHARACTERS = 200, 64 * 1024  # of a file without a batch that exists
KEPT_CHARACTERS = 2000  # of each cell of a line that cannot be done


class LinkUnavailable(Refused):
    """The file is not done yet, so there is no result to fetch."""

    code = "ERROR_DOWNLOAD_LINK_UNAVAILABLE"
    message = "Download link is unavailable."


class UnknownFile(NotFound):
    """No such file, or somebody else's."""


class PlanOutdated(Refused):
    """An addition: the batch or its people have changed since the plan was made."""

    code = "ROSTER_PLAN_OUTDATED"
    message = "The batch or its learners have changed since this plan was made. Please make a new plan."


class TooManyNew(Refused):
    """An addition: more people are new to the batch than the user service can be asked about while somebody waits."""

    code = "ROSTER_TOO_MANY_NEW_LEARNERS"
    message = "Too many of these people are new to the batch. Please plan fewer at a time, or upload them as a file."


class TooManyFiles(Busy):
    """An addition: files are read one after the other, and the ones before this take too long."""

    message = "Too many files are uploaded at the moment, please try again later."
    retry_after_seconds = 10


class UnknownChange(NotFound):
    """No plan was carried out under that id."""


class AlreadyUndone(Refused):
    """An addition: a change is undone once."""

    code = "ROSTER_ALREADY_UNDONE"
    message = "This change has been undone already."


def people_of(line: BulkLine) -> list[str]:
    """The ids in a line's cell, cleaned; the reference knows the comma alone, and takes blanks along."""
    return ids.split(line.user_ids or "")


def error_of(line: BulkLine, eligibility: Eligibility | None, *, may_manage: bool) -> str | None:
    """Why nobody of a line can be done, in the contract's order (E24 to E27); None: it can."""
    if line.error is not None:
        return line.error
    if eligibility is None:
        # The contract's text (E24), unless it can be seen what became of the id.
        batch_id = line.batch_id or ""
        if not batch_id and len(people_of(line)) > 1:
            return f"Line {line.row_number}: batchId is empty; {ids.OTHER_SEPARATOR}."
        flaw = ids.flaw(batch_id)
        if flaw is None and ids.has_lost_digits(batch_id):
            flaw = f"{batch_id!r} is a number whose last digits a spreadsheet has lost; {ids.AS_TEXT}"
        return NO_SUCH_BATCH if flaw is None else f"Line {line.row_number}: batchId {flaw}."
    if not batch.is_invite_only(eligibility.enrolment_type):
        return NOT_INVITE_ONLY
    if not eligibility.created_for:
        return NO_ORGANISATION
    if not may_manage:
        return NOT_ALLOWED
    people = people_of(line)
    if not people:
        return "userIds is missing."
    if len(people) != len(set(people)):
        return "userIds has duplicates."
    flaw = next((flaw for user_id in people if (flaw := ids.flaw(user_id))), None)
    return None if flaw is None else f"Line {line.row_number}: userIds {flaw}."


def check_somebody_manages(lines: Sequence[BulkLine], batches: Collection[Eligibility]) -> None:
    """A file none of whose lines its uploader manages is not kept. Raises: Unauthorized, batch.InvalidBatch.

    Where not even a batch exists, the contract answers line by line (E24): so it does for what is small.
    """
    if batches:
        raise Unauthorized
    characters = sum(len(line.batch_id or "") + len(line.user_ids or "") for line in lines)
    if len(lines) > UNMANAGED_LINES or characters > UNMANAGED_CHARACTERS:
        raise batch.InvalidBatch


def shortened(line: BulkLine) -> BulkLine:
    """A line that cannot be done, with as much of its cells as is stored: enough to find it again."""
    return replace(
        line,
        batch_id=line.batch_id and line.batch_id[:KEPT_CHARACTERS],
        user_ids=line.user_ids and line.user_ids[:KEPT_CHARACTERS],
    )


def unenrol_refusal(eligibility: Eligibility | None) -> str | None:
    """Why a person of a file is not unenrolled (E29, E30); None: they are."""
    if eligibility is None:
        return NO_SUCH_BATCH
    if not eligibility.active:
        return NOT_ENROLLED
    return COMPLETED if eligibility.status == Progress.COMPLETED else None


def plan(request: BulkPlanRequest, facts: PlanFacts) -> BulkPlan:
    """What to do with everybody who is named or is in the batch: in the order of the request, then of the ids."""
    named = frozenset(request.user_ids)
    others = [member for member in facts.members.values() if member.active and member.user_id not in named]
    picked = frozenset(request.leaving)
    leaving = {member.user_id: move_of_other(request, member, is_picked=member.user_id in picked) for member in others}
    staying = sum(member.active for member in facts.members.values())
    staying -= sum(move is Move.REMOVE for move, _ in leaving.values())
    seats = None if facts.capacity is None else max(facts.capacity - staying, 0)
    decisions = []
    for user_id in request.user_ids:
        move, reason = move_of_named(user_id, facts)
        if move in (Move.ADD, Move.RETURN) and seats is not None:
            move, reason = (Move.CONFLICT, "no seat is left") if seats == 0 else (move, reason)
            seats -= move is not Move.CONFLICT
        decisions.append(Decision(user_id, move, reason))
    decisions += [Decision(user_id, *leaving[user_id]) for user_id in sorted(leaving)]
    content = [request.batch_id, facts.revision, [(row.user_id, row.move, row.reason) for row in decisions]]
    return BulkPlan(request.batch_id, decisions, hashlib.sha256(msgspec.json.encode(content)).hexdigest())


def move_of_named(user_id: str, facts: PlanFacts) -> tuple[Move, str]:
    """What a plan does with somebody in the list, seats aside, and why."""
    member = facts.members.get(user_id)
    if member is not None and member.active:
        return Move.KEEP, "is enrolled"
    if user_id in facts.unfit:
        return Move.INVALID, NOT_TO_BRING
    if facts.has_ended:
        return Move.CONFLICT, "the batch has ended"
    return (Move.ADD, "is new") if member is None else (Move.RETURN, "was enrolled before")


def move_of_other(request: BulkPlanRequest, member: BatchMember, *, is_picked: bool) -> tuple[Move, str]:
    """What a plan does with a learner who is not in the list, and why. `is_picked`: is one of those who shall leave."""
    if not request.remove_others and not is_picked:
        return Move.KEEP, "is not in the list, which removes nobody" if not request.leaving else "was not picked"
    if member.status == Progress.COMPLETED:
        return Move.CONFLICT, "has completed the course"
    if is_picked:
        return Move.REMOVE, "was picked"
    if member.added_how != EnrolmentSource.FILE and not request.remove_by_hand:
        return Move.KEEP, "was not enrolled by a list"
    return Move.REMOVE, "is not in the list"


def undo_plan(change: BulkChange, members: Mapping[str, BatchMember], unfit: Collection[str]) -> UndoPlan:
    """Who came goes, unless they have completed since; who was removed returns, if the caller may bring them in."""
    came = [user_id for user_id in (*change.added, *change.returned) if user_id in members and members[user_id].active]
    staying = [user_id for user_id in came if members[user_id].status == Progress.COMPLETED]
    gone = [user_id for user_id in change.removed if not (user_id in members and members[user_id].active)]
    return UndoPlan(
        change,
        leaving=[user_id for user_id in came if members[user_id].status != Progress.COMPLETED],
        staying=staying,
        returning=[user_id for user_id in gone if user_id not in unfit],
        kept_out=[user_id for user_id in gone if user_id in unfit],
    )


def check_lookups(calls: int, most: int) -> None:
    """Raises: TooManyNew, when the user service would have to be called more often than `most`."""
    if calls > most:
        raise TooManyNew


def counts(decisions: Sequence[Decision]) -> Mapping[str, int]:
    """How often a plan does each."""
    count = Counter(decision.move for decision in decisions)
    return {move.value: count[move] for move in Move}
