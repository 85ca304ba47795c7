"""HTTP entrances of batches: read, call, answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lernbatch.batch import actions, wire
from lernbatch.http import Call, Headed


async def create(call: Call) -> Mapping[str, Any]:
    """POST /v1/course/batch/create: the caller becomes the creator, whoever the request names (defect 12)."""
    return await _create(call, private=False)


async def create_privately(call: Call) -> Mapping[str, Any]:
    """POST /private/v1/course/batch/create: the creator is named in the request."""
    return await _create(call, private=True)


async def _create(call: Call, *, private: bool) -> Mapping[str, Any]:
    clock = call.services.clock
    new = wire.read_new_batch(call.request, call.caller.user_id, clock.now(), clock.zone, private=private)
    batch = await actions.create(call.services, call.caller, new)
    return {"response": "SUCCESS", "batchId": batch.batch_id}


async def update(call: Call) -> Headed:
    """PATCH /v1/course/batch/update: by the creator or a mentor; `If-Match` makes sure of the revision they saw."""
    clock = call.services.clock
    change = wire.read_change(call.request, clock.now(), clock.zone)
    revisions = wire.read_if_match(call.headers.get("if-match"))
    batch = await actions.update(call.services, call.caller, replace(change, revisions=revisions))
    return Headed({}, {"ETag": wire.show_etag(batch)})


async def read(call: Call) -> Headed:
    """GET /v1/course/batch/read/{batch_id}; an unknown id is `{}`, clients test for emptiness (RD1)."""
    batch = await actions.find(call.services.pool, call.parameters["batch_id"])
    if batch is None:
        return Headed({"response": {}}, {})
    clock = call.services.clock
    shown = wire.show_batch(batch, clock.now(), clock.zone, iso=call.services.config.iso_dates)
    return Headed({"response": shown}, {"ETag": wire.show_etag(batch)})


async def list_participants(call: Call) -> Mapping[str, Any]:
    """POST /v1/batch/participants/list: the ids of a batch's learners."""
    asked = wire.read_participants(call.request, call.services.config.participants_limit)
    return wire.show_participants(await actions.participants(call.services.pool, asked))
