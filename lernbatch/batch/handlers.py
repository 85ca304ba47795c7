"""HTTP entrances of batches: read, call, answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lernbatch.batch import actions, rules, wire
from lernbatch.http import Call


async def create(call: Call) -> Mapping[str, Any]:
    """POST /v1/course/batch/create: the caller becomes the creator."""
    return await _create(call, call.caller.user_id)


async def create_privately(call: Call) -> Mapping[str, Any]:
    """POST /private/v1/course/batch/create: the creator is named in the request."""
    named = call.request.get("createdBy")
    return await _create(call, named if isinstance(named, str) else call.caller.user_id)


async def _create(call: Call, created_by: str | None) -> Mapping[str, Any]:
    new = wire.read_new_batch(call.request, created_by)
    today = call.services.clock.today()
    rules.check_new_dates(today, new.start_date, new.end_date, new.enrolment_end_date)
    return {"response": "SUCCESS", "batchId": await actions.create(call.services, new)}


async def read(call: Call) -> Mapping[str, Any]:
    """GET /v1/course/batch/read/{batch_id}; an unknown id is `{}`, clients test for emptiness (RD1)."""
    batch = await actions.find(call.services.pool, call.parameters["batch_id"])
    return {"response": {} if batch is None else wire.show_batch(batch, call.services.clock.zone)}
