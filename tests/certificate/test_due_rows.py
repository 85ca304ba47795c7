"""News about a learner queues a certificate afresh, whichever room writes the row."""

from __future__ import annotations

import re

import pytest

from lernbatch.database import sql
from tests.certificate.cohort import Cohort
from tests.learning import complete
from tests.people import ASHA
from tests.project.modules import packages_with_statements
from tests.seeds import REQUIRED

UPSERTS = [
    (f"{room}.{name}", statement.text)
    for room in packages_with_statements()
    for name, statement in sql.load(room).statements.items()
    if "INSERT INTO certificate_due" in statement.text and "DO UPDATE" in statement.text
]
FRESH = "due_at = EXCLUDED.due_at, reason = EXCLUDED.reason, claim = NULL, attempts = 0, error = NULL, parked = false"


@pytest.mark.parametrize(("name", "text"), UPSERTS, ids=[name for name, _ in UPSERTS])
def test_every_statement_that_queues_a_learner_resets_the_same_columns(name: str, text: str) -> None:
    inserted = text[text.index("INSERT INTO certificate_due") :]
    assert FRESH in re.sub(r"\s+", " ", inserted), name


def test_three_rooms_queue_learners() -> None:
    assert {name.split(".")[1] for name, _ in UPSERTS} == {"certificate", "enrolment", "progress"}


def test_a_completion_forgets_what_went_wrong_before(cohort: Cohort) -> None:
    cohort.enrol(ASHA, status=1)
    cohort.attach()
    cohort.service.sql(
        """INSERT INTO certificate_due (user_id, batch_id, due_at, reason, attempts, error, parked)
           VALUES ($1, $2, now(), 'score', 7, 'The user service did not say who this is.', true)""",
        ASHA.user_id,
        cohort.batch_id,
    )
    complete(cohort.service, ASHA, cohort.batch_id, *REQUIRED)
    (row,) = cohort.due()
    assert (row["reason"], row["attempts"], row["error"], row["parked"]) == ("completed", 0, None, False)
