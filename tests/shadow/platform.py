"""The platform's other services over TCP, which keep what they were asked: whether they were only read."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send

from lernbatch.clock import Clock
from lernbatch.config import Config
from lernbatch.database import db
from sandbox import app as sandbox

READS = ("/read", "/search", "/list", "/hierarchy/", "/sandbox/")
SERVICES = ("content_url", "search_url", "questionset_url", "user_org_url", "group_url", "certificate_service_url")


class Platform:
    """The sandbox over the database `dsn`, and every call that it got."""

    def __init__(self, dsn: str, home: Path) -> None:
        self._dsn, self._config = dsn, Config(home=home)
        self._opened = AsyncExitStack()
        self._app: ASGIApp | None = None
        self.calls: list[tuple[str, str]] = []

    @property
    def writes(self) -> list[tuple[str, str]]:
        """The calls that change something."""
        return [(method, path) for method, path in self.calls if method != "GET" and not any(r in path for r in READS)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            pool = await self._opened.enter_async_context(
                db.pool(self._dsn, size=3, statement_timeout_seconds=300, wait_seconds=300)
            )
            self._app = sandbox.application(pool, self._config, Clock(self._config.time_zone))
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await self._opened.aclose()
            await send({"type": "lifespan.shutdown.complete"})
            return
        assert self._app is not None
        self.calls.append((scope["method"], scope["path"]))
        await self._app(scope, receive, send)
