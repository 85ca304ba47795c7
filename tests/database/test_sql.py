"""Statements and the fragments they share, as the loader reads them."""

from __future__ import annotations

import pytest

from lernbatch.database import sql

_SHARED = """
-- fragment is_open
-- Why it is a fragment: two statements ask it.
status <> 2 AND starts_on <= :today

-- fragment is_open_to_all
:{is_open} AND enrolment_type = 'open'

-- open_batches
SELECT batch_id FROM batch WHERE course_id = :course_id AND (:{is_open}) AND ends_on > :today;

-- public_batches
SELECT batch_id FROM batch WHERE :{is_open_to_all};
"""


def test_a_fragment_stands_in_every_statement_that_names_it() -> None:
    queries = sql.parse(_SHARED)
    assert queries.open_batches.text == (
        "SELECT batch_id FROM batch WHERE course_id = $1 AND (\nstatus <> 2 AND starts_on <= $2) AND ends_on > $2"
    )
    assert queries.open_batches.parameters == ("course_id", "today")


def test_a_fragment_may_use_an_earlier_one() -> None:
    statement = sql.parse(_SHARED).public_batches
    assert statement.text.endswith("status <> 2 AND starts_on <= $1 AND enrolment_type = 'open'")
    assert statement.parameters == ("today",)


def test_a_fragment_is_no_statement() -> None:
    assert set(sql.parse(_SHARED).statements) == {"open_batches", "public_batches"}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("-- rows\nSELECT :{missing};", "no fragment missing"),
        ("-- rows\nSELECT :{later};\n-- fragment later\n1", "no fragment later"),
        ("-- fragment unused\n1\n-- rows\nSELECT 1;", "unused"),
        ("-- fragment rows\n1\n-- rows\nSELECT :{rows};", "rows stands twice"),
    ],
)
def test_a_fragment_that_is_unknown_unused_or_named_twice_is_an_error(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        sql.parse(text)
