"""HTTP handlers of batches: read, call, answer."""

from __future__ import annotations

from dataclasses import replace

from lernbatch.batch import actions, listings, preview, rules, transfer, wire, wire_document, wire_participants
from lernbatch.batch.model import BatchChange, ChangeRequester
from lernbatch.errors import Unauthorized
from lernbatch.web import audit
from lernbatch.web.answers import Headed
from lernbatch.web.idempotency import Remember, once
from lernbatch.web.request import Call
from lernbatch.web.schema import Done, Empty, takes


@takes(wire.BatchCreation)
async def create(call: Call) -> wire.CreatedBatch:
    """POST /v1/course/batch/create: Create a batch. The caller becomes its creator, whoever the request names.

    Source: defect 12.
    """
    return await _create(call, private=False)


@takes(wire.PrivateBatchCreation)
async def create_privately(call: Call) -> wire.CreatedBatch:
    """POST /private/v1/course/batch/create: Create a batch in somebody's name. The request names the creator."""
    return await _create(call, private=True)


async def _create(call: Call, *, private: bool) -> wire.CreatedBatch:
    async def work(remember: Remember[str]) -> str:
        clock, closes_days_before = call.services.clock, call.services.config.enrolment_closes_days_before_end
        new = wire.read_new_batch(
            call.request,
            call.caller.user_id,
            clock.now(),
            clock.zone,
            closes_days_before=closes_days_before,
            private=private,
        )
        batch = await actions.create(call.services, _requester(call), new, remember)
        return batch.batch_id

    return wire.CreatedBatch(batch_id=await once(call, work))


@takes(wire.BatchClone, also={422: "The Idempotency-Key was used for another request"})
async def clone(call: Call) -> wire.CreatedBatch:
    """POST /v1/course/batch/clone: Create a batch after another one. With dates of its own and without people."""

    async def work(remember: Remember[str]) -> str:
        clock, closes_days_before = call.services.clock, call.services.config.enrolment_closes_days_before_end
        source = await actions.find(call.services.pool, wire.read_batch_id(call.request))
        if source is None:
            raise rules.InvalidBatch
        new = wire.read_clone(call.request, source, call.caller.user_id, clock.now(), clock.zone, closes_days_before)
        batch = await actions.clone(call.services, _requester(call), source, new, remember)
        return batch.batch_id

    return wire.CreatedBatch(batch_id=await once(call, work))


@takes(
    wire.BatchUpdate,
    result=Empty,
    also={
        409: "So many change the batch at once that this did not get its turn",
        412: "`If-Match` names another revision than the batch has",
    },
)
async def update(call: Call) -> Headed:
    """PATCH /v1/course/batch/update: Change a batch. By its creator or a mentor; `If-Match` makes sure of the revision
    they saw.
    """
    change = await _read_change(call)
    revisions = wire_participants.read_if_match(call.headers.get("if-match"))
    batch = await actions.update(call.services, _requester(call), replace(change, revisions=revisions))
    return Headed({}, {"ETag": wire_document.show_etag(batch)})


@takes(wire.BatchUpdate)
async def preview_change(call: Call) -> wire_participants.PreviewAnswer:
    """POST /v1/course/batch/preview: Preview a change of a batch. What an update with this request would do to its
    learners.
    """
    change = await _read_change(call)
    previewed = await preview.preview(call.services, _requester(call), change)
    await audit.note_list(call, "batch.preview", previewed.affected, previewed.batch_id)
    return wire_participants.show_preview(previewed)


async def _read_change(call: Call) -> BatchChange:
    zone = await actions.zone_of(call.services, wire.named_batch(call.request))
    return wire.read_change(call.request, call.services.clock.now(), zone)


@takes(result=wire_document.BatchRead)
async def read(call: Call) -> Headed:
    """GET /v1/course/batch/read/{batch_id}: Read a batch. An id that no batch has is answered with `{}`, for which
    clients test.

    Source: RD1.
    """
    batch = await actions.batch_of(call.services, call.parameters["batch_id"])
    if batch is None:
        return Headed({"response": {}}, {})
    config = call.services.config
    manages = rules.may_manage(call.caller, batch, config)
    style = wire_document.BatchStyle.of(config)
    document = wire_document.show_batch(batch, call.services.clock.now(), style, whole_templates=manages)
    return Headed({"response": document}, {"ETag": wire_document.show_etag(batch)})


@takes(wire_participants.ParticipantsRequest)
async def list_participants(call: Call) -> wire_participants.ParticipantsAnswer:
    """POST /v1/batch/participants/list: List the learners of a batch. Who does not manage the batch finds their own id
    alone.
    """
    query = wire_participants.read_participants(call.request, call.services.config.participants_limit)
    participants = await actions.participants(call.services, call.caller, query)
    if not set(participants.user_ids) <= set(call.caller.user_ids):  # who does not manage the batch reads of nobody
        await audit.note_list(call, "batch.participants", participants.count, query.batch_id)
    return wire_participants.show_participants(participants)


@takes(wire_participants.OwnershipTransfer)
async def transfer_ownership(call: Call) -> wire_participants.TransferredBatches:
    """POST /v1/course/batch/ownership/transfer: Hand batches over to another person. By an administrator, within their
    organisations.
    """
    organisation_ids = rules.administered(call.caller, call.services.config)
    if organisation_ids == []:
        raise Unauthorized
    request = wire_participants.read_transfer(call.request, organisation_ids, call.caller.user_id)
    return wire_participants.TransferredBatches(count=await transfer.transfer(call.services, request))


@takes(wire_participants.ListingSync)
async def sync(call: Call) -> Done:
    """POST /v1/data/sync: Bring up to date what others show of batches. It is done in the background."""
    request = wire_participants.read_sync(call.request)
    if request is not None:
        await listings.request(call.services, request)
    return Done()


def _requester(call: Call) -> ChangeRequester:
    return ChangeRequester(call.caller, call.origin, wire.read_props(call.request))
