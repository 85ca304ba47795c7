"""What every test may ask for: a database, a pool, a running service, its movable clock."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from hypothesis import HealthCheck, settings

from lernbatch import log
from lernbatch.database.partitioning import partition
from postgres_supervisor import embedded
from tests import citus
from tests.running import MovableClock, Running, named, running
from tests.seeds import migrate_and_seed

_numbers = count(1)
# A busy machine is slow to make up examples, too.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
# Where clients of HTTP look for certificates: to read all that they bring takes each client longer than most calls.
os.environ.setdefault("SSL_CERT_DIR", str(Path(__file__).parent))
log.configure("warning")  # as a service does: the default draws traces so large that timeouts pass meanwhile


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--parts", type=int, default=0, help="cut the largest tables of every database into so many")
    parser.addoption("--real", action="store_true", help="run what is marked real, and nothing else")


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores, for many tests wait for other processes."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is marked real is left to `make test-real`, unless it is named."""
    if any("::" in argument for argument in config.args):
        return
    chosen: list[pytest.Item] = []
    others: list[pytest.Item] = []
    for item in items:
        is_real = item.get_closest_marker("real") is not None
        (chosen if is_real == config.getoption("real") else others).append(item)
    config.hook.pytest_deselected(items=others)
    items[:] = chosen


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """What needs programs that are not Python's is run by `make test-real`."""
    real = Path(__file__).parent / "real"
    return True if collection_path == real and not any("real" in Path(one).parts for one in config.args) else None


def _run(work: Coroutine[Any, Any, object]) -> None:
    """Run `work` in a thread: that of the tests has a loop of Playwright's while a browser is open."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()


def _execute(dsn: str, *statements: str) -> None:
    async def work() -> None:
        conn = await asyncpg.connect(dsn)
        try:
            for statement in statements:
                await conn.execute(statement)
        finally:
            await conn.close()

    _run(work())


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The DSN of a real PostgreSQL that all processes of this run share; LERNBATCH_PG_BIN chooses its programs.

    Where LERNBATCH_TEST_CITUS_URL is set, that of its coordinator: then every test is one on Citus.
    """
    if citus.URL is not None:
        yield citus.URL
        return
    base = tmp_path_factory.getbasetemp()
    home = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    programs = os.environ.get("LERNBATCH_PG_BIN")
    # Nothing here outlives the run, so the tests need not wait for the disk.
    options = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "300"}
    with embedded.running(home / "pg", bin_dir=Path(programs) if programs else None, options=options) as dsn:
        yield dsn


@pytest.fixture(scope="session")
def template(server: str, pytestconfig: pytest.Config) -> str:
    """The name of a migrated database with the sandbox's data, which others are cloned from."""
    name = f"template_{os.environ.get('PYTEST_XDIST_WORKER', 'only')}"
    if citus.URL is not None:
        citus.make(server, name)
        return name
    _execute(server, f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name}")
    _run(migrate_and_seed(named(server, name)))
    if parts := pytestconfig.getoption("parts"):
        _run(partition(named(server, name), parts, lambda line: None))
    return name


def _clone(server: str, template: str) -> str:
    name = f"{template}_{next(_numbers)}"
    if citus.URL is not None:
        citus.clone(server, template, name)
        return name
    _execute(server, f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name} TEMPLATE {template}")
    return name


def _drop(server: str, name: str) -> None:
    if citus.URL is not None:
        citus.drop(server, name)
    else:
        _execute(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def new_dsn(server: str, template: str) -> Callable[[], str]:
    """Makes a database that lives as long as the run, for a service with settings of its own."""
    return lambda: named(server, _clone(server, template))


@pytest.fixture
def dsn(server: str, template: str) -> Iterator[str]:
    """The DSN of a fresh database of this test's own."""
    name = _clone(server, template)
    yield named(server, name)
    _drop(server, name)


@pytest.fixture
def empty_dsn(server: str) -> Iterator[str]:
    """The DSN of a database without a table."""
    name = f"empty_{uuid4().hex}"
    _execute(server, f"CREATE DATABASE {name}")
    yield named(server, name)
    _execute(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def module_dsn(server: str, template: str) -> Iterator[str]:
    """The DSN of a fresh database that the tests of one file share."""
    name = _clone(server, template)
    yield named(server, name)
    _drop(server, name)


@pytest.fixture(scope="session")
def shared_service(new_dsn: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("home"), new_dsn()) as service:
        yield service


@pytest.fixture
def service(shared_service: Running) -> Iterator[Running]:
    """The running service, shared by the tests of this process: each makes its own batches and learners."""
    yield shared_service
    shared_service.clock.ahead *= 0


@pytest.fixture
def clock(service: Running) -> MovableClock:
    """The service's clock; back to the real time after the test."""
    return service.clock
