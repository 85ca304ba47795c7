from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.takeover.moving import Installation
from tests.takeover.sunbird_export.generate import world


@pytest.fixture
def installation(dsn: str, tmp_path: Path, sunbird_export: Path) -> Installation:
    """A database with the courses of the test world, and nothing of it copied yet."""
    fresh = Installation(dsn, tmp_path / "home", sunbird_export)
    fresh.import_courses()
    return fresh


@pytest.fixture(scope="session")
def sunbird_export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the test world: `dsbulk`, `cqlsh`, `cqlsh-py39`, `registry`, `archive`, … and `expected.json`."""
    folder = tmp_path_factory.mktemp("sunbird-export")
    world().write(folder)
    return folder


@pytest.fixture
def own_world(installation: Installation, tmp_path: Path) -> Installation:
    """The same with a copy of the world that the test may change."""
    shutil.copytree(installation.world, tmp_path / "world")
    installation.world = tmp_path / "world"
    return installation
