"""A service whose sandbox answers over TCP and fail where a test says so, and whose database can be held up."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.running import Running


class Lame:
    """Switches of such a service."""

    def __init__(self, service: Running, failing: set[str], dsn: str) -> None:
        self.service, self._failing, self._dsn = service, failing, dsn

    def fail(self, *paths: str) -> None:
        """From now on what begins with one of `paths` is answered with 500."""
        self._failing.update(paths)

    def recover(self) -> None:
        self._failing.clear()

    @contextmanager
    def database_locked(self, table: str, *, for_readers: bool = False) -> Iterator[None]:
        """Nobody writes `table` in the block (or reads it), so that statements run into their timeout."""
        mode = "ACCESS EXCLUSIVE" if for_readers else "EXCLUSIVE"
        ready, done = threading.Event(), threading.Event()

        async def hold() -> None:
            conn = await asyncpg.connect(self._dsn)
            async with conn.transaction():
                await conn.execute(f"LOCK TABLE {table} IN {mode} MODE")
                ready.set()
                await asyncio.to_thread(done.wait, 600)
            await conn.close()

        thread = threading.Thread(target=lambda: asyncio.run(hold()))
        thread.start()
        assert ready.wait(300)
        try:
            yield
        finally:
            done.set()
            thread.join(300)


def failing(app: ASGIApp, paths: set[str]) -> ASGIApp:
    """`app`, but 500 for what begins with one of `paths`."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> Any:
        if scope["type"] == "http" and any(scope["path"].startswith(path) for path in paths):
            return await Response("down", 500)(scope, receive, send)
        return await app(scope, receive, send)

    return answer
