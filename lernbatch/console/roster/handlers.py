"""Pages of a roster."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response

from lernbatch.archive.model import Row
from lernbatch.bulk import drafts, plans, reader
from lernbatch.bulk.model import BulkPlanRequest, Move, RosterDraft
from lernbatch.bulk.rules import PlanOutdated, UnknownChange
from lernbatch.console import batch_frame, lists, people, rendering
from lernbatch.console.roster import view
from lernbatch.console.visit import Visit, see_other
from lernbatch.tables.model import Unreadable
from lernbatch.web import audit

CHANGES, DAYS = 20, 30  # of a batch: how many, and of how long ago, can be taken back here
ROWS = 50  # of a page
WAITING = 5  # plans that are shown, the newest


async def show(visit: Visit) -> Response:
    """GET /console/batches/{batch_id}/roster: choose a file; what was changed lately."""
    day = await batch_frame.managed(visit)
    changes = await plans.changes_of(visit.services, day.batch.batch_id, days=DAYS, limit=CHANGES)
    names = await people.names(visit, [change.applied_by for change in changes if change.applied_by])
    context = {
        **batch_frame.frame(visit, day),
        "waiting": await drafts.waiting(visit.services, visit.caller, day.batch.batch_id, limit=WAITING),
        "changes": view.changes(changes, names, visit.words),
        "most": visit.services.config.bulk_row_limit,
        "days": DAYS,
        "applied": next((change for change in changes if change.change_id == visit.query.get("changed")), None),
    }
    return await rendering.page(visit, "roster/page.html", context)


async def read(visit: Visit) -> Response:
    """POST …, do=read: plan the list of a file, or the ids that were typed. Nothing happens in the batch."""
    day, _ = await batch_frame.managed(visit), visit.words._
    file, typed = visit.files.get("file"), visit.form.get("ids", "")
    if file is None and not typed.strip():
        visit.refuse(_("Choose a file, or type the ids of the people."), "file")
        return await show(visit)
    field = "ids" if file is None else "file"
    try:
        if file is None:
            lines = await asyncio.to_thread(drafts.read_text, typed, visit.services.config.bulk_row_limit)
        else:
            lines = await reader.read_roster(visit.services, file.content)
    except Unreadable as wrong:
        visit.refuse(wrong.sentence, field)
        return await show(visit)
    if not lines:
        visit.refuse(_("There is nobody in the list."), field)
        return await show(visit)
    request = BulkPlanRequest(
        day.batch.batch_id,
        tuple(line.user_id for line in lines if line.flaw is None),
        remove_others="whole" in visit.form,
        remove_by_hand="by_hand" in visit.form,
    )
    name = file.name if file is not None else ""
    draft = await drafts.make(visit.services, visit.caller, request, lines, name)
    await audit.note_list(visit.call, "bulk.plan", len(draft.plan.decisions), draft.batch_id)
    return see_other(_address(visit, draft.draft_id))


async def download_example(_: Visit) -> Response:
    """GET …/roster/empty.csv: the columns that a file has."""
    headers = {"Content-Disposition": 'attachment; filename="roster.csv"'}
    return Response(f"\N{BYTE ORDER MARK}{drafts.COLUMN}\r\n", media_type="text/csv; charset=utf-8", headers=headers)


async def show_plan(visit: Visit) -> Response:
    """GET …/roster/{draft}: what would be done with everybody, and why."""
    day = await batch_frame.managed(visit)
    draft = await _draft(visit)
    rows, after = view.page(draft, visit.query.get("will", ""), _after(visit), ROWS)
    names = await people.names(visit, [row["user_id"] for row in rows if row["user_id"]])
    context = {
        **batch_frame.frame(visit, day),
        **view.plan(draft, day.batch.capacity, visit.words),
        "rows": view.named(rows, names),
        "after": after,
        "names_are_missing": names.are_missing,
        "address": _address(visit, draft.draft_id),
        "roster_address": _address(visit),
    }
    return await rendering.page(visit, "roster/plan.html", context)


async def apply(visit: Visit) -> Response:
    """POST …/roster/{draft}, do=apply: exactly this plan, or none."""
    await batch_frame.managed(visit)
    draft, _ = await _draft(visit), visit.words._
    removed = len(draft.plan.of(Move.REMOVE))
    if view.asks_for_number(draft) and visit.form.get("sure", "").strip() != str(removed):
        visit.refuse(_("Type the number of people who would be removed: %(num)s.", num=str(removed)), "sure")
        return await show_plan(visit)
    try:
        change = await plans.apply(visit.services, visit.caller, draft.request, draft.plan.digest, visit.call.origin)
    except PlanOutdated:
        again = await drafts.make(visit.services, visit.caller, draft.request, list(draft.lines), draft.file_name)
        await drafts.discard(visit.services, draft)
        return see_other(f"{_address(visit, again.draft_id)}?outdated={view.difference(draft.plan, again.plan)}")
    await drafts.discard(visit.services, draft)
    return see_other(f"{_address(visit)}?changed={change.change_id}")


async def discard(visit: Visit) -> Response:
    """POST …/roster/{draft}, do=discard"""
    await batch_frame.managed(visit)
    await drafts.discard(visit.services, await _draft(visit))
    return see_other(_address(visit))


async def download_plan(visit: Visit) -> Response:
    """GET …/roster/{draft}/plan.csv"""
    await batch_frame.managed(visit)
    draft, _ = await _draft(visit), visit.words._
    columns = [_("Will"), _("Person"), _("Line"), _("Because")]
    return lists.csv_answer(visit, "roster-plan", columns, _in_pages(view.csv_rows(draft, visit.words)))


async def download_faulty(visit: Visit) -> Response:
    """GET …/roster/{draft}/faulty.csv: the lines to mend; the file can be dropped again as it is."""
    await batch_frame.managed(visit)
    draft, _ = await _draft(visit), visit.words._
    rows: list[Row] = [[line.user_id, line.line, line.flaw or ""] for line in drafts.faulty(draft)]
    return lists.csv_answer(visit, "faulty-lines", [drafts.COLUMN, _("Line"), _("Because")], _in_pages(rows))


async def show_undo(visit: Visit) -> Response:
    """GET …/roster/changes/{change_id}: what taking a change back would do. Nothing happens."""
    day = await batch_frame.managed(visit)
    change_id, services = visit.parameters["change_id"], visit.services
    planned = await plans.undo_plan(services, visit.caller, change_id)
    if planned.change.batch_id != day.batch.batch_id:
        raise UnknownChange
    changes = await plans.changes_of(services, day.batch.batch_id, days=DAYS, limit=CHANGES)
    shown = [*planned.staying[:ROWS], *planned.kept_out[:ROWS]]
    names = await people.names(visit, shown)
    context = {
        **batch_frame.frame(visit, day),
        **view.undo(planned, names, visit.words),
        "newer": view.newer(changes, change_id),
        "roster_address": _address(visit),
    }
    return await rendering.page(visit, "roster/undo.html", context)


async def undo(visit: Visit) -> Response:
    """POST …/roster/changes/{change_id}, do=undo"""
    day, change_id = await batch_frame.managed(visit), visit.parameters["change_id"]
    changes = await plans.changes_of(visit.services, day.batch.batch_id, days=DAYS, limit=CHANGES)
    if change_id not in [change.change_id for change in changes] or view.newer(changes, change_id):
        return RedirectResponse(visit.path, 303)  # where the page says which one comes first
    await plans.undo(visit.services, visit.caller, change_id, visit.call.origin)
    return see_other(f"{_address(visit)}?undone={change_id}")


async def _draft(visit: Visit) -> RosterDraft:
    return await drafts.find(visit.services, visit.caller, visit.parameters["batch_id"], visit.parameters["draft_id"])


def _address(visit: Visit, draft_id: str | None = None) -> str:
    address = f"/console/batches/{quote(visit.parameters['batch_id'], safe='')}/roster"
    return address if draft_id is None else f"{address}/{draft_id}"


def _after(visit: Visit) -> int:
    """Where the page of rows begins."""
    given = visit.query.get("after", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 9 else 0


async def _in_pages(rows: Sequence[Row]) -> AsyncIterator[Sequence[Row]]:
    for start in range(0, len(rows), 1000):
        yield rows[start : start + 1000]
        await asyncio.sleep(0)
