"""A service that can be made to fail."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn

from lernbatch.config import Config
from sandbox.app import standalone
from tests.batch.lame import Lame, failing
from tests.running import running


@pytest.fixture(scope="session")
def lame_service(new_dsn: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lame]:
    dsn = new_dsn()
    paths: set[str] = set()
    app = failing(standalone(Config(home=Path("unused")), dsn), paths)
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    settings = {
        "content_url": url,
        "search_url": url,
        "user_org_url": url,
        "upstream_attempts": 1,
        "upstream_failures": 1000,
        "statement_timeout_seconds": 0.5,
    }
    with running(tmp_path_factory.mktemp("lame"), dsn, **settings) as service:
        yield Lame(service, paths, dsn)
    server.should_exit = True
    thread.join(20)
    listening.close()


@pytest.fixture
def lame(lame_service: Lame) -> Iterator[Lame]:
    """A service whose sandbox and database fail where the test says so."""
    yield lame_service
    lame_service.recover()
