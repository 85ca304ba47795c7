"""What tests of reports may ask for."""

from __future__ import annotations

import pytest

from tests.reporting import Reporting
from tests.running import Running


@pytest.fixture
def reporting(service: Running) -> Reporting:
    """A batch of Vikram's, without learners."""
    return Reporting(service)
