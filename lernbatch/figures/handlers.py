"""HTTP routes of figures: read, call, answer."""

from __future__ import annotations

from lernbatch.figures import actions, wire
from lernbatch.web import audit
from lernbatch.web.request import Call
from lernbatch.web.schema import takes


@takes()
async def read_figures(call: Call) -> wire.FiguresAnswer:
    """GET /v1/course/batch/figures/{batch_id}: Read the figures of a batch. How many learners came how far, for who
    manages the batch.
    """
    batches = await actions.figures(call.services, call.caller, [call.parameters["batch_id"]])
    return wire.FiguresAnswer(wire.show_figures(batches[0]))


@takes(wire.FiguresRequest)
async def list_figures(call: Call) -> wire.FiguresListAnswer:
    """POST /v1/course/batch/figures: Read the figures of several batches. Of at most 50."""
    batch_ids = wire.read_batch_ids(call.request)
    batches = await actions.figures(call.services, call.caller, batch_ids)
    return wire.FiguresListAnswer([wire.show_figures(batch) for batch in batches])


@takes()
async def read_certificate_groups(call: Call) -> wire.CertificateGroupsAnswer:
    """GET /v1/course/batch/cert/figures/{batch_id}: Count the certificates of a batch. What became of those who
    completed it.
    """
    batch = await actions.managed_batch(call.services, call.caller, call.parameters["batch_id"])
    return wire.show_certificate_groups(await actions.certificate_groups(call.services, batch))


@takes(wire.LearnersRequest)
async def list_learners(call: Call) -> wire.LearnersAnswer:
    """POST /v1/course/batch/learners: List where a batch's learners stand. A page of them."""
    query = wire.read_learners(call.request)
    batch = await actions.managed_batch(call.services, call.caller, query.batch_id)
    page = await actions.learners(call.services, batch, query)
    await audit.note_list(call, "batch.learners", page.total, query.batch_id)
    return wire.show_learners(page, query, call.services.clock.now())
