"""The ASGI application: routes, start and stop."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from lernbatch import log, metrics
from lernbatch.account import ended
from lernbatch.clock import Clock
from lernbatch.config import Config
from lernbatch.database import db
from lernbatch.database.coalescer import Coalescers
from lernbatch.errors import Forbidden, LernbatchError, Unavailable
from lernbatch.jobs import worker
from lernbatch.jobs.outbox.kafka import Producer
from lernbatch.ops import gauges
from lernbatch.routes import ENTRANCES
from lernbatch.schedule import JOBS
from lernbatch.services import Services, Wake
from lernbatch.sunbird import Sunbird
from lernbatch.sunbird.users import ACTIVE
from lernbatch.web import audit, http
from lernbatch.web.envelope import Bodies
from lernbatch.web.tokens import Gate, Keys
from sandbox import identity


class NoSuchRoute(LernbatchError):
    """Nothing answers this path (404) or this method on it (404 too, as the reference says)."""

    http_status = 404
    code = "RESOURCE_NOT_FOUND"
    message = "Requested resource not found"


@asynccontextmanager
async def services(config: Config, dsn: str, clock: Clock | None = None) -> AsyncIterator[Services]:
    """Everything a process holds, opened and closed in order."""
    clock = clock or Clock(config.time_zone)
    async with AsyncExitStack() as opened:
        pool = await opened.enter_async_context(
            db.pool(
                dsn,
                size=config.pool_size,
                statement_timeout_seconds=config.statement_timeout_seconds,
                wait_seconds=config.pool_wait_seconds,
            )
        )
        sunbird = await opened.enter_async_context(Sunbird.open(config, pool, clock))
        keys = Keys(config.public_key_folder or identity.public_folder(config.home), config.key_reload_seconds)
        kafka = Producer(config)
        opened.push_async_callback(kafka.close)
        coalescers = Coalescers(enabled=config.coalescing_enabled)
        gate = Gate(config, clock, keys)
        sunbird.users.tell(lambda person: gate.heard(person.user_id, is_active=person.status == ACTIVE))
        yield Services(
            config,
            clock,
            pool,
            gate,
            sunbird,
            kafka,
            Wake(),
            coalescers,
            Bodies(config.bodies_at_once_bytes),
        )


def create(config: Config, dsn: str, clock: Clock | None = None) -> Front:
    """The application. `dsn` is a migrated database; `clock` is moved by tests."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with services(config, dsn, clock) as held:
            app.state.services = held
            async with (
                gauges.watching(held.pool),
                ended.watching(held),
                audit.counting(held),
                worker.running(held, JOBS) if config.jobs_enabled else AsyncExitStack(),
            ):
                yield

    async def unknown(request: Request, _: Exception) -> Response:
        return http.failed(request, NoSuchRoute())

    app = Starlette(routes=http.routes(ENTRANCES), lifespan=lifespan, exception_handlers={HTTPException: unknown})
    app.router.redirect_slashes = False
    app.state.entrances = tuple(ENTRANCES)  # what /openapi.json and /docs tell of
    app.state.operators_port = None  # the only one with what is for operators
    app.state.leaving = app.state.unhealthy = False  # what /readyz and the health gate go by
    return Front(app)


class Front:
    """What every request passes: its id, its log line, its timing; and whatever escapes becomes an envelope."""

    def __init__(self, app: Starlette) -> None:
        self.app = app
        self._routes = Routes([route for route in app.routes if isinstance(route, Route)])

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
        headers = scope["lernbatch.headers"] = http.read_headers(scope)
        message_id = scope["lernbatch.message_id"] = http.message_id_of(headers)
        log.bind(request_id=message_id)
        began = time.perf_counter()
        status = 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"].append((b"x-request-id", message_id.encode("latin-1")))
            await send(message)

        try:
            if scope["method"] == "OPTIONS":
                await self._preflight(scope, headers)(scope, receive, noting)
            elif self.app.state.unhealthy and not _is_for_operators(scope["path"]):
                scope["app"] = self.app
                await http.failed(Request(scope), Unavailable())(scope, receive, noting)
            elif (found := self._routes.find(scope["method"], scope["path"])) and self._is_here(found[0], scope):
                route, parameters = found
                scope.update(app=self.app, route=route, path_params=parameters)
                await route.app(scope, receive, noting)
            elif found:
                scope["app"] = self.app
                await http.failed(Request(scope), NoSuchRoute())(scope, receive, noting)
            else:
                await self.app(scope, receive, noting)
        finally:
            seconds = time.perf_counter() - began
            name = getattr(scope.get("route"), "name", "none")
            metrics.answered(name, status, seconds)
            log.debug("request", route=name, status=status, seconds=round(seconds, 4))

    def _preflight(self, scope: Scope, headers: Mapping[str, str]) -> Response:
        """Pages of any origin may call what is not closed; what is, answers none."""
        found = self._routes.find(headers.get("access-control-request-method", ""), scope["path"])
        if found is None or not http.entrance_of(found[0]).is_closed:
            return http.options()
        scope["app"] = self.app
        answer = http.failed(Request(scope), Forbidden())
        del answer.headers["access-control-allow-origin"]
        return answer

    def _is_here(self, route: Route, scope: Scope) -> bool:
        """Whether the port on which the request came answers that route."""
        port: int | None = self.app.state.operators_port
        return port is None or scope["server"][1] == port or not http.entrance_of(route).operators


class Routes:
    """Routes that are found at once: those without parameters, and those whose last segment is the only one.

    For the others there is Starlette, which tries one after the other: a tenth of a list of enrolled courses.
    """

    def __init__(self, routes: list[Route]) -> None:
        self._fixed: dict[tuple[str, str], Route] = {}
        self._ending: dict[tuple[str, str], tuple[Route, str]] = {}
        for route in routes:
            ending = re.fullmatch(r"([^{}]*/){(\w+)}", route.path)
            for method in route.methods or ():
                if "{" not in route.path:
                    self._fixed.setdefault((method, route.path), route)
                elif ending:
                    self._ending.setdefault((method, ending[1]), (route, ending[2]))

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """The route of that method and path, with its parameters."""
        if fixed := self._fixed.get((method, path)):
            return fixed, {}
        start, slash, last = path.rpartition("/")
        found = self._ending.get((method, start + slash))
        return (found[0], {found[1]: last}) if found and last else None


def _is_for_operators(path: str) -> bool:
    """What the health gate lets through (contract batches §1.7), and our own probes."""
    return path.endswith("health") or path in ("/livez", "/readyz", "/metrics")
