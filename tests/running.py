"""A service that really runs: uvicorn on a loopback port, in a thread of its own, over a database of its own."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import httpx
import uvicorn
from starlette.types import ASGIApp, Receive, Send

from lernbatch import app
from lernbatch.clock import Clock
from lernbatch.config import Config
from lernbatch.services import Services
from lernbatch.web import protocol
from lernbatch.web.caller import Role
from sandbox import identity
from tests.people import Person

T = TypeVar("T")
PATIENCE_SECONDS = 300  # nothing fails because the machine is busy; what hangs ends all the same
# A service in a test gives up as late: its own limits are tried where a test sets them.
PATIENT = {
    "jobs_enabled": False,
    "sign_ins_per_minute": 10_000,
    "dear_calls_per_minute": 0,
    "statement_timeout_seconds": PATIENCE_SECONDS,
    "search_seconds": PATIENCE_SECONDS,
    "file_wait_seconds": PATIENCE_SECONDS,
    "upstream_connect_seconds": PATIENCE_SECONDS,
    "upstream_timeout_seconds": PATIENCE_SECONDS,
}


def named(dsn: str, database: str) -> str:
    """The DSN of another database of the same server."""
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{database}"))


class MovableClock(Clock):
    """The real time, moved by `ahead`."""

    ahead = timedelta()
    stopped: datetime | None = None

    def now(self) -> datetime:
        return (self.stopped or super().now()) + self.ahead

    def stop(self) -> None:
        """Move by `move` alone from now on, so that no pause ends while a busy machine gets on with its work."""
        self.stopped = super().now()

    def move(self, **by: float) -> None:
        """`clock.move(days=3)`"""
        self.ahead += timedelta(**by)

    def move_to(self, day: date, hour: int = 12) -> None:
        """To that hour of `day` in the clock's zone."""
        self.ahead = timedelta()
        self.ahead = datetime(day.year, day.month, day.day, hour, tzinfo=self.zone) - self.now()


class Running:
    """A running service and what a test wants of it."""

    def __init__(self, config: Config, url: str, loop: asyncio.AbstractEventLoop, services: Services) -> None:
        self.config, self.url, self.services = config, url, services
        self.clock: MovableClock = services.clock  # type: ignore[assignment]
        self._loop = loop
        self._tokens: dict[tuple[object, ...], str] = {}
        self.http = httpx.Client(base_url=url, timeout=PATIENCE_SECONDS)

    def token(self, person: Person, **claims: Any) -> str:
        """A token of `person`, as of the service's clock; signing takes its time, so the same one is made once."""
        key = (person, self.clock.ahead, *sorted(claims.items()))
        if key not in self._tokens:
            self._tokens[key] = identity.mint(
                self.config.home,
                self.config,
                person.user_id,
                roles=[Role(role, frozenset({person.org_id} - {""})) for role in person.roles],
                now=self.clock.now(),
                **claims,
            )
        return self._tokens[key]

    def headers(self, person: Person | None, child: Person | None = None) -> dict[str, str]:
        if person is None:
            return {}
        headers = {"X-Authenticated-User-Token": self.token(person)}
        if child is not None:
            headers["X-Authenticated-For"] = self.token(child, parent_id=person.user_id)
        return headers

    def call(
        self,
        method: str,
        path: str,
        person: Person | None = None,
        request: object = None,
        *,
        child: Person | None = None,
        headers: dict[str, str] | None = None,
        **kwargs: Any,
    ) -> httpx.Response:
        """One call as `person` (None: nobody), with `request` in the platform's envelope."""
        body: dict[str, Any] = {} if request is None else {"json": {"request": request}}
        sent = {**self.headers(person, child), **(headers or {})}
        return self.http.request(method, path, headers=sent, **body, **kwargs)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` in the service's own loop, e.g. an action: `service.run(actions.find(service.pool, …))`."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_SECONDS)

    def sql(self, text: str, *arguments: object) -> list[Any]:
        """Rows of a statement, to look at what was stored."""

        async def fetch() -> list[Any]:
            return list(await self.services.pool.fetch(text, *arguments))

        return self.run(fetch())


@contextmanager
def served(application: ASGIApp, **settings: Any) -> Iterator[str]:
    """`application` on a loopback port, in a thread of its own; its URL, once it is started."""
    listening = socket.create_server(("127.0.0.1", 0))
    given: dict[str, Any] = {"log_config": None, "lifespan": "on", "timeout_graceful_shutdown": 5, **settings}
    server = uvicorn.Server(uvicorn.Config(application, **given))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        _await_start(server, thread)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
        listening.close()


async def lifespan(receive: Receive, send: Send) -> None:
    """The lifespan of an application that has nothing to open."""
    for kind in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{kind}.complete"})


@contextmanager
def running(
    home: Path, dsn: str, around: Callable[[ASGIApp], ASGIApp] = lambda application: application, /, **settings: Any
) -> Iterator[Running]:
    """A service over the migrated database `dsn`. Jobs run only when a test asks, or with jobs_enabled=True.

    `around`: what stands between it and its callers.
    """
    config = Config(home=home, **{**PATIENT, **settings})
    clock = MovableClock(config.time_zone)
    application = app.create(config, dsn, clock)
    with served(around(application), http=protocol.bounded(config), proxy_headers=False) as url:
        services: Services = application.app.state.services
        service = Running(config, url, services.pool._loop, services)
        try:
            yield service
        finally:
            service.http.close()


def _await_start(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while thread.is_alive() and time.monotonic() < deadline:
        if server.started:
            return
        time.sleep(0.02)
    raise AssertionError("the service did not start")
