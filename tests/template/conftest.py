"""What tests of this room may ask for."""

from __future__ import annotations

from tests.certificate.conftest import cohort as cohort
from tests.certificate.conftest import nothing_due as nothing_due
