"""The headers of a request, read once, and the id by which the request is known."""

from __future__ import annotations

import random
from collections.abc import Mapping

from starlette.types import Scope

LONGEST_MESSAGE_ID = 100


def read_headers(scope: Scope) -> dict[str, str]:
    """The headers by lower-case name; of one that is repeated the first.

    Read once: looking each up in ASGI's list of byte strings is most of what a small request would cost.
    """
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(scope["headers"])}


def headers_of(scope: Scope) -> Mapping[str, str]:
    """The headers of a request that `Middleware` has read, by lower-case name."""
    headers: Mapping[str, str] = scope["lernbatch.headers"]
    return headers


def has_body(headers: Mapping[str, str]) -> bool:
    """Whether the client says that a body follows."""
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


def message_id_of(headers: Mapping[str, str]) -> str:
    """The id by which this request is known in logs and answers: the caller's, else a random UUID."""
    for name in ("x-msgid", "x-request-id"):
        if name in headers:
            given = headers[name].strip()[:LONGEST_MESSAGE_ID]
            return given if given.isprintable() and given else "internal"
    digits = f"{random.getrandbits(128):032x}"  # a name, no secret: it need not ask the kernel
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
