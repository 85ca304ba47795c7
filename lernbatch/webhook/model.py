"""The nouns of webhooks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

TEST = "webhook.test"  # the kind of a test
WAITING, TAKEN, GIVEN_UP = "waiting", "taken", "given-up"  # the states of a message


@dataclass(frozen=True, slots=True)
class NewWebhook:
    """An address that is to be told. `kinds` empty: everything."""

    organisation_id: str
    url: str
    kinds: Sequence[str]


@dataclass(frozen=True, slots=True)
class WebhookChange:
    """What is to be different; None: what stays."""

    webhook_id: str
    url: str | None
    kinds: Sequence[str] | None
    active: bool | None


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address of an organisation.

    `sealed`: the JSON list of its secrets, the newest first. `second_until`: how long the second one signs, too.
    `stopped`: why we have switched it off; None: we have not. `worked_at`: when a delivery was last taken.
    """

    webhook_id: str
    organisation_id: str
    url: str
    kinds: Sequence[str]
    active: bool
    stopped: str | None
    sealed: bytes = field(repr=False)
    second_until: datetime | None
    created_by: str | None
    created_at: datetime
    worked_at: datetime | None


@dataclass(frozen=True, slots=True)
class DueDelivery:
    """A message that is to be sent. `attempts`: how often it was."""

    delivery_id: str
    webhook_id: str
    body: str
    attempts: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class DeliveryAttempt:
    """What came of sending a message once. `status` None: there was no answer, and `error` says why."""

    status: int | None
    error: str | None
    milliseconds: int

    @property
    def is_taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class LoggedDelivery:
    """A line of a webhook's log. `due_at` None: it is not sent again; `delivered_at` None: it was not taken."""

    delivery_id: str
    kind: str
    created_at: datetime
    attempts: int
    status: int | None
    error: str | None
    due_at: datetime | None
    delivered_at: datetime | None

    @property
    def state(self) -> str:
        return TAKEN if self.delivered_at else WAITING if self.due_at else GIVEN_UP
