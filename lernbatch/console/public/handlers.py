"""The public page of a batch: decide, and join."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from starlette.responses import RedirectResponse, Response

from lernbatch.batch import actions as batches
from lernbatch.console import endpoint, rendering
from lernbatch.console.public import view
from lernbatch.console.visit import Visit, see_other
from lernbatch.course import actions as courses
from lernbatch.enrolment import actions as enrolments
from lernbatch.enrolment.model import EnrolmentRequest, JoinState
from lernbatch.errors import NotFound, Unauthorized

JOINS_PER_MINUTE = 5  # of one learner


async def lead(visit: Visit) -> Response:
    """GET /b/{batch_id}: the short address, as it is printed."""
    return RedirectResponse(_address(visit), 302)


async def show(visit: Visit) -> Response:
    """GET /console/b/{batch_id}: what it is, when, and the one button that is right for the reader."""
    services, batch_id = visit.services, visit.parameters["batch_id"]
    batch = await batches.find(services.pool, batch_id)
    if batch is None:
        raise NotFound
    reader = visit.call.subject if visit.session else None
    offer = await enrolments.join_offer(services, batch_id, reader)
    course = await courses.snapshot(services, batch.course_id)
    organisations = await enrolments.organisations_of(services, set(batch.created_for[:3]))
    response = await rendering.page(visit, "public/page.html", view.page(batch, offer, course, organisations, visit))
    if visit.session is None and not visit.problems:
        response.headers["Cache-Control"] = "public, max-age=30"
    if offer.state is JoinState.INVITE_ONLY:
        response.headers["X-Robots-Tag"] = "noindex"
    return response


async def join(visit: Visit) -> Response:
    """POST /console/b/{batch_id}, do=join. Who is in already is led to the course: a double press joins once."""
    services, batch_id = visit.services, visit.parameters["batch_id"]
    if visit.session is None:
        return see_other(f"{endpoint.SIGN_IN}?{urlencode({'next': _address(visit)})}")
    if visit.caller.user_id is None:
        raise Unauthorized
    services.rates.check("join", visit.call.subject, JOINS_PER_MINUTE, services.clock.now())
    offer = await enrolments.join_offer(services, batch_id, visit.call.subject)
    if offer.state is not JoinState.ENROLLED:
        request = EnrolmentRequest(
            visit.call.subject, batch_id, None, added_by=visit.caller.user_id, origin=visit.call.origin
        )
        await enrolments.enrol(services, request)
    return see_other(f"/console/my/{quote(batch_id, safe='')}?joined=1")


def _address(visit: Visit) -> str:
    return f"/console/b/{quote(visit.parameters['batch_id'], safe='')}"
