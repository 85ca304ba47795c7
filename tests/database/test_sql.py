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


def test_a_room_may_use_a_fragment_of_a_room_below() -> None:
    text = "-- again\nINSERT INTO job (kind) VALUES (:kind) ON CONFLICT (kind) DO UPDATE :{enrolment.due_again};"
    assert "due_at = EXCLUDED.due_at" in sql.parse(text).again.text


def test_a_fragment_is_no_statement() -> None:
    assert set(sql.parse(_SHARED).statements) == {"open_batches", "public_batches"}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("-- rows\nSELECT :{missing};", "no fragment missing"),
        ("-- rows\nSELECT :{enrolment.missing};", "no fragment enrolment.missing"),
        ("-- rows\nSELECT :{later};\n-- fragment later\n1", "no fragment later"),
        ("-- fragment unused\n1\n-- rows\nSELECT 1;", "unused"),
        ("-- fragment rows\n1\n-- rows\nSELECT :{rows};", "rows stands twice"),
    ],
)
def test_a_fragment_that_is_unknown_unused_or_named_twice_is_an_error(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        sql.parse(text)


_OF_LEARNERS = """
-- states_of
SELECT e.states
  FROM unnest(:user_ids::text[], :batch_ids::text[]) AS asked (user_id, batch_id)
  JOIN enrolment e ON e.user_id = asked.user_id
       -- sharded: AND e.user_id = ANY(:user_ids)
       AND e.batch_id = asked.batch_id;
"""


def test_a_condition_for_citus_stands_in_the_sharded_form_alone() -> None:
    statement = sql.parse(_OF_LEARNERS).states_of
    assert "ANY" not in statement.text
    assert "JOIN enrolment e ON e.user_id = asked.user_id\nAND e.user_id = ANY($1)\n" in sql.sharded(statement.text)
    assert statement.parameters == ("user_ids", "batch_ids")


def test_a_statement_without_such_a_condition_is_the_same_everywhere() -> None:
    statement = sql.parse("-- answers\nSELECT 1;").answers
    assert sql.sharded(statement.text) == statement.text == "SELECT 1"


def test_a_condition_for_citus_has_no_parameter_of_its_own() -> None:
    with pytest.raises(ValueError, match="states_of for Citus"):
        sql.parse(_OF_LEARNERS.replace("ANY(:user_ids)", "ANY(:others)"))


def test_a_statement_may_have_a_form_of_its_own_for_citus() -> None:
    text = "-- counts\nSELECT count(*) FROM batch WHERE name = :name;\n-- sharded counts\nSELECT 1 WHERE :name = '';"
    statement = sql.parse(text).counts
    assert statement.text.startswith("SELECT count(*)")
    assert sql.sharded(statement.text) == "SELECT 1 WHERE $1 = ''"


def test_a_form_for_citus_belongs_to_a_statement_above_it() -> None:
    with pytest.raises(ValueError, match="no statement counts"):
        sql.parse("-- sharded counts\nSELECT 1;")
