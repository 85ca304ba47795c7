from __future__ import annotations

from pathlib import Path

import pytest

from tests.sunbird_source.sunbird_export.generate import world


@pytest.fixture(scope="session")
def sunbird_export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the test world: `dsbulk`, `cqlsh`, `cqlsh-py39`, `registry`, `archive`, … and `expected.json`."""
    folder = tmp_path_factory.mktemp("sunbird-export")
    world().write(folder)
    return folder
