"""The one error handler: every failure of every route becomes an envelope, and an event for Kafka."""

from __future__ import annotations

import traceback
from http import HTTPStatus
from pathlib import PurePath

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from lernbatch import log, metrics
from lernbatch.database import db
from lernbatch.errors import Away, FateUnknown, LernbatchError, Malformed, Unstorable, Upstream
from lernbatch.jobs.outbox import actions as outbox
from lernbatch.jobs.outbox import telemetry
from lernbatch.jobs.outbox.actions import publishes_to_kafka
from lernbatch.services import Services
from lernbatch.web import envelope
from lernbatch.web.answers import json_response
from lernbatch.web.headers import headers_of
from lernbatch.web.request import origin_of


def failed(request: Request, error: Exception) -> Response:
    """The answer to `error`, in the contract's form for its kind. What is no refusal is logged and counted."""
    services: Services = request.app.state.services
    path = request.scope.get("lernbatch.path", request.url.path)
    message_id = request.scope.get("lernbatch.message_id")
    if isinstance(error, ClientDisconnect):
        return Response(status_code=499)
    route = getattr(request.scope.get("route"), "name", "none")  # the path itself may name people
    if isinstance(error, db.UNSTORABLE):
        error = Unstorable()
    if isinstance(error, Upstream):
        log.warning("upstream failed", **_place(error, route), status=error.http_status, detail=error.detail)
        metrics.UPSTREAM_FAILURES.inc()
    elif isinstance(error, (Away, *db.TROUBLES, *db.GONE)):
        away = error if isinstance(error, Away) else FateUnknown() if isinstance(error, db.GONE) else Malformed()
        detail = repr(error.__cause__ or error)
        log.warning("the database does not work", **_place(error, route), status=away.http_status, detail=detail)
        metrics.DATABASE_FAILURES.inc()
        error = away
    elif not isinstance(error, LernbatchError):
        log.exception("a bug", error, **_place(error, route), status=500)
        metrics.BUGS.inc()
        error = Malformed()
    elif error.http_status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("a request was not served", **_place(error, route), status=error.http_status)
    body = envelope.failure(path, message_id, services.clock.now(), error)
    headers = {} if error.retry_after_seconds is None else {"retry-after": str(error.retry_after_seconds)}
    return json_response(body, error.http_status, headers)


async def publish(request: Request, error: Exception, status: int) -> None:
    """Write the ERROR event of a failure, where events are published (contract batches §6.3)."""
    services: Services = request.app.state.services
    if not publishes_to_kafka(services.config):
        return
    headers = headers_of(request.scope)
    event = telemetry.error(
        services.config,
        services.clock.now_ms(),
        origin_of(headers, request.scope["lernbatch.message_id"], services.config),
        actor_id=headers.get("x-consumer-id") or "internal",
        err=HTTPStatus(status).phrase if status in set(HTTPStatus) else str(status),
        code=getattr(error, "code", None) or "INTERNAL_ERROR",
        trace=trace(error),
    )
    try:
        await outbox.publish(services.pool, services, [event])
    except db.UNREACHABLE as unreachable:
        log.warning("an error event was lost", error=repr(unreachable))  # the failure itself is answered and logged


def _place(error: Exception, route: str) -> dict[str, object]:
    """Which request failed, by an error of which class, and where in our code: module, line and function."""
    ours = [
        f"{frame.f_globals['__name__']}:{line} {frame.f_code.co_name}"
        for frame, line in traceback.walk_tb(error.__traceback__)
        if str(frame.f_globals.get("__name__")).startswith("lernbatch.")
    ]
    return {"route": route, "class": type(error).__name__, "where": ours[-1] if ours else None}


def trace(error: Exception) -> str:
    """Where `error` was raised, from the inside out; its text may name people, so it is not there."""
    frames = reversed(traceback.extract_tb(error.__traceback__))
    places = (f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames)
    return "\n".join([type(error).__name__, *places])
