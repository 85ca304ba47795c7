"""HTTP routes of webhooks: read, call, answer."""

from __future__ import annotations

from lernbatch.web import audit
from lernbatch.web.fields import mandatory
from lernbatch.web.request import Call
from lernbatch.web.schema import Done, takes
from lernbatch.webhook import actions, wire


@takes(wire.WebhookRequest)
async def create(call: Call) -> wire.MadeWebhook:
    """POST /v1/webhook/create: an address hears what happens in the batches of an organisation."""
    new = wire.read_new(call.request)
    return wire.MadeWebhook(*await actions.create(call.services, call.caller, new, audit.by(call)))


@takes(query=wire.WebhooksQuery)
async def list_webhooks(call: Call) -> wire.WebhooksAnswer:
    """GET /v1/webhook/list?organisationId=…: for who administers the organisation."""
    organisation_id = mandatory(call.query, "organisationId")
    return wire.show_webhooks(await actions.webhooks_of(call.services, call.caller, organisation_id))


@takes(wire.WebhookChangeRequest)
async def update(call: Call) -> Done:
    """PATCH /v1/webhook/update: another address, other kinds, or switched off and on."""
    await actions.update(call.services, call.caller, wire.read_change(call.request), audit.by(call))
    return Done()


@takes(wire.WebhookToUse)
async def delete(call: Call) -> Done:
    """POST /v1/webhook/delete: with its log, and what it was still to hear."""
    await actions.delete(call.services, call.caller, mandatory(call.request, "webhookId"), audit.by(call))
    return Done()


@takes(wire.WebhookToUse)
async def rotate(call: Call) -> wire.NewSecret:
    """POST /v1/webhook/secret/rotate: a new secret; the one before signs beside it for a day."""
    webhook_id = mandatory(call.request, "webhookId")
    return wire.NewSecret(await actions.rotate(call.services, call.caller, webhook_id, audit.by(call)))


@takes(wire.WebhookToUse)
async def test(call: Call) -> wire.TestOutcome:
    """POST /v1/webhook/test: a message of the type webhook.test is sent at once."""
    webhook_id = mandatory(call.request, "webhookId")
    return wire.show_test(await actions.test(call.services, call.caller, webhook_id, audit.by(call)))


@takes(query=wire.WebhookToUse)
async def list_deliveries(call: Call) -> wire.DeliveriesAnswer:
    """GET /v1/webhook/log?webhookId=…: the newest 100 messages, and what came of each."""
    webhook_id = mandatory(call.query, "webhookId")
    return wire.show_log(await actions.log_of(call.services, call.caller, webhook_id))


@takes(wire.WebhookToUse)
async def replay(call: Call) -> wire.Replayed:
    """POST /v1/webhook/replay: what was given up is sent again."""
    webhook_id = mandatory(call.request, "webhookId")
    return wire.Replayed(await actions.replay(call.services, call.caller, webhook_id, audit.by(call)))
