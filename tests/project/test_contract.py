"""The contract, case by case: each numbered case has a test, and each test with a number names a case."""

from __future__ import annotations

import pytest

from tests import contract_coverage

# The letters of all cases; `make coverage-of-contract` writes the table.
HELD = ("C", "U", "RD", "S", "P", "K", "Y", "A", "R", "I", "E")


@pytest.mark.parametrize("letters", HELD)
def test_every_numbered_case_has_a_test(letters: str) -> None:
    missing = [case.number for case in contract_coverage.untested() if case.number.rstrip("0123456789") == letters]
    assert missing == []


def test_every_number_in_a_tests_name_is_a_case() -> None:
    known = {case.number for case in contract_coverage.cases()}
    unknown = [test.name for test in contract_coverage.tests() if not known.issuperset(test.numbers)]
    assert unknown == []
