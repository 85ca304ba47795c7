"""An installation for tests that read what a process wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.commands import Installation


@pytest.fixture
def own_installation(dsn: str, tmp_path: Path) -> Installation:
    """A home and a migrated database of this test's own; the log tells every request."""
    return Installation(tmp_path, dsn, {"LERNBATCH_LOG_LEVEL": "debug"})
