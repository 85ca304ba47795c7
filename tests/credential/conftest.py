"""What tests of this room may ask for."""

from __future__ import annotations

import pytest

from lernbatch.credential import keys
from lernbatch.credential.keys import KeySet
from tests.certificate.conftest import cohort as cohort
from tests.certificate.conftest import nothing_due as nothing_due


@pytest.fixture(scope="module")
def issuer_keys(tmp_path_factory: pytest.TempPathFactory) -> KeySet:
    return keys.open_key_set(tmp_path_factory.mktemp("keys"), "https://lern.example")
