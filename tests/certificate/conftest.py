"""What tests of certificates may ask for."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

import pytest

from tests.certificate.cohort import Cohort, new_cohort
from tests.people import ASHA
from tests.running import Running


@pytest.fixture
def nothing_due(service: Running) -> None:
    """Forget the due rows and re-checks that earlier tests left in the database they share."""
    service.sql("DELETE FROM certificate_due")
    service.sql("DELETE FROM template_recheck")


@pytest.fixture
def cohort(service: Running, nothing_due: None) -> Cohort:
    """A batch of Vikram's without templates or learners."""
    return new_cohort(service)


@pytest.fixture
def issued(cohort: Cohort) -> str:
    """The id of a certificate of Asha's."""
    cohort.enrol(ASHA)
    cohort.attach()
    cohort.work()
    return str(cohort.certificates()[0]["certificate_id"])


@pytest.fixture
def dsn_of_service(service: Running, server: str) -> str:
    """The DSN of the database that the running service works on, for processes beside it."""
    (row,) = service.sql("SELECT current_database()")
    parts = urlsplit(server)
    return urlunsplit(parts._replace(path=f"/{row[0]}"))
