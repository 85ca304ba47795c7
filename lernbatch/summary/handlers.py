"""HTTP route of summaries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lernbatch.errors import Missing
from lernbatch.summary import actions, wire
from lernbatch.summary import explain as explanations
from lernbatch.web.request import Call


async def summarise(call: Call) -> Mapping[str, Any]:
    """POST /v1/collection/summary"""
    asked = wire.read_asked(call.request)
    return wire.show_summary(await actions.summarise(call.services, asked, call.caller))


async def explain_enrolment(call: Call) -> Mapping[str, Any]:
    """GET /v1/course/enrollment/explain?userId=…&batchId=…: the caller's own, or of a batch they manage."""
    user_id, batch_id = call.query.get("userId") or call.subject, call.query.get("batchId")
    if not batch_id:
        raise Missing("batchId")
    return explanations.show(await explanations.explain(call.services, user_id, batch_id, call.caller))
