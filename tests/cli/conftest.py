"""Installations for tests of commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.commands import Installation


@pytest.fixture(scope="module")
def installation(module_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """A home of its own, on a migrated database that the tests of the file share."""
    return Installation(tmp_path_factory.mktemp("home"), module_dsn, {})


@pytest.fixture
def own_installation(dsn: str, tmp_path: Path) -> Installation:
    """The same for one test."""
    return Installation(tmp_path, dsn, {})
