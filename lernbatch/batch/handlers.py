"""HTTP entrances of batches: read, call, answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lernbatch.batch import actions, listings, preview, rules, transfer, wire, wire_document, wire_participants
from lernbatch.batch.model import Asking, Change
from lernbatch.errors import Unauthorized
from lernbatch.web import audit
from lernbatch.web.http import Call, Headed
from lernbatch.web.idempotency import Remember, once


async def create(call: Call) -> Mapping[str, Any]:
    """POST /v1/course/batch/create: the caller becomes the creator, whoever the request names (defect 12)."""
    return await _create(call, private=False)


async def create_privately(call: Call) -> Mapping[str, Any]:
    """POST /private/v1/course/batch/create: the creator is named in the request."""
    return await _create(call, private=True)


async def _create(call: Call, *, private: bool) -> Mapping[str, Any]:
    async def work(remember: Remember) -> Mapping[str, Any]:
        clock, closes_before = call.services.clock, call.services.config.enrolment_closes_days_before_end
        new = wire.read_new_batch(
            call.request,
            call.caller.user_id,
            clock.now(),
            clock.zone,
            closes_before=closes_before,
            private=private,
        )
        return wire.show_created(await actions.create(call.services, _asking(call), new, remember))

    return await once(call, work)


async def clone(call: Call) -> Mapping[str, Any]:
    """POST /v1/course/batch/clone: a batch after another one, with dates of its own and without people."""

    async def work(remember: Remember) -> Mapping[str, Any]:
        clock, closes_before = call.services.clock, call.services.config.enrolment_closes_days_before_end
        source = await actions.find(call.services.pool, wire.read_batch_id(call.request))
        if source is None:
            raise rules.InvalidBatch
        new = wire.read_clone(call.request, source, call.caller.user_id, clock.now(), clock.zone, closes_before)
        return wire.show_created(await actions.clone(call.services, _asking(call), source, new, remember))

    return await once(call, work)


async def _change(call: Call) -> Change:
    zone = await actions.zone_of(call.services, wire.named_batch(call.request))
    return wire.read_change(call.request, call.services.clock.now(), zone)


async def update(call: Call) -> Headed:
    """PATCH /v1/course/batch/update: by the creator or a mentor; `If-Match` makes sure of the revision they saw."""
    change = await _change(call)
    revisions = wire_participants.read_if_match(call.headers.get("if-match"))
    batch = await actions.update(call.services, _asking(call), replace(change, revisions=revisions))
    return Headed({}, {"ETag": wire_document.show_etag(batch)})


async def preview_change(call: Call) -> Mapping[str, Any]:
    """POST /v1/course/batch/preview: what an update with this request would do to the batch's people."""
    change = await _change(call)
    return wire_participants.show_preview(await preview.preview(call.services, _asking(call), change))


async def read(call: Call) -> Headed:
    """GET /v1/course/batch/read/{batch_id}; an unknown id is `{}`, clients test for emptiness (RD1)."""
    batch = await actions.find(call.services.pool, call.parameters["batch_id"])
    if batch is None:
        return Headed({"response": {}}, {})
    clock = call.services.clock
    config = call.services.config
    manages = rules.may_manage(call.caller, batch, config)
    style = wire_document.Style.of(config)
    shown = wire_document.show_batch(batch, clock.now(), style, whole_templates=manages)
    return Headed({"response": shown}, {"ETag": wire_document.show_etag(batch)})


async def list_participants(call: Call) -> Mapping[str, Any]:
    """POST /v1/batch/participants/list: the ids of a batch's learners; to who does not manage it, their own."""
    asked = wire_participants.read_participants(call.request, call.services.config.participants_limit)
    participants = await actions.participants(call.services, call.caller, asked)
    if len(participants.user_ids) >= audit.MANY_PEOPLE:
        await audit.note(call, "batch.participants", about=asked.batch_id)
    return wire_participants.show_participants(participants)


async def transfer_ownership(call: Call) -> Mapping[str, Any]:
    """POST /v1/course/batch/ownership/transfer: by an administrator, within their organisations."""
    organisation_ids = rules.administered(call.caller, call.services.config)
    if organisation_ids == []:
        raise Unauthorized
    wanted = wire_participants.read_transfer(call.request, organisation_ids, call.caller.user_id)
    return wire_participants.show_transferred(await transfer.transfer(call.services, wanted))


async def sync(call: Call) -> Mapping[str, Any]:
    """POST /v1/data/sync: have what others show of batches brought up to date, in the background."""
    wanted = wire_participants.read_sync(call.request)
    if wanted is not None:
        await listings.ask_again(call.services, wanted)
    return {"response": "SUCCESS"}


def _asking(call: Call) -> Asking:
    return Asking(call.caller, call.origin, wire.read_props(call.request))
