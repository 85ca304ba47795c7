"""The sandbox, reached in both ways: through the clients in-process, and over TCP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from lernbatch.config import Config
from lernbatch.database import db
from sandbox import importing
from sandbox.app import standalone
from tests.running import Running, running, served

TREES = Path(__file__).with_name("trees")


@pytest.fixture(scope="session")
def sample_dsn(new_dsn: Callable[[], str]) -> str:
    """A database with the bundled sample in it, too."""
    dsn = new_dsn()

    async def fill() -> None:
        conn = await db.connect(dsn)
        try:
            await importing.sample(conn, await conn.fetchval("SELECT now()"))
        finally:
            await conn.close()

    asyncio.run(fill())
    return dsn


@pytest.fixture(scope="session")
def sandbox_url(sample_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the sandbox answers over TCP, as `lernbatch sandbox` serves it."""
    with served(standalone(Config(home=tmp_path_factory.mktemp("home")), sample_dsn)) as url:
        yield url


@pytest.fixture(scope="session", params=["in-process", "tcp"])
def reached(
    request: pytest.FixtureRequest, sample_dsn: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """A service whose clients reach the sandbox in one of the two ways."""
    urls = {}
    if request.param == "tcp":
        url = request.getfixturevalue("sandbox_url")
        urls = {f"{name}_url": url for name in ("content", "search", "questionset", "user_org", "group")}
        urls["certificate_service_url"] = url
    with running(tmp_path_factory.mktemp("home"), sample_dsn, **urls) as service:
        yield service


@pytest.fixture(scope="session")
def http(sandbox_url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=sandbox_url) as client:
        yield client
