"""Pages of a learner."""

from __future__ import annotations

from starlette.responses import Response

from lernbatch.batch import actions as batches
from lernbatch.batch.search import actions as searching
from lernbatch.batch.search.wire import read_search
from lernbatch.certificate import verification
from lernbatch.console import people, rendering
from lernbatch.console.my import view
from lernbatch.console.visit import Visit, see_other
from lernbatch.course import actions as courses
from lernbatch.enrolment import actions as enrolments
from lernbatch.enrolment.model import EnrolmentRequest, EnrolmentsQuery
from lernbatch.enrolment.rules import NotEnrolled
from lernbatch.errors import NotFound, Upstream
from lernbatch.summary import explain

COURSES = 20  # of a page
OPEN_BATCHES = 5
CERTIFICATES = 100


async def show(visit: Visit) -> Response:
    """GET /console/my: the reader's courses, and what is open to join."""
    services, user_id = visit.services, visit.call.subject
    page = await enrolments.list_of(services, EnrolmentsQuery(user_id, COURSES))
    rows = await enrolments.batches_of(services, frozenset(enrolment.batch_id for enrolment in page.enrolments))
    by_id = {batch.batch_id: batch for batch in rows}
    trees = await courses.snapshots(services, {enrolment.course_id for enrolment in page.enrolments})
    certificates = await verification.of_learner(services, user_id, active_only=False, limit=CERTIFICATES)
    open_batches = []
    try:
        person = await services.sunbird.users.profile(user_id)
        if person is not None and person.root_org_id:
            filters = {"createdFor": [person.root_org_id], "enrollmentType": "open", "status": ["0", "1"]}
            newest = {"createdDate": "desc"}
            search = read_search({"filters": filters, "sort_by": newest, "limit": OPEN_BATCHES + COURSES}, {})
            result = await searching.search(services, search, visit.caller)
            open_batches = [batch for batch in result.batches if batch.batch_id not in by_id]
    except Upstream:
        open_batches = []  # who the reader belongs to is not known now; their own courses are shown all the same
    context = view.home(
        page, by_id, trees, certificates, view.joinable(open_batches, services, visit.words)[:OPEN_BATCHES], visit
    )
    return await rendering.page(visit, "my/home.html", context)


async def show_batch(visit: Visit) -> Response:
    """GET /console/my/{batch_id}: where the reader stands in one course, and what is missing."""
    services, user_id, batch_id = visit.services, visit.call.subject, visit.parameters["batch_id"]
    try:
        explanation = await explain.explain(services, user_id, batch_id, visit.caller)
    except NotEnrolled:
        raise NotFound from None
    batch = await batches.find(services.pool, batch_id)
    if batch is None:
        raise NotFound
    may_leave = await enrolments.may_leave(services, batch_id, user_id)
    names = await people.names(visit, batch.mentors[:3])
    return await rendering.page(
        visit, "my/batch.html", view.batch(explanation, batch, names, visit, may_leave=may_leave)
    )


async def leave(visit: Visit) -> Response:
    """POST /console/my/{batch_id}, do=leave"""
    batch_id = visit.parameters["batch_id"]
    request = EnrolmentRequest(
        visit.call.subject, batch_id, None, added_by=visit.caller.user_id, origin=visit.call.origin
    )
    await enrolments.unenrol(visit.services, request)
    return see_other(f"/console/b/{batch_id}?left=1")


async def show_certificates(visit: Visit) -> Response:
    """GET /console/my/certificates"""
    certificates = await verification.of_learner(
        visit.services, visit.call.subject, active_only=False, limit=CERTIFICATES
    )
    context = {"certificates": view.certificates(certificates, visit.words), "most": CERTIFICATES}
    return await rendering.page(visit, "my/certificates.html", context)
