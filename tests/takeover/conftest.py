from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.sunbird_source.conftest import sunbird_export
from tests.takeover.moving import Installation

__all__ = ["sunbird_export"]  # the same world for both rooms


@pytest.fixture
def installation(dsn: str, tmp_path: Path, sunbird_export: Path) -> Installation:
    """A database with the courses of the test world, and nothing of it copied yet."""
    fresh = Installation(dsn, tmp_path / "home", sunbird_export)
    fresh.import_courses()
    return fresh


@pytest.fixture
def own_world(installation: Installation, tmp_path: Path) -> Installation:
    """The same with a copy of the world that the test may change."""
    shutil.copytree(installation.world, tmp_path / "world")
    installation.world = tmp_path / "world"
    return installation
