"""What is true of rosters: which lines of a file can be done, and what a plan does with each person."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

import msgspec

from lernbatch.batch import rules as batch
from lernbatch.bulk.model import Decision, Grounds, Line, Move, Plan, Wanted
from lernbatch.enrolment.model import Eligibility, EnrolmentSource, Progress
from lernbatch.errors import NotFound, Refused, Unauthorized
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


class UnknownProcess(NotFound):
    """No such file, or somebody else's."""


class Outdated(Refused):
    """An addition: the batch or its people have changed since the plan was made."""

    code = "ROSTER_PLAN_OUTDATED"
    message = "The batch or its learners have changed since this plan was made. Please make a new plan."


class TooManyNew(Refused):
    """An addition: more people are new to the batch than the user service can be asked about while somebody waits."""

    code = "ROSTER_TOO_MANY_NEW_LEARNERS"
    message = "Too many of these people are new to the batch. Please plan fewer at a time, or upload them as a file."


class UnknownChange(NotFound):
    """No plan was carried out under that id."""


class AlreadyUndone(Refused):
    """An addition: a change is undone once."""

    code = "ROSTER_ALREADY_UNDONE"
    message = "This change has been undone already."


def people_of(line: Line) -> list[str]:
    """The ids in a line's cell, cleaned; the reference knows the comma alone, and takes blanks along."""
    return ids.split(line.user_ids or "")


def error_of(line: Line, standing: Eligibility | None, *, may_manage: bool) -> str | None:
    """Why nobody of a line can be done, in the contract's order (E24 to E27); None: it can."""
    if line.error is not None:
        return line.error
    if standing is None:
        return _unknown_batch(line)
    if not batch.is_invite_only(standing.enrolment_type):
        return NOT_INVITE_ONLY
    if not standing.created_for:
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


def _unknown_batch(line: Line) -> str:
    """The contract's text (E24), unless it can be seen what became of the id."""
    batch_id = line.batch_id or ""
    flaw = ids.flaw(batch_id)
    if flaw is None and ids.has_lost_digits(batch_id):
        flaw = f"{batch_id!r} is a number whose last digits a spreadsheet has lost; {ids.AS_TEXT}"
    return NO_SUCH_BATCH if flaw is None else f"Line {line.row_number}: batchId {flaw}."


def check_somebody_manages(lines: Sequence[Line], standings: Collection[Eligibility]) -> None:
    """A file none of whose lines its uploader manages is not kept. Raises: Unauthorized, batch.InvalidBatch.

    Where not even a batch exists, the contract answers line by line (E24): so it does for what is small.
    """
    if standings:
        raise Unauthorized
    characters = sum(len(line.batch_id or "") + len(line.user_ids or "") for line in lines)
    if len(lines) > UNMANAGED_LINES or characters > UNMANAGED_CHARACTERS:
        raise batch.InvalidBatch


def kept(line: Line) -> Line:
    """What is kept of a line that cannot be done: enough to find it again."""
    return replace(
        line,
        batch_id=line.batch_id and line.batch_id[:KEPT_CHARACTERS],
        user_ids=line.user_ids and line.user_ids[:KEPT_CHARACTERS],
    )


def unenrol_outcome(standing: Eligibility | None) -> str | None:
    """Why a person of a file is not taken out (E29, E30); None: is."""
    if standing is None:
        return NO_SUCH_BATCH
    if not standing.active:
        return NOT_ENROLLED
    return COMPLETED if standing.status == Progress.COMPLETED else None


def plan(wanted: Wanted, grounds: Grounds) -> Plan:
    """What to do with everybody who is wanted or is in the batch, in the order of the wishes, then of the ids."""
    decisions = list(_decide(wanted, grounds))
    told = [wanted.batch_id, grounds.revision, [(one.user_id, one.move, one.reason) for one in decisions]]
    return Plan(wanted.batch_id, decisions, hashlib.sha256(msgspec.json.encode(told)).hexdigest())


def _decide(wanted: Wanted, grounds: Grounds) -> Iterator[Decision]:
    in_list = frozenset(wanted.user_ids)
    others = [member for member in grounds.members.values() if member.active and member.user_id not in in_list]
    leaving = {member.user_id: _leaving(wanted, member.status, member.added_how) for member in others}
    staying = sum(member.active for member in grounds.members.values())
    staying -= sum(move is Move.REMOVE for move, _ in leaving.values())
    seats = None if grounds.capacity is None else max(grounds.capacity - staying, 0)
    for user_id in wanted.user_ids:
        move, reason = _coming(user_id, grounds)
        if move in (Move.ADD, Move.RETURN) and seats is not None:
            move, reason = (Move.CONFLICT, "no seat is left") if seats == 0 else (move, reason)
            seats -= move is not Move.CONFLICT
        yield Decision(user_id, move, reason)
    for user_id in sorted(leaving):
        yield Decision(user_id, *leaving[user_id])


def _coming(user_id: str, grounds: Grounds) -> tuple[Move, str]:
    member = grounds.members.get(user_id)
    if member is not None and member.active:
        return Move.KEEP, "is enrolled"
    if user_id in grounds.unfit:
        return Move.INVALID, NOT_TO_BRING
    if grounds.has_ended:
        return Move.CONFLICT, "the batch has ended"
    return (Move.ADD, "is new") if member is None else (Move.RETURN, "was enrolled before")


def _leaving(wanted: Wanted, status: int, added_how: str) -> tuple[Move, str]:
    if not wanted.remove_others:
        return Move.KEEP, "is not in the list, which removes nobody"
    if status == Progress.COMPLETED:
        return Move.CONFLICT, "has completed the course"
    if added_how != EnrolmentSource.FILE and not wanted.remove_by_hand:
        return Move.KEEP, "was not enrolled by a list"
    return Move.REMOVE, "is not in the list"


def check_lookups(calls: int, most: int) -> None:
    """Raises: TooManyNew, when the user service would have to be called more often than `most`."""
    if calls > most:
        raise TooManyNew


def counts(decisions: Sequence[Decision]) -> Mapping[Move, int]:
    count = Counter(decision.move for decision in decisions)
    return {move: count[move] for move in Move}
