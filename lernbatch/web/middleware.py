"""What stands before every route: the request's id, log line and timing, preflights, ports and the health gate."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as StarletteRoute
from starlette.types import Message, Receive, Scope, Send

from lernbatch import log, metrics, shadowing, spans, tracing
from lernbatch.config import Config
from lernbatch.errors import Forbidden, LernbatchError, Unavailable
from lernbatch.web import answers, failures
from lernbatch.web.endpoint import route_of
from lernbatch.web.headers import message_id_of, read_headers
from lernbatch.web.routing import RouteTable


class NoSuchRoute(LernbatchError):
    """Nothing answers this path (404) or this method on it (404 too, as the reference says)."""

    http_status = 404
    code = "RESOURCE_NOT_FOUND"
    message = "Requested resource not found"


class BadShadowHeaders(Forbidden):
    """A request says that the shadow proxy sends it, and it does not."""

    code = "SHADOW_SIGNATURE_INVALID"
    message = "The headers of the shadow proxy are not signed with the key of this service, or not lately."


class Middleware:
    """What every request passes: its id, its log line, its timing; and whatever escapes becomes an envelope."""

    def __init__(self, app: Starlette, config: Config) -> None:
        self.app, self._access_log = app, config.access_log
        self._takeover = [(b"x-lernbatch-takeover", config.takeover.encode())] if config.is_muted else []
        key = config.shadow_key if config.takeover == "shadow" else None
        self._shadow_key = None if key is None else key.get_secret_value().encode()
        self._table = RouteTable([route for route in app.routes if isinstance(route, StarletteRoute)])

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """What the application holds is open, and its jobs run, until the block ends."""
        async with self.app.router.lifespan_context(self.app):
            yield

    def leave(self) -> None:
        """Say on /readyz that this process is about to stop."""
        self.app.state.leaving = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = scope["lernbatch.headers"] = read_headers(scope)
        message_id = scope["lernbatch.message_id"] = message_id_of(headers)
        span = spans.begin_request(headers)
        if span is None and (given := tracing.read(headers)) is not None:
            tracing.CURRENT.set(given)
        if (trace := tracing.CURRENT.get()) is None:
            log.bind(request_id=message_id)
        else:
            log.bind(request_id=message_id, trace_id=trace.trace_id, **({"span_id": trace.span_id} if span else {}))
        began = time.perf_counter()
        status = 500

        async def noted_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"].append((b"x-request-id", message_id.encode("latin-1")))
                message["headers"] += self._takeover
            await send(message)

        try:
            if self._shadow_key and not shadowing.HEADERS.isdisjoint(headers):
                _take_time_and_id(self._shadow_key, scope, headers)
            if scope["method"] == "OPTIONS":
                await self._preflight(scope, headers)(scope, receive, noted_send)
            elif self.app.state.unhealthy and not is_for_operators(scope["path"]):
                scope["app"] = self.app
                await failures.failed(Request(scope), Unavailable())(scope, receive, noted_send)
            elif (match := self._table.find(scope["method"], scope["path"])) and self._is_here(match[0], scope):
                route, parameters = match
                scope.update(app=self.app, route=route, path_params=parameters)
                await route.app(scope, receive, noted_send)
            elif match:
                scope["app"] = self.app
                await failures.failed(Request(scope), NoSuchRoute())(scope, receive, noted_send)
            else:
                await self.app(scope, receive, noted_send)
        except BadShadowHeaders as refusal:
            scope["app"] = self.app
            await failures.failed(Request(scope), refusal)(scope, receive, noted_send)
        finally:
            seconds = time.perf_counter() - began
            name = getattr(scope.get("route"), "name", "none")
            metrics.answered(name, status, seconds)
            if span is not None:
                spans.end_request(span, scope["method"], name, status, message_id)
            note = log.info if self._access_log and not is_for_operators(scope["path"]) else log.debug
            note("request", route=name, status=status, seconds=round(seconds, 4))

    def _preflight(self, scope: Scope, headers: Mapping[str, str]) -> Response:
        """Pages of any origin may call what is not closed; what is, answers none."""
        match = self._table.find(headers.get("access-control-request-method", ""), scope["path"])
        if match is None or not route_of(match[0]).is_closed:
            return answers.preflight()
        scope["app"] = self.app
        answer = failures.failed(Request(scope), Forbidden())
        del answer.headers["access-control-allow-origin"]
        return answer

    def _is_here(self, route: StarletteRoute, scope: Scope) -> bool:
        """Whether the port on which the request came answers that route."""
        port: int | None = self.app.state.operators_port
        return port is None or scope["server"][1] == port or not route_of(route).operators


def is_for_operators(path: str) -> bool:
    """What the health gate lets through (contract batches §1.7), and our own probes."""
    return path.endswith("health") or path in ("/healthz", "/livez", "/readyz", "/metrics")


def _take_time_and_id(key: bytes, scope: Scope, headers: Mapping[str, str]) -> None:
    """Raises: BadShadowHeaders."""
    query: bytes = scope["query_string"]
    target: bytes = scope["raw_path"] + (b"?" + query if query else b"")
    try:
        given = shadowing.read(key, scope["method"], target, headers, datetime.now(UTC))
    except shadowing.BadSignature as wrong:
        log.warning("headers of a shadow proxy do not count", error=str(wrong))
        raise BadShadowHeaders from wrong
    shadowing.GIVEN.set(given)  # of this request's task
