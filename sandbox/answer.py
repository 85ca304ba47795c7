"""How a request to the sandbox becomes a `SandboxRequest`, and a result its answer: the platform's envelope."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias
from uuid import uuid4

import msgspec
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from lernbatch import log
from lernbatch.clock import Clock
from lernbatch.database import db
from lernbatch.database.db import Pool
from lernbatch.errors import LernbatchError, NotFound, Refused, Unstorable
from lernbatch.web import envelope

Answer: TypeAlias = Mapping[str, Any] | Response


@dataclass(frozen=True, slots=True)
class SandboxRequest:
    """One request, read: what the sandbox's handlers work with."""

    pool: Pool
    clock: Clock
    identifier: str  # what follows the path
    query: QueryParams
    request: Mapping[str, Any]  # the envelope's `request` object


Handler: TypeAlias = Callable[[SandboxRequest], Awaitable[Answer]]


class Invalid(Refused):
    """The request lacks something, or has it in another form."""

    code = "ERR_INVALID_REQUEST"


class NoSuchNode(NotFound):
    """Nothing of that id."""

    code = "NOT_FOUND"

    def __init__(self, identifier: str) -> None:
        super().__init__(f"There is nothing of the id {identifier}.")


def endpoint(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """`handler` as Starlette calls it. Failures become envelopes here, and only here."""

    async def respond(request: Request) -> Response:
        try:
            body = await envelope.read_body(request, request.app.state.max_body_bytes)
            read = envelope.read_request(body, "json") if body else {}
            state, identifier = request.app.state, request.path_params.get("identifier", "")
            answer = await handler(SandboxRequest(state.pool, state.clock, identifier, request.query_params, read))
        except LernbatchError as failure:
            return _failed(request, failure)
        except db.UNSTORABLE:
            return _failed(request, Unstorable())
        except Exception as bug:  # noqa: BLE001 - the one place where a failure of the sandbox becomes an answer
            log.exception("a bug in the sandbox", error=bug, route=request.scope["route"].path)
            return _failed(request, LernbatchError("Something went wrong.", code="ERR_SYSTEM_EXCEPTION"))
        return answer if isinstance(answer, Response) else _respond(request, 200, "OK", answer)

    return respond


async def unknown_path(request: Request, _: Exception) -> Response:
    """What a path is answered that nothing listens on."""
    return _failed(request, NotFound())


def _failed(request: Request, failure: LernbatchError) -> Response:
    code = {400: "CLIENT_ERROR", 401: "UNAUTHORIZED", 404: "RESOURCE_NOT_FOUND"}.get(
        failure.http_status, "SERVER_ERROR"
    )
    return _respond(request, failure.http_status, code, {}, failure)


def _respond(
    request: Request, status: int, code: str, result: Mapping[str, Any], failure: LernbatchError | None = None
) -> Response:
    now: datetime = request.app.state.clock.now()
    content = {
        "id": ".".join(["api", *(word for word in request.url.path.split("/") if word.isascii() and word.isalpha())]),
        "ver": "1.0",
        "ts": envelope.timestamp(now),
        "params": {
            "resmsgid": str(uuid4()),
            "msgid": None,
            "err": failure.code if failure else None,
            "status": "failed" if failure else "successful",
            "errmsg": failure.message if failure else None,
        },
        "responseCode": code,
        "result": result,
    }
    return Response(msgspec.json.encode(content), status, media_type="application/json")
