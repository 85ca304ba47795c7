"""What tests of certificates may ask for."""

from __future__ import annotations

import pytest

from tests.certificate.cohort import Cohort, new_cohort
from tests.running import Running


@pytest.fixture
def cohort(service: Running) -> Cohort:
    """A batch of Vikram's without templates or learners."""
    return new_cohort(service)
