"""The page of a course that stands in for the portal's player."""

from __future__ import annotations

from starlette.responses import Response

from lernbatch.batch import actions as batches
from lernbatch.console import rendering
from lernbatch.console.course import view
from lernbatch.console.my.view import has_stand_in
from lernbatch.console.visit import Visit, see_other
from lernbatch.enrolment.rules import NotEnrolled
from lernbatch.errors import NotFound
from lernbatch.progress import actions as progress
from lernbatch.progress import wire
from lernbatch.summary import explain
from lernbatch.summary.explain import Explanation


async def show(visit: Visit) -> Response:
    """GET /console/my/{batch_id}/course"""
    explanation = await _explanation(visit)
    batch = await batches.find(visit.services.pool, visit.parameters["batch_id"])
    if batch is None:
        raise NotFound
    return await rendering.page(visit, "course/page.html", view.page(explanation, batch))


async def finish(visit: Visit) -> Response:
    """POST …, do=finish: what a player reports when a content is done, by the request that a player sends."""
    explanation, content_id = await _explanation(visit), visit.form.get("content", "")
    leaf = explanation.course.leaf_node_by_id.get(content_id)
    if leaf is None:
        raise NotFound
    now_ms = visit.services.clock.now_ms()
    right = visit.form.get("right", "") if leaf in explanation.course.assessments else ""
    # A double press is the same attempt.
    request = view.report(explanation.enrolment, leaf, visit.form.get("once", ""), right, now_ms)
    most = visit.services.config.max_contents_per_update
    await progress.record(visit.services, wire.read_update(request, visit.caller, visit.call.subject, most))
    return see_other(f"{visit.path}?done=1")


async def _explanation(visit: Visit) -> Explanation:
    """Where the reader stands. Raises: NotFound, also where a portal has a player of its own."""
    if not has_stand_in(visit.services.config):
        raise NotFound
    try:
        return await explain.explain(visit.services, visit.call.subject, visit.parameters["batch_id"], visit.caller)
    except NotEnrolled:
        raise NotFound from None
