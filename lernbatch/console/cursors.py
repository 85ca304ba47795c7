"""Keyset cursors in links: signed, and good for one person and one list alone."""

from __future__ import annotations

import base64
import hmac
from hashlib import sha256

import msgspec

_MAC_BYTES = 12
LONGEST = 2000  # characters


def make(secret: bytes, about: str, keys: list[str | int | float | None]) -> str:
    """The cursor after the row with those sort keys. `about`: the list with its filter and order."""
    body = msgspec.json.encode(keys)
    return base64.urlsafe_b64encode(_mac(secret, about, body) + body).decode().rstrip("=")


def read(secret: bytes, about: str, cursor: str) -> list[str | int | float | None] | None:
    """The sort keys of a cursor; None, when it was made for somebody else, another list, or by nobody.

    The list begins again then, and its page says so.
    """
    if len(cursor) > LONGEST:
        return None
    try:
        data = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except ValueError:
        return None
    mac, body = data[:_MAC_BYTES], data[_MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(secret, about, body)):
        return None
    keys: list[str | int | float | None] = msgspec.json.decode(body)
    return keys


def _mac(secret: bytes, about: str, body: bytes) -> bytes:
    return hmac.digest(secret, b"cursor\0" + sha256(about.encode()).digest() + body, "sha256")[:_MAC_BYTES]
