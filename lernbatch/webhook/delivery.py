"""Telling webhooks: the relay hands events over, each becomes a message for every webhook that is to hear of it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from lernbatch import log, metrics
from lernbatch.database import db, sql
from lernbatch.errors import Unusable
from lernbatch.jobs.outbox.relay import DueEvent, Undelivered
from lernbatch.sealing import seal_of
from lernbatch.services import Services
from lernbatch.webhook import rules
from lernbatch.webhook.model import DeliveryAttempt, DueDelivery, Webhook

Q = sql.load("lernbatch.webhook")
OF_EACH_AT_ONCE = 20  # messages of a webhook, one after the other
AT_ONCE = 500
WEBHOOKS_AT_ONCE = 20
LONGEST_REST = timedelta(minutes=5)
FORGOTTEN_AT_ONCE = 1000


async def to_webhooks(services: Services, events: Sequence[DueEvent]) -> list[Undelivered]:
    """Make a message of each event for each webhook that is to hear of it. A set that comes again adds nothing."""
    await db.run(
        services.pool,
        Q.queue_deliveries,
        now=services.clock.now(),
        **db.columns(events, event_ids="event_id", kinds="topic", batch_ids="key", payloads="payload"),
    )
    return []


async def deliver_due(services: Services) -> int:
    """Send the messages that are due; how many were taken. One process at a time does this.

    Of a webhook one after the other, up to the first that fails: then it rests. They keep no order, since what failed
    comes later. A message that was sent by a process that died before it wrote so is sent again, under the same id.
    """
    if not services.config.webhooks_enabled or services.config.is_muted:
        return 0
    due = await db.all(
        services.pool,
        DueDelivery,
        Q.due_deliveries,
        now=services.clock.now(),
        of_each=OF_EACH_AT_ONCE,
        limit=AT_ONCE,
    )
    by_webhook: dict[str, list[DueDelivery]] = defaultdict(list)
    for delivery in due:
        by_webhook[delivery.webhook_id].append(delivery)
    free = asyncio.Semaphore(WEBHOOKS_AT_ONCE)
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_tell(services, free, webhook_id, deliveries))
            for webhook_id, deliveries in by_webhook.items()
        ]
    return sum(task.result() for task in tasks)


async def send(services: Services, webhook: Webhook, message_id: str, body: bytes) -> DeliveryAttempt:
    """Send a message once, signed by the secrets that count now. Raises: Muted, when nothing may leave."""
    now = services.clock.now()
    try:
        opened = seal_of(services.config).open(webhook.sealed, webhook.webhook_id)
    except Unusable as lost:  # its own trouble, and no other webhook's
        return DeliveryAttempt(None, str(lost), 0)
    secrets = msgspec.json.decode(opened, type=list[str])
    if webhook.second_until is None or webhook.second_until < now:
        secrets = secrets[:1]
    sent_at = int(now.timestamp())
    headers = {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(sent_at),
        "webhook-signature": rules.signature(secrets, message_id, sent_at, body),
    }
    return await services.webhooks.post(webhook.url, headers, body)


async def forget_old(services: Services) -> int:
    """Forget a bounded set of messages that are older than the log is kept; how many."""
    before = services.clock.now() - timedelta(days=services.config.webhook_log_days)
    return await db.run(services.pool, Q.forget_deliveries, before=before, limit=FORGOTTEN_AT_ONCE)


async def _tell(services: Services, free: asyncio.Semaphore, webhook_id: str, deliveries: Sequence[DueDelivery]) -> int:
    async with free:
        for taken, delivery in enumerate(deliveries):
            webhook = await db.one(services.pool, Webhook, Q.webhook, webhook_id=webhook_id)
            if webhook is None or not webhook.active:
                return taken  # it was deleted, or switched off, in between
            attempt = await send(services, webhook, delivery.delivery_id, delivery.body.encode())
            await _note(services, webhook, delivery, attempt)
            if not attempt.is_taken:
                return taken
        return len(deliveries)


async def _note(services: Services, webhook: Webhook, delivery: DueDelivery, attempt: DeliveryAttempt) -> None:
    """Write what came of it, with the message and the webhook in one transaction."""
    now, attempts = services.clock.now(), delivery.attempts + 1
    again_at: datetime | None = None if attempt.is_taken else rules.sent_again_at(now, attempts)
    async with services.pool.acquire() as conn, conn.transaction():
        await db.run(
            conn,
            Q.note_attempt,
            delivery_id=delivery.delivery_id,
            attempts=attempts,
            status=attempt.status,
            error=attempt.error,
            due_at=again_at,
            delivered_at=now if attempt.is_taken else None,
        )
        if attempt.is_taken:
            await db.run(conn, Q.note_success, webhook_id=webhook.webhook_id, now=now)
        else:
            stopped = rules.why_stopped(
                attempt, is_last=again_at is None, created_at=delivery.created_at, worked_at=webhook.worked_at
            )
            await db.run(
                conn,
                Q.note_failure,
                webhook_id=webhook.webhook_id,
                now=now,
                longest=LONGEST_REST,
                stopped=stopped,
            )
    if attempt.is_taken:
        metrics.BUSINESS.labels("webhook-told").inc()
        return
    metrics.BUSINESS.labels("webhook-given-up" if again_at is None else "webhook-postponed").inc()
    log.warning(
        "a webhook was not told",
        webhook=webhook.webhook_id,
        organisation=webhook.organisation_id,
        attempts=attempts,
        given_up=again_at is None,
        error=attempt.error,
    )
