"""HTTP routes of webhooks: read, call, answer."""

from __future__ import annotations

from lernbatch.web import audit
from lernbatch.web.fields import mandatory
from lernbatch.web.request import Call
from lernbatch.web.schema import Done, takes
from lernbatch.webhook import actions, wire


@takes(wire.WebhookRequest)
async def create(call: Call) -> wire.MadeWebhook:
    """POST /v1/webhook/create: Make a webhook. It is told what happens in the batches of an organisation."""
    new = wire.read_new(call.request)
    return wire.MadeWebhook(*await actions.create(call.services, call.caller, new, audit.by(call)))


@takes(query=wire.WebhooksQuery)
async def list_webhooks(call: Call) -> wire.WebhooksAnswer:
    """GET /v1/webhook/list: List the webhooks of an organisation. The oldest first."""
    organisation_id = mandatory(call.query, "organisationId")
    return wire.show_webhooks(await actions.webhooks_of(call.services, call.caller, organisation_id))


@takes(wire.WebhookChangeRequest)
async def update(call: Call) -> Done:
    """PATCH /v1/webhook/update: Change a webhook. Another address, other kinds, or switched off and on."""
    await actions.update(call.services, call.caller, wire.read_change(call.request), audit.by(call))
    return Done()


@takes(wire.WebhookToUse)
async def delete(call: Call) -> Done:
    """POST /v1/webhook/delete: Delete a webhook. With its log, and what it was still to hear."""
    await actions.delete(call.services, call.caller, mandatory(call.request, "webhookId"), audit.by(call))
    return Done()


@takes(wire.WebhookToUse)
async def rotate(call: Call) -> wire.NewSecret:
    """POST /v1/webhook/secret/rotate: Give a webhook a new secret. The one before signs beside it for a day."""
    webhook_id = mandatory(call.request, "webhookId")
    return wire.NewSecret(await actions.rotate(call.services, call.caller, webhook_id, audit.by(call)))


@takes(wire.WebhookToUse)
async def test(call: Call) -> wire.TestOutcome:
    """POST /v1/webhook/test: Send a test to a webhook. It has the type webhook.test, and is sent at once."""
    webhook_id = mandatory(call.request, "webhookId")
    return wire.show_test(await actions.test(call.services, call.caller, webhook_id, audit.by(call)))


@takes(query=wire.WebhookToUse)
async def list_deliveries(call: Call) -> wire.DeliveriesAnswer:
    """GET /v1/webhook/log: Read the log of a webhook. The newest 100 messages, and what came of each."""
    webhook_id = mandatory(call.query, "webhookId")
    return wire.show_log(await actions.log_of(call.services, call.caller, webhook_id))


@takes(wire.WebhookToUse)
async def replay(call: Call) -> wire.Replayed:
    """POST /v1/webhook/replay: Send again what was given up. The answer says how many messages."""
    webhook_id = mandatory(call.request, "webhookId")
    return wire.Replayed(await actions.replay(call.services, call.caller, webhook_id, audit.by(call)))
