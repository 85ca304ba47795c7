"""What an organisation's webhooks are told: events of a batch, which name people and things by their ids alone."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

from lernbatch.config import Config
from lernbatch.jobs.outbox.events import WEBHOOK, Event

Kind: TypeAlias = Literal[
    "batch.created",
    "batch.updated",
    "learner.enrolled",
    "learner.unenrolled",
    "learner.completed",
    "certificate.issued",
]
KINDS: tuple[Kind, ...] = get_args(Kind)


def announcement(config: Config, now_ms: int, kind: Kind, batch_id: str, **data: str) -> list[Event]:
    """The event that tells it; none where there are no webhooks. `data`: further ids, as `userId`.

    The relay finds the webhooks of the batch's organisations, so that who writes it need not read them.
    """
    if not config.webhooks_enabled:
        return []
    return [Event(WEBHOOK, kind, batch_id, {"ets": now_ms, "data": {"batchId": batch_id, **data}})]
