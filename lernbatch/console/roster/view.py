"""What the pages of a roster show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from lernbatch.archive.model import Row
from lernbatch.bulk.drafts import faulty
from lernbatch.bulk.model import AppliedPlan, BulkPlan, Move, RosterDraft, UndoPlan
from lernbatch.console.people import Names
from lernbatch.wording.words import N_, Words

# Move → the class of its colours, its count in a word, and itself as a pill. The order is that of urgency.
KINDS = {
    Move.CONFLICT: ("warn", "c3", N_("conflicts"), N_("conflict")),
    Move.INVALID: ("bad", "cb", N_("invalid lines"), N_("invalid")),
    Move.REMOVE: ("odd", "c4", N_("to remove"), N_("remove")),
    Move.RETURN: ("info", "c2", N_("return with progress"), N_("return")),
    Move.ADD: ("good", "cg", N_("to add"), N_("add")),
    Move.KEEP: ("", "cm", N_("stay as they are"), N_("keep")),
}
ASKED_ABOVE, ASKED_ABOVE_SHARE = 25, 0.05  # people, or of all: above either the number is typed
_WIDTH = 960


def changes(applied: Sequence[AppliedPlan], names: Names, words: Words) -> list[dict[str, Any]]:
    """The changes of a batch, each with what stands in the way of taking it back."""
    return [
        {
            "change_id": change.change_id,
            "at": change.applied_at,
            "by": names.of(change.applied_by) if change.applied_by else "",
            "added": change.added + change.returned,
            "removed": change.removed,
            "undone_at": change.undone_at,
            "newer": newer(applied, change.change_id),
        }
        for change in applied
    ]


def newer(applied: Sequence[AppliedPlan], change_id: str) -> AppliedPlan | None:
    """The newest change that is not taken back and stands on that one; None: it is the newest."""
    for change in applied:
        if change.change_id == change_id:
            return None
        if change.undone_at is None:
            return change
    return None


def plan(draft: RosterDraft, capacity: int | None, words: Words) -> dict[str, Any]:
    """The plan as counts that add up to the lines and the members, before and after."""
    counted = Counter(row.move for row in draft.plan.decisions)
    counted[Move.INVALID] += sum(line.flaw is not None for line in draft.lines)
    counts = {move: counted[move] for move in KINDS}
    total, x, bars = sum(counts.values()), 0.0, []
    for move, count in counts.items():
        width = round(_WIDTH * count / total, 1) if total else 0
        bars.append({"x": round(x, 1), "width": max(width - 2, 1) if count else 0, "class": KINDS[move][1]})
        x += width
    plan = draft.plan
    before = len([row for row in plan.decisions if row.move in (Move.KEEP, Move.REMOVE)])
    before += len([row for row in plan.decisions if row.move is Move.CONFLICT and row.reason == COMPLETED])
    coming, leaving = counts[Move.ADD] + counts[Move.RETURN], counts[Move.REMOVE]
    after = before + coming - leaving
    return {
        "kinds": [
            {"move": move.value, "count": count, "class": KINDS[move][0], "text": words._(KINDS[move][2])}
            for move, count in counts.items()
        ],
        "bars": bars,
        "made_at": draft.made_at,
        "digest": plan.digest[:8],
        "file_name": draft.file_name,
        "lines": len(draft.lines),
        "total": total,
        "before": before,
        "after_count": after,
        "seats_left": None if capacity is None else max(capacity - after, 0),
        "added": counts[Move.ADD],
        "returned": counts[Move.RETURN],
        "removed": leaving,
        "is_empty": not (coming or leaving),
        "asks_for_number": asks_for_number(draft),
        "has_faulty": bool(faulty(draft)),
        "removes_others": draft.request.remove_others,
    }


COMPLETED = "has completed the course"


def asks_for_number(draft: RosterDraft) -> bool:
    """Whether so many would be removed that their number must be typed."""
    removed = len(draft.plan.of(Move.REMOVE))
    members = sum(row.move in (Move.KEEP, Move.REMOVE) for row in draft.plan.decisions)
    return removed > ASKED_ABOVE or (removed > 1 and removed > ASKED_ABOVE_SHARE * members)


def page(draft: RosterDraft, will: str, after: int, size: int) -> tuple[list[dict[str, Any]], int | None]:
    """A page of the rows, the most urgent kinds first, and where the next begins. `will`: of that kind alone."""
    rows = [row for row in _rows(draft) if will in ("", row["move"].value)]
    more = after + size
    return rows[after:more], more if more < len(rows) else None


def named(rows: Sequence[Mapping[str, Any]], names: Names) -> list[dict[str, Any]]:
    """Rows with the names of their people."""
    return [{**row, "name": names.by_id.get(row["user_id"], ""), "kind": KINDS[row["move"]][0]} for row in rows]


def csv_rows(draft: RosterDraft, words: Words) -> list[Row]:
    return [
        [words._(KINDS[row["move"]][3]), row["user_id"], row["line"] or "", words._(row["reason"])]
        for row in _rows(draft)
    ]


def _rows(draft: RosterDraft) -> list[dict[str, Any]]:
    """Everybody of the plan, and every line that cannot be taken."""
    place: dict[str, int] = {}
    for line in draft.lines:
        if line.flaw is None:
            place.setdefault(line.user_id, line.line)
    rows: list[dict[str, Any]] = [
        {"move": Move.INVALID, "user_id": line.user_id, "line": line.line, "reason": line.flaw}
        for line in draft.lines
        if line.flaw is not None
    ]
    rows += [
        {"move": row.move, "user_id": row.user_id, "line": place.get(row.user_id), "reason": row.reason}
        for row in draft.plan.decisions
    ]
    order = {move: number for number, move in enumerate(KINDS)}
    return [{**row, "will": KINDS[row["move"]][3]} for row in sorted(rows, key=lambda row: order[row["move"]])]


def difference(before: BulkPlan, after: BulkPlan) -> int:
    """How many people the new plan treats otherwise than the old one."""
    old = {row.user_id: (row.move, row.reason) for row in before.decisions}
    new = {row.user_id: (row.move, row.reason) for row in after.decisions}
    return sum(old.get(user_id) != new.get(user_id) for user_id in old.keys() | new.keys())


def undo(planned: UndoPlan, names: Names, words: Words) -> dict[str, Any]:
    """Taking a change back, in numbers, and who stays by name."""
    staying = [{"user_id": user_id, "name": names.by_id.get(user_id, "")} for user_id in planned.staying]
    kept_out = [{"user_id": user_id, "name": names.by_id.get(user_id, "")} for user_id in planned.kept_out]
    return {
        "leaving": len(planned.leaving),
        "returning": len(planned.returning),
        "staying": staying,
        "kept_out": kept_out,
        "is_empty": not (planned.leaving or planned.returning),
        "names_are_missing": names.are_missing,
    }
