"""What is tested with programs that are not Python's. Where one is missing, a line says what was not run."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lernbatch.sunbird_source.opening import open_source
from tests import citus
from tests.real import cassandra, chromium, clients, kafka, patroni
from tests.sunbird_source.reading import all_rows
from tests.sunbird_source.sunbird_export.generate import world
from tests.takeover.moving import Installation

# Whether something can be had here, the files that need it, and what is said where it cannot.
_NEEDS: tuple[tuple[object, list[str], str], ...] = (
    (
        chromium.program(),
        ["test_chromium.py"],
        "no Chromium is installed here (Debian's package is chromium), so templates were not drawn by it "
        "again. Its pictures of before are compared with ours in tests/drawing.",
    ),
    (
        citus.URL,
        ["test_citus.py"],
        "LERNBATCH_TEST_CITUS_URL names no coordinator of a Citus, so nothing ran on one. The text of the statements "
        "is checked in tests/project/test_distribution.py.",
    ),
    (
        shutil.which("promtool"),
        ["test_promtool.py"],
        "no promtool is installed here (Debian's package is prometheus), so no alert was tried.",
    ),
    (
        shutil.which("nginx") and shutil.which("caddy"),
        ["test_proxy.py"],
        "nginx and Caddy are not both installed here (Debian's packages have these names; which start them), "
        "so none stood in front of the service.",
    ),
    (shutil.which("helm"), ["test_helm.py"], "no helm is installed here, so the chart was not rendered."),
    (
        clients.node_programs(),
        [],
        "no spectral, redocly and TypeScript can be had here (they need Node and npm), so the API's description was "
        "not linted, and no TypeScript client was generated. tests/project holds its schemas and examples.",
    ),
    (
        clients.python_generator(),
        [],
        "no generator of Python clients can be had here (pip did not bring it), so none was generated.",
    ),
    (
        cassandra.jars("cassandra"),
        ["test_cassandra.py", "test_dsbulk.py"],
        "no Cassandra can be had here (it needs Java 17 and Maven), so no living cluster was read, and nothing "
        "that its tools export of one. Files as they write them are read in tests/sunbird_source.",
    ),
    (
        cassandra.jars("kafka"),
        ["test_kafka.py", "test_kafka_listening.py"],
        "no Kafka can be had here (it needs Java 17 and Maven), so no event went through a real broker, none was heard "
        "from one, and no login was tried. What is done with events is tested in tests/outbox and tests/inbox.",
    ),
    (
        patroni.programs(),
        ["test_patroni.py"],
        "no Patroni with etcd and PostgreSQL 15 is installed here (Debian's packages are patroni, etcd-server and "
        "postgresql-15), so no cluster's primary was killed. A primary whose standby is promoted by hand is killed in "
        "tests/database.",
    ),
    (
        (patroni.POSTGRES / "postgres").exists(),
        ["test_older_server.py"],
        "no PostgreSQL 15 is installed here (Debian's package is postgresql-15), so no backup of an older server was "
        "restored by newer programs. tests/cli has backups where both are of one version.",
    ),
    (
        cassandra.jars("dsbulk"),
        ["test_dsbulk.py"],
        "no dsbulk can be had here (it needs Java and Maven), so what it exports was not read. Documents as it writes "
        "them are read in tests/sunbird_source.",
    ),
)
_missing = [(files, said) for program, files, said in _NEEDS if not program]
_measured: list[str] = []
collect_ignore = [file for files, _ in _missing for file in files]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for _, said in _missing:
        terminalreporter.write_line(f"NOT RUN: {said}")
    for line in _measured:
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[cassandra.Node]:
    """A node of Cassandra with the test world in it."""
    with cassandra.running(tmp_path_factory.mktemp("cassandra")) as node:
        cassandra.fill(node, world())
        yield node


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[kafka.Broker]:
    """A broker that stays up; each test makes topics of its own."""
    with kafka.running(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture(scope="module", name="patroni")
def cluster() -> Iterator[patroni.Cluster]:
    with patroni.running() as cluster:
        yield cluster


@pytest.fixture
def measured() -> list[str]:
    """Takes lines for people: nothing is asserted of how long something took."""
    return _measured


@pytest.fixture(scope="session")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """The rows that an export of the same world gives, ordered by key."""
    folder = tmp_path_factory.mktemp("world")
    world().write(folder)
    return cassandra.by_key(all_rows(open_source(str(folder / "dsbulk"))))


@pytest.fixture
def installation(dsn: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """A database with the courses of the test world, and nothing of it copied yet."""
    folder = tmp_path_factory.mktemp("world")
    world().write(folder)
    fresh = Installation(dsn, tmp_path / "home", folder)
    fresh.import_courses()
    return fresh
