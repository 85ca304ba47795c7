"""The rules of webhooks: how a message is signed, when it is sent again, which addresses may be told."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from lernbatch.errors import NotFound, Refused
from lernbatch.webhook.model import DeliveryAttempt

MOST_OF_ORGANISATION = 10
LONGEST_URL = 2000
SECRET_PREFIX = "whsec_"  # noqa: S105 - what secrets begin with
SECRET_BYTES = 32
# After each failure; of a message that fails once more it is too late.
PAUSES = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 60, 300, 1800, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)
)
SECOND_SECRET_FOR = timedelta(days=1)
GONE = 410


class WebhooksOff(Refused):
    code = "WEBHOOKS_OFF"
    message = "This installation has no webhooks: its operator sets LERNBATCH_WEBHOOKS_ENABLED=true."


class UnknownWebhook(NotFound):
    """There is none of that id, or it is of an organisation that the caller does not administer."""

    message = "There is no such webhook."


class TooManyWebhooks(Refused):
    code = "INVALID_REQUESTED_DATA"
    message = f"An organisation has at most {MOST_OF_ORGANISATION} webhooks."


class InvalidAddress(Refused):
    """The address cannot be told, and the text says why."""

    code = "INVALID_REQUESTED_DATA"


def check_address(url: str, trusted: Collection[str]) -> str | None:
    """The host of an address that may be told, which must be public; None: it is trusted. Raises: InvalidAddress.

    `trusted`: hosts, with or without a port, that may be inside the network, and without TLS.
    """
    try:
        parts = urlsplit(url)
        host, netloc = parts.hostname, parts.netloc
        parts.port  # noqa: B018 - it is read when it is asked for
    except ValueError:
        host = None
    if host is None or len(url) > LONGEST_URL or not url.isprintable() or " " in url:
        raise InvalidAddress("The URL of a webhook is an address such as https://lms.example/hooks/lernbatch.")
    if "@" in netloc:
        raise InvalidAddress("The URL of a webhook has no user and no password in it: messages are signed.")
    is_trusted = host in trusted or netloc in trusted
    if parts.scheme != "https" and not (parts.scheme == "http" and is_trusted):
        raise InvalidAddress("The URL of a webhook begins with https://.")
    return None if is_trusted else host


def signature(secrets: Sequence[str], message_id: str, sent_at: int, body: bytes) -> str:
    """The header `webhook-signature`: by each of the secrets, blanks between. `sent_at`: epoch seconds.

    Source: the Standard Webhooks specification, symmetric signatures (v1).
    """
    signed = f"{message_id}.{sent_at}.".encode() + body
    return " ".join(
        "v1,"
        + base64.b64encode(hmac.digest(base64.b64decode(secret.removeprefix(SECRET_PREFIX)), signed, "sha256")).decode()
        for secret in secrets
    )


def sent_again_at(now: datetime, attempts: int) -> datetime | None:
    """When a message that failed that often is sent again; None: never."""
    return now + PAUSES[attempts - 1] if attempts <= len(PAUSES) else None


def why_stopped(
    attempt: DeliveryAttempt, *, is_last: bool, created_at: datetime, worked_at: datetime | None
) -> str | None:
    """Why nothing more is sent to an address after a failure; None: it goes on.

    `is_last`: the message was given up. `created_at`: of that message. `worked_at`: when one was last taken.
    """
    if attempt.status == GONE:
        return "It answered 410: nobody wants to be told there any more."
    if is_last and (worked_at is None or worked_at < created_at):
        return "It took nothing from the first to the last try of a message."
    return None
