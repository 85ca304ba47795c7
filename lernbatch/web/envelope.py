"""The platform's wrapping of requests and answers, for success and for failure (contract batches §1.1 to §1.4)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from http import HTTPStatus
from typing import Any, TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.types import Scope

from lernbatch.errors import (
    Busy,
    LernbatchError,
    Malformed,
    NoAnswer,
    NotAuthenticated,
    Refused,
    Unavailable,
    Unmappable,
    Unstorable,
)

Decoded = TypeVar("Decoded")
_encode = msgspec.json.Encoder().encode
SMALL_BYTES = 64 * 1024  # what the server reads of a body before anybody asks for it
# Objects and lists in one body. Reading one takes the whole process's time and a hundred times its bytes, in a thread
# too, since the decoder holds the interpreter's lock: so their number is bounded, not only the bytes.
MOST_CONTAINERS = 50_000
MOST_VALUES = 500_000  # likewise of texts and numbers, of which a body of a file's size would have millions
_LONGEST_CACHED_PATH = 200
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")  # not the text of a backslash and u0000
_RESPONSE_CODES = {
    400: "CLIENT_ERROR",
    401: "UNAUTHORIZED",
    404: "RESOURCE_NOT_FOUND",
    500: "SERVER_ERROR",
    503: "SERVICE_UNAVAILABLE",
}


class MalformedJson(Refused):
    """The body is no JSON. The reference answers with a page of its web framework (defect 1)."""

    message = "The request body is not valid JSON."


class TooLarge(Refused):
    """The body is larger than the configured bound."""

    http_status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    message = "The request body is too large."


class Bodies:
    """The bytes of all bodies that a process holds at this moment. Small ones are not counted."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes, self._held_bytes = most_bytes, 0

    def hold(self, scope: Scope, size: int) -> None:
        """Count a request's body, of which `size` bytes are there; the last call of a request counts. Raises: Busy."""
        before: int = scope.get("lernbatch.held", 0)
        if self._held_bytes + size - before > self._most_bytes:
            raise Busy
        self._held_bytes += size - before
        scope["lernbatch.held"] = size

    def free(self, scope: Scope) -> None:
        """The request is answered."""
        self._held_bytes -= scope.pop("lernbatch.held", 0)


async def read_body(request: Request, limit: int, bodies: Bodies | None = None) -> bytes:
    """The body, at most `limit` bytes, counted in `bodies`. Raises: TooLarge; Busy; ClientDisconnect."""
    if any(int(value) > limit for name, value in request.scope["headers"] if name == b"content-length"):
        raise TooLarge
    chunks: list[bytes] = []
    size = 0
    while True:  # what Request.stream does, without its generator
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise TooLarge
        if size > SMALL_BYTES and bodies is not None:
            bodies.hold(request.scope, size)
        if not message.get("more_body"):
            return b"".join([*chunks, chunk]) if chunks else chunk
        chunks.append(chunk)


def decode(body: bytes) -> Any:
    """The JSON of a body.

    Raises: MalformedJson, also when it has more objects and lists than MOST_CONTAINERS, or more values than
    MOST_VALUES; Unstorable, when a text has a NUL character, which neither this service's database nor those of the
    others can keep.
    """
    if len(body) > SMALL_BYTES and body.count(b"{") + body.count(b"[") > MOST_CONTAINERS:
        raise MalformedJson("The request body has more objects and lists than are read.")
    if len(body) > MOST_VALUES and body.count(b",") > MOST_VALUES:
        raise MalformedJson("The request body has more values than are read.")
    return decoded_by(msgspec.json.decode, body)


def decoded_by(read: Callable[[bytes], Decoded], body: bytes) -> Decoded:
    """The JSON of a body as a decoder of msgspec reads it: one with a type makes nothing but what that names.

    Raises: as `decode`, without its bounds; msgspec.ValidationError.
    """
    if b"\\u0000" in body and _NUL.search(body):  # in a text that is also to name something elsewhere
        raise Unstorable
    try:
        return read(body)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise MalformedJson from wrong


def read_request(body: bytes, content_type: str) -> dict[str, Any]:
    """The `request` object of a body; `{}` when there is no body, or none that claims to be JSON.

    Raises: MalformedJson; Unmappable when the envelope has another shape than the contract's.
    """
    if not body.strip() or "json" not in content_type.lower():
        return {}
    envelope = decode(body)
    if not isinstance(envelope, dict) or envelope.get("params", {}) is None:
        raise Unmappable
    request = envelope.get("request", {})
    if not isinstance(request, dict):
        raise Unmappable
    for key in ("id", "userId"):
        if not isinstance(request.get(key, ""), str | None):
            raise Unmappable
    return request


def response_id(path: str) -> tuple[str, str]:
    """`id` and `ver` of the answer, from the service's path.

    /v1/course/batch/read/0140 → ("api.course.batch.read", "v1")
    """
    segments = path.split("/")[1:]
    version = segments[0] if segments else ""
    if path == "/health":
        return "api.all.health", version
    if version not in ("v1", "v2"):
        return "", version
    words = [word for word in segments[1:] if word.isascii() and word.isalpha()]
    return ".".join(["api", *words]), version


def timestamp(at: datetime) -> str:
    """2025-03-01 06:30:12:045+0000, in the zone that `at` carries."""
    text = at.isoformat(" ", "milliseconds")  # strftime takes ten times as long
    return f"{text[:19]}:{text[20:26]}{text[27:]}"


def success(
    path: str, message_id: str, now: datetime, result: object, *, response_code: str = "OK"
) -> tuple[bytes, int]:
    """The answer's bytes, and the byte length of its `result`."""
    result_bytes = result if isinstance(result, bytes) else _encode(result)
    parts = (
        _opening(path) if len(path) <= _LONGEST_CACHED_PATH else _opening.__wrapped__(path),
        timestamp(now).encode(),
        b'","params":{"resmsgid":null,"msgid":',
        _encode(message_id),
        b',"err":null,"status":"success","errmsg":null},"responseCode":',
        _encode(response_code),
        b',"result":',
        result_bytes,
        b"}",
    )
    return b"".join(parts), len(result_bytes)


@lru_cache(maxsize=1024)
def _opening(path: str) -> bytes:
    """The answer's first bytes, up to the time: the same for all calls of a path."""
    identifier, version = response_id(path)
    return _encode({"id": identifier, "ver": version})[:-1] + b',"ts":"'


def failure(path: str, message_id: str | None, now: datetime, error: LernbatchError) -> bytes:
    """The answer to a failure, in the contract's form for its kind."""
    code = error.code
    status = code or "SERVER_ERROR"
    response_code = _RESPONSE_CODES.get(
        error.http_status, "CLIENT_ERROR" if error.http_status < 500 else "SERVER_ERROR"
    )
    if isinstance(error, NotAuthenticated):
        status, response_code = "SERVER_ERROR", "CLIENT_ERROR"
    if isinstance(error, Unavailable):
        status, message_id = response_code, None
    if isinstance(error, NoAnswer):
        status, message_id = "SERVER_ERROR", None
    text = None if isinstance(error, Unmappable) else error.message
    if isinstance(error, Malformed):
        text = Malformed.message
    identifier, version = response_id(path)
    answer = {
        "id": identifier,
        "ver": version,
        "ts": timestamp(now),
        "params": {"resmsgid": None, "msgid": message_id, "err": code, "status": status, "errmsg": text},
        "responseCode": response_code,
        "result": dict(error.details),
    }
    return _encode(answer)
