"""The JSON of webhooks. All of these calls are additions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from lernbatch.errors import Missing
from lernbatch.figures.wire import read
from lernbatch.jobs.outbox.announcements import KINDS, Kind
from lernbatch.web.fields import blank, mandatory
from lernbatch.web.schema import Fields
from lernbatch.webhook.model import DeliveryAttempt, LoggedDelivery, NewWebhook, Webhook, WebhookChange

WebhookId: TypeAlias = Annotated[
    str, Meta(description="The webhook.", examples=["9b1f8f0e-6f0c-4c55-8a53-0d6f1d7a2f10"])
]
OrganisationId: TypeAlias = Annotated[
    str, Meta(description="Of whose batches it hears.", examples=["0130000000000000001"], max_length=255)
]
Address: TypeAlias = Annotated[
    str, Meta(description="Where messages are posted to.", examples=["https://lms.example/hooks/lernbatch"])
]
Kinds: TypeAlias = Annotated[
    list[Kind], Meta(description="What it hears of; empty: everything.", max_length=len(KINDS))
]
Secret: TypeAlias = Annotated[
    str,
    Meta(
        description="What messages are signed with. It is shown this once.",
        examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    ),
]


class WebhookRequest(Fields):
    """An address of an organisation that is to be told."""

    organisation_id: OrganisationId
    url: Address
    kinds: Kinds = msgspec.field(default_factory=list)


class MadeWebhook(Fields):
    """A new webhook."""

    webhook_id: WebhookId
    secret: Secret


class WebhooksQuery(Fields):
    """Whose webhooks."""

    organisation_id: OrganisationId


class ShownWebhook(Fields):
    """A webhook, without its secret."""

    webhook_id: WebhookId
    organisation_id: OrganisationId
    url: Address
    kinds: Kinds
    active: bool
    stopped: Annotated[
        str | None,
        Meta(
            description="Why nothing is sent any more; null: it is sent, or somebody switched it off.",
            examples=["It answered 410: nobody wants to be told there any more."],
        ),
    ]
    created_by: Annotated[str | None, Meta(examples=["5f1c7a3e-5b5c-4d6e-8f00-1a2b3c4d5e6f"])]
    created_at: datetime
    worked_at: Annotated[datetime | None, Meta(description="When a message was last taken.")]


class WebhooksAnswer(Fields):
    """The webhooks of an organisation, the oldest first."""

    response: list[ShownWebhook]


class WebhookChangeRequest(Fields):
    """What is to be different; what is left out stays. `active` true begins anew after failures."""

    webhook_id: WebhookId
    url: Address | UnsetType = UNSET
    kinds: Kinds | UnsetType = UNSET
    active: bool | UnsetType = UNSET


class WebhookToUse(Fields):
    """Which webhook."""

    webhook_id: WebhookId


class NewSecret(Fields):
    """The secret from now on; the one before signs beside it for a day."""

    secret: Secret


class TestOutcome(Fields):
    """What came of a test."""

    taken: bool
    status: Annotated[int | None, Meta(description="Of the answer; null: there was none.", examples=[204])]
    error: Annotated[str | None, Meta(examples=["It answered 404."])]
    milliseconds: Annotated[int, Meta(examples=[84])]


class ShownDelivery(Fields):
    """A message, and what came of it last."""

    delivery_id: Annotated[
        str, Meta(description="The header webhook-id.", examples=["msg_2f0b6a1e5d6b4a539d3c6f3f6a4a2c10"])
    ]
    type: Annotated[str, Meta(examples=["learner.completed"])]
    state: Annotated[str, Meta(description="waiting, taken or given-up.", examples=["taken"])]
    attempts: int
    status: Annotated[int | None, Meta(examples=[204])]
    error: Annotated[str | None, Meta(examples=["It answered 500."])]
    created_at: datetime
    due_at: Annotated[datetime | None, Meta(description="When it is sent next; null: not again.")]
    delivered_at: datetime | None


class DeliveriesAnswer(Fields):
    """The newest 100 messages, the newest first."""

    response: list[ShownDelivery]


class Replayed(Fields):
    """How many messages are sent again."""

    response: Annotated[int, Meta(examples=[3])]


def read_new(request: Mapping[str, Any]) -> NewWebhook:
    """{"organisationId": "0130…", "url": "https://…", "kinds": []} Raises: Missing, InvalidRequest."""
    for key in ("organisationId", "url"):
        if blank(request.get(key)):
            raise Missing(key)
    given = read(request, WebhookRequest)
    return NewWebhook(given.organisation_id, given.url, list(dict.fromkeys(given.kinds)))


def read_change(request: Mapping[str, Any]) -> WebhookChange:
    """{"webhookId": "9b1f…", "active": true} Raises: Missing, InvalidRequest."""
    mandatory(request, "webhookId")
    given = read(request, WebhookChangeRequest)
    return WebhookChange(
        given.webhook_id,
        None if given.url is UNSET else given.url,
        None if given.kinds is UNSET else list(dict.fromkeys(given.kinds)),
        None if given.active is UNSET else given.active,
    )


def show_webhooks(webhooks: Iterable[Webhook]) -> WebhooksAnswer:
    """{"response": [{"webhookId": "9b1f…", "url": "https://…", "active": true, "stopped": null, …}]}"""
    return WebhooksAnswer(
        [
            ShownWebhook(
                webhook_id=webhook.webhook_id,
                organisation_id=webhook.organisation_id,
                url=webhook.url,
                kinds=[kind for kind in KINDS if kind in webhook.kinds],
                active=webhook.active,
                stopped=webhook.stopped,
                created_by=webhook.created_by,
                created_at=webhook.created_at,
                worked_at=webhook.worked_at,
            )
            for webhook in webhooks
        ]
    )


def show_test(attempt: DeliveryAttempt) -> TestOutcome:
    """{"taken": true, "status": 204, "error": null, "milliseconds": 84}"""
    return TestOutcome(attempt.is_taken, attempt.status, attempt.error, attempt.milliseconds)


def show_log(deliveries: Iterable[LoggedDelivery]) -> DeliveriesAnswer:
    """{"response": [{"deliveryId": "msg_2f0b…", "type": "learner.completed", "state": "taken", …}]}"""
    return DeliveriesAnswer([_delivery(delivery) for delivery in deliveries])


def _delivery(delivery: LoggedDelivery) -> ShownDelivery:
    return ShownDelivery(
        delivery_id=delivery.delivery_id,
        type=delivery.kind,
        state=delivery.state,
        attempts=delivery.attempts,
        status=delivery.status,
        error=delivery.error,
        created_at=delivery.created_at,
        due_at=delivery.due_at,
        delivered_at=delivery.delivered_at,
    )
