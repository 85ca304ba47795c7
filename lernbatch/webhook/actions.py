"""What the administrators of an organisation do with its webhooks."""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Sequence
from uuid import uuid4

import msgspec

from lernbatch.batch.rules import administers
from lernbatch.database import db, sql
from lernbatch.errors import Unauthorized, Upstream
from lernbatch.sealing import seal_of
from lernbatch.services import Services
from lernbatch.sunbird.files import public_addresses
from lernbatch.web import audit
from lernbatch.web.audit import By
from lernbatch.web.caller import Caller
from lernbatch.web.idempotency import Remember
from lernbatch.webhook import delivery, rules
from lernbatch.webhook.model import TEST, DeliveryAttempt, LoggedDelivery, NewWebhook, Webhook, WebhookChange

Q = sql.load("lernbatch.webhook")
LOGGED_AT_MOST = 100


async def create(
    services: Services, caller: Caller, new: NewWebhook, by: By, remember: Remember[str] | None = None
) -> tuple[str, str]:
    """Make a webhook of an organisation that the caller administers; its id, and its secret, which is shown once.

    `remember`: is given the id inside the transaction, where a form may come twice.
    Raises: WebhooksOff, Unauthorized, InvalidAddress, TooManyWebhooks.
    """
    _check_administers(services, caller, new.organisation_id)
    await _check_address(services, new.url)
    webhook_id, secret, now = str(uuid4()), _new_secret(), services.clock.now()
    async with services.pool.acquire() as conn, conn.transaction():
        if await db.value(conn, Q.count_webhooks, organisation_id=new.organisation_id) >= rules.MOST_OF_ORGANISATION:
            raise rules.TooManyWebhooks
        await db.run(
            conn,
            Q.insert_webhook,
            webhook_id=webhook_id,
            organisation_id=new.organisation_id,
            url=new.url,
            kinds=new.kinds,
            sealed=seal_of(services.config).close(msgspec.json.encode([secret]), webhook_id),
            created_by=caller.user_id,
            now=now,
        )
        await audit.write(conn, now, by, "webhook.create", about=webhook_id)
        if remember is not None:
            await remember(conn, webhook_id)
    return webhook_id, secret


async def webhooks_of(services: Services, caller: Caller, organisation_id: str) -> Sequence[Webhook]:
    """The webhooks of an organisation that the caller administers. Raises: WebhooksOff, Unauthorized."""
    _check_administers(services, caller, organisation_id)
    return await db.all(services.pool, Webhook, Q.webhooks_of, organisation_id=organisation_id)


async def own_webhook(services: Services, caller: Caller, webhook_id: str) -> Webhook:
    """A webhook of an organisation that the caller administers. Raises: WebhooksOff, UnknownWebhook."""
    if not services.config.webhooks_enabled:
        raise rules.WebhooksOff
    webhook = await db.one(services.pool, Webhook, Q.webhook, webhook_id=webhook_id)
    if webhook is None or not administers(caller, [webhook.organisation_id], services.config):
        raise rules.UnknownWebhook
    return webhook


async def update(services: Services, caller: Caller, change: WebhookChange, by: By) -> None:
    """Change a webhook; one that is switched on begins anew. Raises: WebhooksOff, UnknownWebhook, InvalidAddress."""
    await own_webhook(services, caller, change.webhook_id)
    if change.url is not None:
        await _check_address(services, change.url)
    async with services.pool.acquire() as conn, conn.transaction():
        await db.run(
            conn,
            Q.update_webhook,
            webhook_id=change.webhook_id,
            url=change.url,
            kinds=change.kinds,
            active=change.active,
        )
        await audit.write(conn, services.clock.now(), by, "webhook.update", about=change.webhook_id)


async def delete(services: Services, caller: Caller, webhook_id: str, by: By) -> None:
    """Delete a webhook with its log, and what it was still to hear. Raises: WebhooksOff, UnknownWebhook."""
    await own_webhook(services, caller, webhook_id)
    async with services.pool.acquire() as conn, conn.transaction():
        await db.run(conn, Q.delete_webhook, webhook_id=webhook_id)
        await audit.write(conn, services.clock.now(), by, "webhook.delete", about=webhook_id)


async def rotate(
    services: Services, caller: Caller, webhook_id: str, by: By, remember: Remember[str] | None = None
) -> str:
    """Give a webhook a new secret, which is shown once; the one before signs beside it for a day.

    `remember`: as of `create`.
    Raises: WebhooksOff, UnknownWebhook.
    """
    webhook = await own_webhook(services, caller, webhook_id)
    now, secret, seal = services.clock.now(), _new_secret(), seal_of(services.config)
    newest = msgspec.json.decode(seal.open(webhook.sealed, webhook_id), type=list[str])[0]
    async with services.pool.acquire() as conn, conn.transaction():
        await db.run(
            conn,
            Q.rotate_secret,
            webhook_id=webhook_id,
            sealed=seal.close(msgspec.json.encode([secret, newest]), webhook_id),
            second_until=now + rules.SECOND_SECRET_FOR,
        )
        await audit.write(conn, now, by, "webhook.rotate", about=webhook_id)
        if remember is not None:
            await remember(conn, webhook_id)
    return secret


async def test(services: Services, caller: Caller, webhook_id: str, by: By) -> DeliveryAttempt:
    """Send a `webhook.test` at once, once, whether the webhook is active or not; it stands in the log.

    Raises: WebhooksOff, UnknownWebhook; Muted, when nothing may leave.
    """
    webhook = await own_webhook(services, caller, webhook_id)
    message_id, now = f"msg_{uuid4().hex}", services.clock.now()
    body = msgspec.json.encode({"type": TEST, "timestamp": now, "data": {"organisationId": webhook.organisation_id}})
    attempt = await delivery.send(services, webhook, message_id, body)
    async with services.pool.acquire() as conn, conn.transaction():
        await db.run(
            conn,
            Q.insert_test,
            delivery_id=message_id,
            webhook_id=webhook_id,
            kind=TEST,
            body=body.decode(),
            now=now,
            status=attempt.status,
            error=attempt.error,
            delivered_at=now if attempt.is_taken else None,
        )
        await audit.write(conn, now, by, "webhook.test", about=webhook_id)
    return attempt


async def log_of(services: Services, caller: Caller, webhook_id: str) -> Sequence[LoggedDelivery]:
    """The newest LOGGED_AT_MOST messages of a webhook, the newest first. Raises: WebhooksOff, UnknownWebhook."""
    await own_webhook(services, caller, webhook_id)
    return await db.all(services.pool, LoggedDelivery, Q.deliveries_of, webhook_id=webhook_id, limit=LOGGED_AT_MOST)


async def replay(services: Services, caller: Caller, webhook_id: str, by: By) -> int:
    """Send again what was given up; how many messages. Raises: WebhooksOff, UnknownWebhook."""
    await own_webhook(services, caller, webhook_id)
    now = services.clock.now()
    async with services.pool.acquire() as conn, conn.transaction():
        replayed = await db.run(conn, Q.replay_deliveries, webhook_id=webhook_id, now=now)
        await audit.write(conn, now, by, "webhook.replay", about=webhook_id)
    return replayed


def _check_administers(services: Services, caller: Caller, organisation_id: str) -> None:
    if not services.config.webhooks_enabled:
        raise rules.WebhooksOff
    if not administers(caller, [organisation_id], services.config):
        raise Unauthorized


async def _check_address(services: Services, url: str) -> None:
    """Refuse at once what could never be told; each delivery looks again. Raises: InvalidAddress."""
    host = rules.check_address(url, services.config.webhook_hosts)
    if host is not None:
        try:
            await public_addresses(host, "LERNBATCH_WEBHOOK_HOSTS")
        except Upstream as inside:
            raise rules.InvalidAddress(inside.detail) from inside


def _new_secret() -> str:
    return rules.SECRET_PREFIX + b64encode(secrets.token_bytes(rules.SECRET_BYTES)).decode()
