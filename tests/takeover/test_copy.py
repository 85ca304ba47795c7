"""A copy of the test world is what expected.json says, whatever form it was exported in (migration §10)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lernbatch.progress import recomputing
from tests.takeover.moving import FORMS, Installation, expected_of, keyed, same


@pytest.mark.parametrize("form", FORMS)
def test_m63_a_copy_is_what_the_world_expects(installation: Installation, form: str) -> None:
    expected, rounded = expected_of(installation.world), form != "dsbulk"
    told = installation.copy(form)

    keys = {"batches": ["batch_id"], "enrolments": ["user_id", "batch_id"], "certificates": ["certificate_id"],
            "attempts": ["user_id", "batch_id", "content_id", "attempt_id"]}  # fmt: skip
    for what, names in keys.items():
        wanted = expected[what].values() if what == "batches" else expected[what]
        wanted_rows, rows = keyed([*wanted], *names), keyed(installation.rows(what), *names)
        assert rows.keys() == wanted_rows.keys()
        wrong = [(key, rows[key], row) for key, row in wanted_rows.items() if not same(rows[key], row, rounded=rounded)]
        assert wrong == []
    assert problems_of(installation) == {
        kind: [row for row in rows if rounded or "only" not in row]
        for kind, rows in expected["problems"].items()
        if rounded or any("only" not in row for row in rows)
    }
    target = {name: told["target"].get(name) for name in expected["target_rows"]}
    assert target == expected["target_rows"]


def problems_of(installation: Installation) -> dict[str, list[dict[str, Any]]]:
    """As expected.json has them: it does not say where a row cannot be read."""
    found = installation.problems()
    for row in found.get("row-unreadable", []):
        assert row.pop("place")
        assert row.pop("reason")
    for row in found.get("score-rounded", []):
        row["only"] = "cqlsh"
    return found


def test_m15_every_source_row_is_accounted_for(installation: Installation) -> None:
    expected = expected_of(installation.world)
    tables = installation.copy()["tables"]
    for table, rows in expected["source_rows"].items():
        sums = tables[table]
        assert sums["rows"] == rows + expected["unreadable_rows"].get(table, 0)
        assert sums["rows"] == sums["taken"] + sums["joined"] + sums["derived"] + sums["held"]
        assert sums["unaccounted"] == 0
    assert tables["TrainingCertificate"]["rows"] == expected["registry_entities"]
    assert tables["assessment_archive"]["rows"] == expected["archived_attempts"]


def test_m15_a_dropped_column_that_holds_values_is_named(installation: Installation) -> None:
    dropped = installation.copy()["dropped_columns"]
    assert dropped == {"course_batch.tandc": 1, "user_courses.delta": 1, "content_consumption.contentversion": 3}


def test_m25_a_second_copy_changes_nothing(installation: Installation) -> None:
    installation.copy()
    before = installation.everything()
    told = installation.copy()
    assert installation.everything() == before
    assert told["tables"]["user_enrolments"]["rows"] == 54


@pytest.mark.parametrize("form", FORMS)
def test_m32_a_catch_up_from_an_unchanged_source_writes_nothing(installation: Installation, form: str) -> None:
    installation.copy(form)
    before = installation.everything()
    told = installation.copy(form, catch_up=True)
    assert installation.everything() == before
    assert told["target"]["enrolments written"] == told["target"]["attempts written"] == 0
    assert told["target"]["certificates written"] == told["target"]["batches written"] == 0


def test_m64_after_a_copy_reconcile_finds_nothing(installation: Installation) -> None:
    installation.copy()
    assert differences(installation) == []


def test_m38_a_last_read_without_any_state_stays_and_is_no_difference(own_world: Installation) -> None:
    row = {
        "userid": "reader", "courseid": "do_3141000000000001", "batchid": "0141000000000000001", "active": True,
        "enrolled_date": "2024-02-01T00:00:00Z", "status": 0, "lastreadcontentid": "do_314100000000000101",
        "lastreadcontentstatus": 1, "lastcontentaccesstime": "2024-02-02T00:00:00Z",
    }  # fmt: skip
    folder = own_world.world / "dsbulk" / "sunbird_courses" / "user_enrolments"
    (folder / "output-000002.json").write_text(json.dumps(row) + "\n")
    own_world.copy()
    (stored,) = own_world.sql("SELECT last_read_content_id FROM enrolment WHERE user_id = 'reader'")
    assert stored[0] == "do_314100000000000101"
    assert differences(own_world) == []


def differences(installation: Installation) -> list[Any]:
    """What `lernbatch reconcile` finds."""

    async def work(held: Any, _: Any) -> list[Any]:
        return [difference async for difference in recomputing.differences(held)]

    return installation.run(work)


def test_m29_nothing_leaves(installation: Installation) -> None:
    installation.copy()
    for table in ("outbox", "certificate_due", "template_recheck", "batch_listing", "certificate"):
        assert installation.sql(f"SELECT count(*) FROM {table}")[0][0] == 0


def test_m23_a_plan_has_the_numbers_of_the_copy(installation: Installation) -> None:
    plan, copy = installation.plan(), installation.copy()
    for part in ("tables", "dropped_columns", "problems", "courses", "batch_edges"):
        assert plan[part] == copy[part]
    written = {name for name in copy["target"] if name.endswith("written")}
    assert plan["target"] == {name: count for name, count in copy["target"].items() if name not in written}


def test_m20_a_plan_writes_nothing(installation: Installation) -> None:
    told = installation.plan()
    assert told["tables"]["user_enrolments"]["rows"] == 54
    assert told["target"]["learners"] == 51
    assert told["batch_edges"] == {"zone": 11, "utc": 2, "neither": 0}
    assert all(rows == [] for rows in installation.everything().values())
    assert installation.sql("SELECT count(*) FROM takeover.pass")[0][0] == 0
    assert installation.sql("SELECT count(*) FROM course")[0][0] == 0


def test_m12_names_in_records_are_sealed(installation: Installation) -> None:
    installation.copy()
    sealed = installation.sql("SELECT sealed_record FROM imported_certificate")
    assert sealed
    assert all(b"Asha" not in row[0] and b"Bina" not in row[0] for row in sealed)
    assert all(b"userid" not in row[0] for row in installation.sql("SELECT sealed_row FROM takeover.quarantine"))
