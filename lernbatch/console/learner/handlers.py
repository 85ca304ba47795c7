"""The page of one learner of a batch."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote, urlencode

from starlette.responses import Response

from lernbatch.console import batch_frame, people, rendering
from lernbatch.console.batch_frame import BatchDay
from lernbatch.console.learner import view
from lernbatch.console.learners import view as learners_view
from lernbatch.console.learners.handlers import query_of
from lernbatch.console.visit import Visit, see_other
from lernbatch.enrolment import actions as enrolments
from lernbatch.enrolment.model import EnrolmentRequest, EnrolmentSource
from lernbatch.enrolment.rules import NotEnrolled
from lernbatch.errors import NotFound, Upstream
from lernbatch.figures import actions as figures
from lernbatch.mentoring import actions as mentoring
from lernbatch.mentoring.wire import read_contact
from lernbatch.person import consents
from lernbatch.person.model import SharedContact
from lernbatch.summary import explain
from lernbatch.web import audit


async def show(visit: Visit) -> Response:
    """GET /console/batches/{batch_id}/learners/{user_id}"""
    day = await batch_frame.managed(visit)
    services, batch_id, user_id = visit.services, day.batch.batch_id, visit.parameters["user_id"]
    try:
        explanation = await explain.explain(services, user_id, batch_id, visit.caller)
    except NotEnrolled:
        raise NotFound from None
    history = await mentoring.history(services, visit.caller, batch_id, user_id)
    contacts = await mentoring.contacts_of(services, visit.caller, batch_id, user_id)
    following = await _following(visit, day)
    others = [following[0]] if following else []
    names = await people.names(visit, [user_id, *others, *filter(None, [entry.by for entry in history])])
    shared = await _shared_contact(visit, day, user_id)
    context = {
        **batch_frame.frame(visit, day),
        **view.page(explanation, history, contacts, names, visit.words),
        "shared": shared,
        "learners_address": f"/console/batches/{quote(batch_id, safe='')}/learners",
        "list_query": urlencode(learners_view.kept(visit.query)),
        "following": following and (following[1], names.of(following[0])),
    }
    return await rendering.page(visit, "learner/page.html", context)


async def _following(visit: Visit, day: BatchDay) -> tuple[str, str] | None:
    """Who stands behind this learner in the list that the reader came from, and the address from there.

    None: nobody, or it was no list.
    """
    if "after" not in visit.query:
        return None
    query, _ = query_of(visit, day.batch)
    page = await figures.learners(visit.services, day.batch, replace(query, limit=1))
    rows = [(row.user_id, learners_view.link(row, query, visit.query)) for row in page.rows]
    return rows[0] if rows and query.after is not None else None


async def _shared_contact(visit: Visit, day: BatchDay, user_id: str) -> SharedContact | None:
    """How the learner can be reached, where they let the reader's organisation see it; each look is in the audit."""
    users, caller = visit.services.sunbird.users, visit.caller
    try:
        reader = await users.profile(caller.user_id or "", caller.token)
        if reader is None:
            return None
        organisation_id = reader.root_org_id
        shared = await consents.shared_contact(visit.services, user_id, day.batch.course_id, organisation_id)
    except Upstream:
        return None
    if shared is not None:
        await audit.note(visit.call, "learner.reach", whom=[user_id], about=day.batch.batch_id)
    return shared


async def contact(visit: Visit) -> Response:
    """POST …, do=contact: the learner was spoken to, and leaves the list of whom to help for three days."""
    day = await batch_frame.managed(visit)
    if not visit.form.get("how"):
        visit.refuse(visit.words._("Choose how you reached the learner."), "how")
        return await show(visit)
    request = {
        "batchId": day.batch.batch_id,
        "userIds": [visit.parameters["user_id"]],
        "how": visit.form["how"],
        "note": visit.form.get("note", ""),
        "leaveAlone": "leave_alone" in visit.form,
    }
    await mentoring.contact(visit.services, visit.caller, read_contact(request), audit.by(visit.call))
    return see_other(f"{visit.path}?{urlencode({**visit.query, 'done': 'contacted'})}")


async def undo(visit: Visit) -> Response:
    """POST …, do=undo: a contact that was noted by mistake, within a day."""
    day, contact_id = await batch_frame.managed(visit), visit.form.get("contact", "")
    user_id = visit.parameters["user_id"]
    await mentoring.undo(visit.services, visit.caller, day.batch.batch_id, user_id, contact_id, audit.by(visit.call))
    return see_other(f"{visit.path}?done=undone")


async def remove(visit: Visit) -> Response:
    """POST …, do=remove: out of the batch; what was done is kept."""
    day, caller = await batch_frame.managed(visit), visit.caller
    request = EnrolmentRequest(
        visit.parameters["user_id"],
        day.batch.batch_id,
        None,
        added_by=caller.user_id,
        origin=visit.call.origin,
        source=EnrolmentSource.HAND,
    )
    (refusal,) = await enrolments.unenrol_for(visit.services, caller, [request])
    if refusal is not None:
        raise refusal
    return see_other(f"{visit.path}?done=removed")
