"""The overview of a batch."""

from __future__ import annotations

from starlette.responses import Response

from lernbatch.batch.search import actions as batch_search
from lernbatch.console import batch_frame, people, rendering
from lernbatch.console.batches import view as batches_view
from lernbatch.console.overview import view
from lernbatch.console.visit import Visit, see_other
from lernbatch.enrolment import actions as enrolments
from lernbatch.enrolment.model import EnrolmentRequest, EnrolmentSource


async def show(visit: Visit) -> Response:
    """GET /console/batches/{batch_id}"""
    day = await batch_frame.managed(visit)
    batch, words = day.batch, visit.words
    search = batches_view.one_batch(batch.batch_id)
    counts = (await batch_search.search(visit.services, search, visit.caller)).learner_counts.get(batch.batch_id)
    enrolled, completed = (counts.participants, counts.completed) if counts else (0, 0)
    names = await people.names(visit, batch.mentors[:3])
    context = {
        **batch_frame.frame(visit, day),
        "is_empty": not enrolled,
        "figures": view.figures(day, enrolled, completed, words),
        "next_dates": view.next_dates(day, words),
        "preparations": view.preparations(day, names, words),
        "join_sentence": view.join_sentence(day, words),
        "paths": {page.path for page in visit.console.pages},
        "names_are_missing": names.are_missing,
        "link": f"{visit.services.config.public_url}/b/{batch.batch_id}",
    }
    return await rendering.page(visit, "overview/page.html", context)


async def add(visit: Visit) -> Response:
    """POST /console/batches/{batch_id}, do=add: bring one person in."""
    day = await batch_frame.managed(visit)
    user_id = visit.form.get("userId", "").strip()
    if not user_id:
        visit.refuse(visit.words._("Write the id of the person to bring in."), "userId")
        return await show(visit)
    source, caller = EnrolmentSource.HAND, visit.caller
    request = EnrolmentRequest(
        user_id, day.batch.batch_id, None, added_by=caller.user_id, origin=visit.call.origin, source=source
    )
    (refusal,) = await enrolments.enrol_for(visit.services, caller, [request])
    if refusal is not None:
        raise refusal
    return see_other(visit.path)
