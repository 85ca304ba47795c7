"""What the shadow proxy says to a service that it shadows: the time of a request, and the id of what it creates.

A service beside the one that it will replace must see the same clock and give the same ids, or every answer after a
day's edge, and every answer about what was created, would differ (contract migration M56, M57). Both come in headers
that are signed with a key that the proxy and the service share, and count in shadow mode alone.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

ID_HEADER = "x-lernbatch-shadow-id"
TIME_HEADER = "x-lernbatch-shadow-time"
SIGNATURE_HEADER = "x-lernbatch-shadow-signature"
HEADERS = frozenset((ID_HEADER, TIME_HEADER, SIGNATURE_HEADER))
VALID_FOR = timedelta(minutes=5)  # of a signature, both ways: the two machines' clocks differ a little
_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
_SIGNATURE = re.compile(r"(\d{1,12})\.([0-9a-f]{64})", re.ASCII)


class BadSignature(ValueError):
    """The headers are not what a proxy with our key signed, or not lately."""


@dataclass(frozen=True, slots=True)
class Given:
    """What a request was given. `created_id` None: it creates nothing, or names it itself."""

    at: datetime
    created_id: str | None = None


# Of the request that is being answered; None: of no shadowed one. Tasks that a request starts share it.
GIVEN: ContextVar[Given | None] = ContextVar("given", default=None)


def sign(key: bytes, method: str, target: bytes, given: Given, signed_at: datetime) -> dict[str, str]:
    """The headers for one request. `target`: path and query as they are sent; times carry their zone."""
    moment, created_id, seconds = given.at.isoformat(), given.created_id or "", int(signed_at.timestamp())
    headers = {TIME_HEADER: moment}
    if created_id:
        headers[ID_HEADER] = created_id
    return {**headers, SIGNATURE_HEADER: f"{seconds}.{_digest(key, seconds, method, target, moment, created_id)}"}


def read(key: bytes, method: str, target: bytes, headers: Mapping[str, str], now: datetime) -> Given:
    """What the headers give, by lower-case name. Raises: BadSignature."""
    moment, created_id = headers.get(TIME_HEADER, ""), headers.get(ID_HEADER, "")
    signature = _SIGNATURE.fullmatch(headers.get(SIGNATURE_HEADER, ""))
    if signature is None:
        raise BadSignature("there is no signature")
    seconds = int(signature.group(1))
    expected = _digest(key, seconds, method, target, moment, created_id)
    if not hmac.compare_digest(signature.group(2), expected):
        raise BadSignature("the signature is another key's, or another request's")
    if abs(now.timestamp() - seconds) > VALID_FOR.total_seconds():
        raise BadSignature("the signature is too old, or the clocks of the two machines differ")
    if created_id and not _ID.fullmatch(created_id):
        raise BadSignature("the id is none")
    try:
        at = datetime.fromisoformat(moment)
    except ValueError as wrong:
        raise BadSignature("the time is none") from wrong
    if at.tzinfo is None:
        raise BadSignature("the time has no zone")
    return Given(at, created_id or None)


def _digest(key: bytes, seconds: int, method: str, target: bytes, moment: str, created_id: str) -> str:
    parts = (str(seconds).encode(), method.encode(), target, moment.encode(), created_id.encode())
    return hmac.new(key, b"\n".join(parts), sha256).hexdigest()
