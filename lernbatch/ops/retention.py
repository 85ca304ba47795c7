"""Retention: what each room keeps for a time is forgotten when that is over. One job, one list."""

from __future__ import annotations

from lernbatch.bulk import actions as bulk
from lernbatch.bulk import drafts
from lernbatch.erasure import actions as erasure
from lernbatch.exhaust import jobs as exhaust
from lernbatch.inbox import actions as inbox
from lernbatch.services import Services
from lernbatch.web import audit, idempotency, rates
from lernbatch.webhook import delivery as webhook

FORGETTING = (
    exhaust.forget_expired,
    bulk.forget_old,
    drafts.forget_old,
    idempotency.forget_old,
    audit.forget_old,
    rates.forget_old,
    erasure.forget_old,
    inbox.forget_old,
    webhook.forget_old,
)


async def forget_old(services: Services) -> int:
    """Forget a bounded set of whatever is over in each room; how many things."""
    return sum([await forget(services) for forget in FORGETTING])
