"""The overview of a batch."""

from __future__ import annotations

from functools import partial
from urllib.parse import quote

from starlette.responses import Response

from lernbatch.certificate import explain
from lernbatch.console import addresses, batch_frame, people, rendering
from lernbatch.console.learners.pictures import picture_of
from lernbatch.console.overview import view
from lernbatch.console.visit import Visit, see_other
from lernbatch.course import actions as courses
from lernbatch.enrolment import actions as enrolments
from lernbatch.enrolment.model import EnrolmentRequest, EnrolmentSource
from lernbatch.figures import actions as figures


async def show(visit: Visit) -> Response:
    """GET /console/batches/{batch_id}"""
    day = await batch_frame.managed(visit)
    batch, words, services = day.batch, visit.words, visit.services
    (counted,) = await figures.figures_of(services, [batch])
    due = await explain.due_groups(services, batch.batch_id)
    course = await courses.snapshot(services, batch.course_id)
    names = await people.names(visit, batch.mentors[:3])
    links = view.Links(
        partial(addresses.learners, visit, batch.batch_id),
        addresses.page(visit, addresses.CERTIFICATES, batch.batch_id),
        addresses.page(visit, addresses.RULES, batch.batch_id),
    )
    context = {
        **batch_frame.frame(visit, day),
        "counted_at": counted.figures.counted_at,
        "total": counted.figures.enrolled,
        "figures": view.figures(day, counted.figures, links, words),
        "funnel": view.funnel(counted.figures, links, words),
        "chart": view.chart(day, counted.figures, words),
        "needs": view.needs(day, course, counted.figures, due, links, words),
        "units": view.units(counted, links, words),
        "picture": picture_of(counted.figures, f"/console/batches/{quote(batch.batch_id, safe='')}/learners", words),
        "next_dates": view.next_dates(day, words),
        "preparations": view.preparations(day, names, words),
        "join_sentence": view.join_sentence(day, words),
        "paths": {page.path for page in visit.console.pages},
        "names_are_missing": names.are_missing,
        "link": f"{services.config.base_url}/b/{batch.batch_id}",
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
