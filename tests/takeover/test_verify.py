"""Verification finds what differs, says why where there is a reason, and nothing else (migration §7)."""

from __future__ import annotations

import pytest

from lernbatch.takeover import actions
from tests.takeover.moving import Installation, expected_of

BATCH = "0141000000000000001"


def test_m36_after_a_copy_nothing_differs(installation: Installation) -> None:
    installation.copy()
    told = installation.verify()
    assert told["differences"]["count"] == 0
    expected = expected_of(installation.world)["target_rows"]
    compared = told["differences"]["compared"]
    assert compared == {table: expected[table] for table in ("batch", "enrolment", "attempt", "imported_certificate")}


def test_m36_both_sides_of_a_batch_are_counted_and_summed(installation: Installation) -> None:
    installation.copy()
    for batch_id, sides in installation.verify()["by_batch"].items():
        assert sides["source"] == sides["target"]
        wanted = expected_of(installation.world)["by_batch"][batch_id]
        assert {name: sides["target"][name] for name in wanted} == wanted


@pytest.mark.parametrize(
    ("change", "table", "columns"),
    [
        ("UPDATE enrolment SET progress = progress + 1 WHERE {first}", "enrolment", ["progress"]),
        ("UPDATE enrolment SET active = NOT active WHERE {first}", "enrolment", ["active"]),
        ("UPDATE enrolment SET states_text = '{{}}' WHERE {first}", "enrolment", ["states"]),
        ("UPDATE batch SET name = 'Another' WHERE batch_id = '0141000000000000001'", "batch", ["name"]),
        ("UPDATE attempt SET score = score + 0.5 WHERE {attempt}", "attempt", ["score"]),
        ("DELETE FROM attempt WHERE {attempt}", "attempt", ["the row is missing"]),
        ("DELETE FROM enrolment WHERE {first}", "enrolment", ["the row is missing"]),
        (
            "UPDATE imported_certificate SET status = 'suspended' WHERE certificate_id = 'cert-01'",
            "imported_certificate",
            ["status"],
        ),
    ],
)
def test_m37_a_change_without_a_reason_is_found(
    installation: Installation, change: str, table: str, columns: list[str]
) -> None:
    installation.copy()
    key = "user_id, batch_id"
    first = f"({key}) = (SELECT {key} FROM enrolment WHERE states_text <> '{{}}' ORDER BY 1, 2 LIMIT 1)"
    attempt = "(user_id, attempt_id) = (SELECT user_id, attempt_id FROM attempt ORDER BY 1, 2 LIMIT 1)"
    installation.sql(change.format(first=first, attempt=attempt))
    differences = installation.verify()["differences"]
    assert differences["without_reason"] == differences["count"] == 1
    assert differences["examples"][0]["table"] == table
    assert differences["examples"][0]["columns"] == columns


def test_m35_a_row_that_the_source_has_not_is_found(installation: Installation) -> None:
    installation.copy()
    installation.sql(
        "INSERT INTO enrolment (user_id, batch_id, course_id, active, enrolled_at, updated_at)"
        " SELECT 'nobody', batch_id, course_id, true, '2020-01-01', '2020-01-01' FROM batch WHERE batch_id = $1",
        BATCH,
    )
    (difference,) = installation.verify()["differences"]["examples"]
    assert difference["key"] == ["nobody", BATCH]
    assert difference["columns"] == ["the source has no such row"]
    assert difference["reason"] is None


def test_m37_what_changed_after_the_copy_has_a_reason(installation: Installation) -> None:
    installation.copy()
    installation.sql(
        "UPDATE enrolment SET progress = progress + 1, updated_at = now() + interval '1 minute'"
        " WHERE user_id = (SELECT min(user_id) FROM enrolment)"
    )
    differences = installation.verify()["differences"]
    assert differences["reasons"] == {"changed since copy": 1}


@pytest.mark.parametrize("form", ["cqlsh", "cqlsh-py39"])
def test_m65_another_form_of_the_same_rows_differs_in_rounded_scores_alone(
    installation: Installation, form: str
) -> None:
    installation.copy("dsbulk")
    differences = installation.verify(form)["differences"]
    assert differences["reasons"] == {"score-rounded": 2}
    assert {difference["table"] for difference in differences["examples"]} == {"attempt", "enrolment"}


def test_m40_an_exact_export_is_compared_exactly(installation: Installation) -> None:
    installation.copy("cqlsh")
    differences = installation.verify("dsbulk")["differences"]
    assert differences["without_reason"] == differences["count"] == 2


def test_m36_one_batch_can_be_verified_alone(installation: Installation) -> None:
    installation.copy()
    installation.sql("UPDATE enrolment SET progress = 99 WHERE batch_id <> $1", BATCH)
    told = installation.verify(batch_id=BATCH)
    assert told["differences"]["count"] == 0
    assert list(told["by_batch"]) == [BATCH]


def test_m36_verification_writes_nothing_but_its_note(installation: Installation) -> None:
    installation.copy()
    before = installation.everything()
    installation.verify()
    assert installation.everything() == before


def test_m36_without_a_copy_there_is_nothing_to_verify(installation: Installation) -> None:
    with pytest.raises(actions.NothingCopied):
        installation.verify()
