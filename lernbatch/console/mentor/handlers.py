"""The mentor's list."""

from __future__ import annotations

from starlette.responses import Response

from lernbatch.batch.search import actions as searching
from lernbatch.batch.search.wire import read_search
from lernbatch.console import people, rendering
from lernbatch.console.mentor import view
from lernbatch.console.visit import Visit, see_other
from lernbatch.figures import actions as figures
from lernbatch.mentoring import actions as mentoring
from lernbatch.mentoring.wire import read_contact
from lernbatch.web import audit


async def show(visit: Visit) -> Response:
    """GET /console/mentor: at most twelve of the reader's running batches' learners, who needs help first on top."""
    services, caller, words = visit.services, visit.caller, visit.words
    rows = []
    for whose in ("mentors", "createdBy"):
        filters = {whose: [caller.user_id], "status": ["1"]}
        request = {"filters": filters, "sort_by": {"endDate": "asc"}, "limit": figures.MOST_BATCHES}
        rows += list((await searching.search(services, read_search(request, {}), caller)).batches)
    batch_ids = list(dict.fromkeys(batch.batch_id for batch in rows))[: figures.MOST_BATCHES]
    managed = await figures.managed_batches(services, caller, batch_ids)
    help_list = await mentoring.help_first(services, managed, contacted_by=caller.user_id)
    ids = [entry.learner.user_id for entry in help_list.today] + [shown.contact.user_id for shown in help_list.lately]
    names = await people.names(visit, ids)
    context = view.page(help_list, {batch.batch_id: batch.name for batch in managed}, names, words)
    return await rendering.page(visit, "mentor/page.html", context)


async def contact(visit: Visit) -> Response:
    """POST /console/mentor, do=contact: a learner of the list was spoken to."""
    batch_id, _, user_id = visit.form.get("who", "").partition(" ")
    request = {"batchId": batch_id, "userIds": [user_id], "how": visit.form.get("how") or "phone"}
    noted = await mentoring.contact(visit.services, visit.caller, read_contact(request), audit.by(visit.call))
    return see_other(f"{visit.path}?done={noted.contact_ids[user_id]}")


async def undo(visit: Visit) -> Response:
    """POST /console/mentor, do=undo: within a day."""
    batch_id, user_id, contact_id = (visit.form.get("which", "") + "  ").split(" ")[:3]
    await mentoring.undo(visit.services, visit.caller, batch_id, user_id, contact_id, audit.by(visit.call))
    return see_other(visit.path)


async def explain_order(visit: Visit) -> Response:
    """GET /console/mentor/order: how the order of the list is made."""
    return await rendering.page(visit, "mentor/order.html", {})
