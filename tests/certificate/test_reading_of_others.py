"""Who has a certificate's number reads what its public page says; whose it is, its holder and who manages the batch."""

from __future__ import annotations

from typing import Any

import pytest

from tests.certificate.cohort import Cohort
from tests.learning import new_learner
from tests.people import ASHA, RAVI, VIKRAM, Person


def read(cohort: Cohort, number: str, person: Person) -> Any:
    answer = cohort.service.call("GET", f"/certs/v1/registry/read/{number}", person)
    assert answer.status_code == 200
    return answer


@pytest.mark.parametrize("stranger", [RAVI, new_learner()])
def test_any_other_token_reads_no_more_than_the_public_page(cohort: Cohort, issued: str, stranger: Person) -> None:
    answer = read(cohort, issued, stranger)
    assert ASHA.user_id not in answer.text
    shown = answer.json()["result"]["response"]
    assert set(shown["related"]) == {"batchId", "courseId", "type"}
    page = cohort.service.call("GET", f"/certs/{issued}").text
    assert shown["recipient"]["name"] in page
    assert shown["json"]["recipient"]["hashed"] is True


@pytest.mark.parametrize("person", [ASHA, VIKRAM])
def test_the_holder_and_who_manages_the_batch_read_whose_it_is(cohort: Cohort, issued: str, person: Person) -> None:
    assert read(cohort, issued, person).json()["result"]["response"]["recipient"]["id"] == ASHA.user_id
