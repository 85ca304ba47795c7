"""How a result becomes an answer: JSON in the envelope, compressed where that pays, never stored by a cache."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias

from starlette.requests import Request
from starlette.responses import Response

from lernbatch.services import Services
from lernbatch.web import envelope
from lernbatch.web.headers import headers_of
from lernbatch.web.schema import Fields

Answer: TypeAlias = "Mapping[str, Any] | Fields | bytes | Headed | Response"

_ALLOWED_HEADERS = (
    "Origin, X-Requested-With, Content-Type, Accept, Referer, User-Agent,X-Consumer-ID,cid,ts,X-Device-ID,"
    "X-Authenticated-Userid,X-msgid,id,X-Access-TokenId,Authorization,X-Authenticated-User-Token,"
    "X-Authenticated-For,X-Channel-Id,X-App-Id,X-Request-ID,If-Match,Idempotency-Key"
)
CORS = (b"access-control-allow-origin", b"*")
_JSON_HEADERS = (
    (b"content-type", b"application/json"),
    CORS,
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
)
GZIP_LEVEL = 5  # most of the gain for half the time of 9


@dataclass(frozen=True, slots=True)
class Headed:
    """A result with headers of its own."""

    result: Mapping[str, Any] | Fields
    headers: Mapping[str, str]


class JsonAnswer(Response):
    """JSON that is bytes already, with headers that are: Starlette's way to make them is dearer than the answer."""

    def __init__(self, body: bytes, status: int, headers: Mapping[str, str]) -> None:
        self.status_code, self.body, self.background = status, body, None
        self.raw_headers = [
            (b"content-length", b"%d" % len(body)),
            *_JSON_HEADERS,
            *((name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()),
        ]


def json_response(body: bytes, status: int, headers: Mapping[str, str] = MappingProxyType({})) -> Response:
    """An answer in JSON; the names in `headers` are in lower case."""
    return JsonAnswer(body, status, headers)


async def success(
    request: Request, path: str, message_id: str, services: Services, result: Mapping[str, Any] | Fields | bytes
) -> Response:
    """`result` in the envelope of `path`, with its length in a header; compressed from the configured length on."""
    body, result_length = envelope.success(path, message_id, services.clock.now(), result)
    config = services.config
    if (
        url := config.cloud_store_url
    ):  # stored URLs carry a placeholder; the answer names the store (contract batches §1.5)
        body = body.replace(config.cloud_store_placeholder.encode(), url.encode())
    headers = {"x-response-length": str(result_length)}
    if config.gzip_enabled and result_length >= config.gzip_threshold_bytes:
        headers["vary"] = "Accept-Encoding"
        if "gzip" in headers_of(request.scope).get("accept-encoding", ""):
            body = await asyncio.to_thread(gzip.compress, body, GZIP_LEVEL)  # beside the loop: it takes milliseconds
            headers["content-encoding"] = "gzip"
    return JsonAnswer(body, 200, headers)


def preflight() -> Response:
    """What any path answers to a preflight; no token is needed (contract batches §1.9, defect 7)."""
    return Response(
        headers={
            "Allow": "*",
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Allow-Methods": "POST, GET, PUT, PATCH, DELETE, OPTIONS",
            "Access-Control-Allow-Headers": _ALLOWED_HEADERS,
        }
    )
