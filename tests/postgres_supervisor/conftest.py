"""Servers of both versions, where both are installed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from postgres_supervisor.binaries import server_version
from postgres_supervisor.embedded import running
from tests.postgres_supervisor.servers import SMALL, choices, open_folder, query


@pytest.fixture(
    params=[choices()[0], *(pytest.param(other, marks=pytest.mark.real) for other in choices()[1:])],
    ids=lambda bin_dir: f"pg{server_version(bin_dir)}",
    scope="module",
)
def bin_dir(request: pytest.FixtureRequest) -> Path:
    folder: Path = request.param
    return folder


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder() as made:
        yield made


@pytest.fixture(scope="module")
def home(bin_dir: Path) -> Iterator[Path]:
    """One home for the tests that do not care how it was made."""
    with open_folder() as made:
        with running(made / "home", bin_dir=bin_dir, options=SMALL) as dsn:
            query(dsn, "CREATE TABLE course (name text)")
        yield made / "home"
