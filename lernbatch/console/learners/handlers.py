"""The table of a batch's learners, and the same as a file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import get_args
from urllib.parse import quote, urlencode

from starlette.responses import Response

from lernbatch.archive.model import Row
from lernbatch.batch.model import Batch
from lernbatch.bulk import drafts
from lernbatch.bulk.model import BulkPlanRequest
from lernbatch.certificate import actions as certificates
from lernbatch.certificate.wire import read_issue
from lernbatch.console import batch_frame, lists, people, rendering, saved_views
from lernbatch.console.batch_frame import BatchDay
from lernbatch.console.learner.view import HOWS
from lernbatch.console.learners import view
from lernbatch.console.learners.pictures import picture_of
from lernbatch.console.roster.view import ASKED_ABOVE
from lernbatch.console.visit import Visit, see_other
from lernbatch.errors import LernbatchError
from lernbatch.figures import actions as figures
from lernbatch.figures.model import LearnersQuery
from lernbatch.figures.wire import read_learners
from lernbatch.mentoring import actions as mentoring
from lernbatch.mentoring.model import How, NewContact
from lernbatch.mentoring.rules import UnknownContact
from lernbatch.web import audit

ROWS, ROWS_OF_FILE = 50, 500
MOST_PICKED = 5000


async def show(visit: Visit) -> Response:
    """GET /console/batches/{batch_id}/learners"""
    day = await batch_frame.managed(visit)
    query, is_understood = query_of(visit, day.batch)
    return await _table(visit, day, query, is_understood=is_understood)


async def find(visit: Visit) -> Response:
    """POST …, do=find: the learners of a name. A form, so that no name stands in an address, a history or a log."""
    day, name = await batch_frame.managed(visit), visit.form.get("learner", "").strip()
    try:
        query = read_learners({"batchId": day.batch.batch_id, "limit": ROWS, "filters": {"name": name}})
    except LernbatchError:
        visit.refuse(visit.words._("Write at least two letters of a word of the name, or the whole id."), "learner")
        return await show(visit)
    return await _table(visit, day, query, is_understood=True)


async def _table(visit: Visit, day: BatchDay, query: LearnersQuery, *, is_understood: bool) -> Response:
    page = await figures.learners(visit.services, day.batch, query)
    if query.after is None:  # nobody makes a cursor of the console
        await audit.note_list(visit.call, "batch.learners", page.total, day.batch.batch_id)
    names = await people.names(visit, [row.user_id for row in page.rows])
    given = visit.query if query.filters.name is None else {}
    contacted = view.moment_of(visit.query.get("contacted", ""))
    context = {
        **batch_frame.frame(visit, day),
        **view.page(page, query, names, given, visit.words),
        "own_id": visit.caller.user_id,
        "hows": [(value, visit.words._(text)) for value, text in HOWS.items()],
        "picked": visit.lists.get("who", []),
        "views": saved_views.shown(await saved_views.of_reader(visit, "learners"), urlencode(view.kept(given))),
        "picture": picture_of(page.figures, visit.path, visit.words),
        "is_understood": is_understood,
        "names_are_missing": names.are_missing,
        "contacted": 0
        if contacted is None
        else await mentoring.contacted_together(visit.services, visit.caller, day.batch.batch_id, contacted),
        "may_give_certificates": bool(day.batch.templates),
    }
    return await rendering.page(visit, "learners/page.html", context)


async def contact(visit: Visit) -> Response:
    """POST …, do=contact: all who were picked were spoken to."""
    day, _ = await batch_frame.managed(visit), visit.words._
    how = next((how for how in get_args(How) if how == visit.form.get("how")), None)
    if how is None:
        visit.refuse(_("Choose how you reached the learners."), "how")
    picked = await _picked(visit, day)
    if visit.problems or how is None:
        return await show(visit)
    new = NewContact(day.batch.batch_id, picked, how, "", leave_alone=False)
    noted = await mentoring.contact(visit.services, visit.caller, new, audit.by(visit.call))
    return see_other(_after(visit, contacted=noted.noted_at.isoformat()))


async def undo(visit: Visit) -> Response:
    """POST …, do=undo: contacts that were noted together, within a day."""
    day, moment = await batch_frame.managed(visit), view.moment_of(visit.form.get("moment", ""))
    if moment is None:
        raise UnknownContact
    by = audit.by(visit.call)
    await mentoring.undo_together(visit.services, visit.caller, day.batch.batch_id, moment, by)
    return see_other(_after(visit, done="undone"))


async def remove(visit: Visit) -> Response:
    """POST …, do=remove: a plan of the roster, that says first what would happen, and can be taken back as a whole."""
    day = await batch_frame.managed(visit)
    picked = await _picked(visit, day, is_asked_later=True)
    if visit.problems:
        return await show(visit)
    batch_id = day.batch.batch_id
    request = BulkPlanRequest(batch_id, (), remove_others=False, remove_by_hand=False, leaving=tuple(picked))
    draft = await drafts.make(visit.services, visit.caller, request, [], "")
    return see_other(f"/console/batches/{quote(batch_id, safe='')}/roster/{draft.draft_id}?will=remove")


async def issue_again(visit: Visit) -> Response:
    """POST …, do=again: certificates of those who were picked are issued anew, with the names as they are now."""
    day = await batch_frame.managed(visit)
    picked = await _picked(visit, day)
    if visit.problems:
        return await show(visit)
    request = {"courseId": day.batch.course_id, "batchId": day.batch.batch_id, "userIds": picked}
    queued = await certificates.queue_issue(visit.services, visit.caller, read_issue(request), again=True)
    return see_other(_after(visit, issued=str(queued.due)))


async def save_view(visit: Visit) -> Response:
    """POST …, do=save-view: the filter and the order of the address, under a name."""
    await batch_frame.managed(visit)
    kept = urlencode(view.kept(visit.query))
    return await saved_views.save(visit, "learners", kept) or await show(visit)


async def forget_view(visit: Visit) -> Response:
    """POST …, do=forget-view"""
    return await saved_views.forget(visit, "learners")


async def _picked(visit: Visit, day: BatchDay, *, is_asked_later: bool = False) -> list[str]:
    """Who is ticked, or everybody whom the filter leaves; notes why the form is refused.

    More than ASKED_ABOVE at once need their number typed, unless a plan asks for it later.
    """
    words = visit.words
    picked = visit.lists.get("who", [])[:MOST_PICKED]
    if "all" in visit.form:
        picked, query = [], replace(query_of(visit, day.batch)[0], limit=ROWS_OF_FILE, after=None)
        while len(picked) <= MOST_PICKED:
            page = await figures.learners(visit.services, day.batch, query)
            picked += [row.user_id for row in page.rows]
            if page.next is None:
                break
            query = replace(query, after=page.next)
    if not picked:
        visit.refuse(words._("Pick at least one learner."), "who")
    elif len(picked) > MOST_PICKED:
        most = words.number(MOST_PICKED)
        visit.refuse(words._("At most %(num)s can be picked at once. Filter some out.", num=most), "all")
    elif len(picked) > ASKED_ABOVE and not is_asked_later and visit.form.get("sure", "").strip() != str(len(picked)):
        text = words._("This is about %(num)s learners. Type that number, and press again.", num=str(len(picked)))
        visit.refuse(text, "sure")
    return picked


def _after(visit: Visit, **said: str) -> str:
    """The list as it was, saying what was done."""
    return f"{visit.path}?{urlencode({**view.kept(visit.query), **said})}"


async def download(visit: Visit) -> Response:
    """GET /console/batches/{batch_id}/learners/list.csv: all rows of the same query."""
    day = await batch_frame.managed(visit)
    query, _ = query_of(visit, day.batch)
    query = replace(query, limit=ROWS_OF_FILE, after=None)
    first = await figures.learners(visit.services, day.batch, query)
    await audit.note(visit.call, "batch.learners", about=day.batch.batch_id)

    async def pages() -> AsyncIterator[Sequence[Row]]:
        page = first
        while True:
            yield view.csv_rows(page, visit.words)
            if page.next is None:
                return
            page = await figures.learners(visit.services, day.batch, replace(query, after=page.next))

    return lists.csv_answer(visit, "learners", view.csv_columns(first, visit.words), pages())


def query_of(visit: Visit, batch: Batch) -> tuple[LearnersQuery, bool]:
    """What the address asks for, as the API reads it; what cannot be read is left out, and the page says so."""
    given = {"batchId": batch.batch_id, "limit": ROWS}
    try:
        return read_learners({**given, **view.read(visit.query, visit.words.now)}), True
    except (LernbatchError, ValueError, OverflowError):
        return read_learners(given), False
