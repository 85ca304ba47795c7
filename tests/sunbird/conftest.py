"""A service that answers by a script, over real TCP: what goes wrong out there, on demand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import msgspec
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from lernbatch.clock import Clock
from lernbatch.config import Config
from lernbatch.sunbird import Sunbird
from sandbox import app as sandbox
from tests.running import lifespan, served

T = TypeVar("T")
HANGS = object()


@dataclass
class Script:
    """What the service answers next: a status with a body, or HANGS. The last one is repeated."""

    url: str = ""
    answers: list[Any] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)

    def answer(self, *answers: Any) -> None:
        self.answers[:] = answers
        self.requests.clear()
        self.bodies.clear()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await lifespan(receive, send)
            return
        request = Request(scope, receive)
        body = await request.body()
        self.requests.append(request)
        self.bodies.append(msgspec.json.decode(body) if body else None)
        next_one = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if next_one is HANGS:
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        status, content = next_one
        await Response(content if isinstance(content, bytes) else msgspec.json.encode(content), status)(
            scope, receive, send
        )


@pytest.fixture(scope="session")
def scripted() -> Iterator[Script]:
    script = Script()
    with served(script) as script.url:
        yield script


Clients = Callable[..., Any]


@pytest.fixture
def clients(scripted: Script, tmp_path: Path) -> Clients:
    """Runs work with clients whose every service is the scripted one: `clients(lambda sunbird: …, **settings)`."""
    names = ("content", "search", "questionset", "user_org", "group", "certificate_service")

    def run(work: Callable[[Sunbird], Awaitable[T]], **settings: Any) -> T:
        seconds = 2 if HANGS in scripted.answers else 300  # a busy machine is slow to answer, too
        quick = {"upstream_timeout_seconds": seconds, "upstream_failures": 100}
        urls = {f"{name}_url": scripted.url for name in names}
        config = Config(home=tmp_path, **{**urls, **quick, **settings})

        async def opened() -> T:
            pool: asyncpg.Pool = asyncpg.create_pool("postgresql://nobody@127.0.0.1:1/none", min_size=0)
            bundled = sandbox.application(pool, config, Clock(config.time_zone))
            async with Sunbird.open(config, bundled) as sunbird:
                return await work(sunbird)

        return asyncio.run(opened())

    return run
