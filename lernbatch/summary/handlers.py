"""HTTP routes of summaries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lernbatch.errors import Missing
from lernbatch.summary import actions, wire
from lernbatch.summary import explain as explanations
from lernbatch.web.request import Call
from lernbatch.web.schema import takes


@takes(wire.SummaryRequest)
async def summarise(call: Call) -> wire.ShownSummary:
    """POST /v1/collection/summary: Summarise a batch. How many learners enrolled, completed and were certified, by
    place if it is asked for.
    """
    query = wire.read_query(call.request)
    return wire.show_summary(await actions.summarise(call.services, query, call.caller))


@takes(query=wire.ExplainQuery, result=wire.ExplainedProgress)
async def explain_enrolment(call: Call) -> Mapping[str, Any]:
    """GET /v1/course/enrollment/explain: Explain an enrolment's progress. The caller's own, or of a batch that the
    caller manages.
    """
    user_id, batch_id = call.query.get("userId") or call.subject, call.query.get("batchId")
    if not batch_id:
        raise Missing("batchId")
    return explanations.show(await explanations.explain(call.services, user_id, batch_id, call.caller))
