"""What tests of exhausts may ask for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reporting import Reporting
from tests.running import Running, running


@pytest.fixture
def reporting(service: Running) -> Reporting:
    """A batch of Vikram's, without learners."""
    return Reporting(service)


@pytest.fixture
def own(dsn: str, tmp_path: Path) -> Iterator[Running]:
    """A service of the test's own, over a database of its own."""
    with running(tmp_path, dsn) as service:
        yield service
