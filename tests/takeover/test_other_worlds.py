"""Worlds that are not the test world: under other names, thinner, with odd ids and values (migration §2 to §5)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lernbatch.sunbird_source.catalog import TABLES
from tests.sunbird_source.sunbird_export import world as tables
from tests.sunbird_source.sunbird_export.generate import world
from tests.takeover.moving import FORMS, Installation, expected_of, keyed, same

SPARK = {
    "user_content_consumption": {"courseid": "collectionid", "batchid": "contextid"},
    "assessment_aggregator": {"course_id": "collection_id", "batch_id": "context_id"},
}
KARMAYOGI = {"user_enrolments": "user_enrolments_v2", "user_content_consumption": "user_content_consumption_v2"}
COURSE, BATCH = "do_3141000000000001", "0141000000000000001"
AT = {"datetime": "2024-02-01T00:00:00Z"}
KEYS = {
    "batches": ("batch_id",),
    "enrolments": ("user_id", "batch_id"),
    "certificates": ("certificate_id",),
    "attempts": ("user_id", "batch_id", "content_id", "attempt_id"),
}


def add(installation: Installation, table: str, *rows: dict[str, Any]) -> None:
    """Further rows of a table, in a file of their own."""
    folder = installation.world / "dsbulk" / TABLES[table].keyspace / table
    lines = [json.dumps(row) + "\n" for row in rows]
    (folder / f"output-{len([*folder.iterdir()]) + 1:06d}.json").write_text("".join(lines))


def unaccounted(told: dict[str, Any]) -> dict[str, int]:
    return {table: sums["unaccounted"] for table, sums in told["tables"].items() if sums["unaccounted"]}


@pytest.mark.parametrize(
    ("form", "renamed", "names"),
    [(FORMS[0], SPARK, KARMAYOGI), (FORMS[1], SPARK, {}), (FORMS[2], {}, KARMAYOGI)],
)
def test_m63_a_world_under_other_names_is_what_it_expects(
    installation: Installation, tmp_path: Path, form: str, renamed: dict[str, Any], names: dict[str, str]
) -> None:
    installation.world = tmp_path / "world"
    world().write(installation.world, renamed=renamed, names=names)
    installation.copy(form)
    expected = expected_of(installation.world)
    for what, key in KEYS.items():
        wanted = expected[what].values() if what == "batches" else expected[what]
        rows, wanted_rows = keyed(installation.rows(what), *key), keyed([*wanted], *key)
        assert rows.keys() == wanted_rows.keys()
        wrong = [one for one, row in wanted_rows.items() if not same(rows[one], row, rounded=form != "dsbulk")]
        assert wrong == []


@pytest.mark.parametrize("form", FORMS)
def test_m15_a_world_without_its_other_tables_is_copied_with_what_it_has(own_world: Installation, form: str) -> None:
    for table in set(tables.TABLES) - {"course_batch", "user_enrolments"}:
        folder = own_world.world / form / tables.TABLES[table][0]
        for path in [folder / f"{table}.csv", *(folder / table).glob("*")]:
            path.unlink(missing_ok=True)
    told = own_world.copy(form)
    assert {"course_batch", "user_enrolments"} <= told["tables"].keys()
    assert unaccounted(told) == {}
    assert own_world.verify(form)["differences"]["count"] == 0


def test_m15_a_table_with_a_header_alone_has_no_rows(own_world: Installation) -> None:
    for path in (own_world.world / "cqlsh").rglob("*.csv"):
        if path.stem != "course_batch":
            path.write_bytes(path.read_bytes().split(b"\n")[0] + b"\n")
    told = own_world.copy("cqlsh")
    assert unaccounted(told) == {}
    assert "user_enrolments" not in told["tables"]


ODD = {
    "a NUL": "a\0b",
    "too long": "x" * 4000,
    "quotes": "ü \u2028 'q' \"d\" \\ /",
    "blank": " ",
    "signs": "%s$1{},\t\n",
    "a prefix alone": "f:fed-1:",
    "beyond the plane": "\U0001f600",
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_m15_odd_ids_stop_nothing_and_no_row_is_lost(own_world: Installation, odd: str) -> None:
    start = {"courseid": COURSE, "start_date": "2024-01-01T00:00:00Z"}
    people = {"createdby": odd, "mentors": [odd], "createdfor": [odd]}
    templates = {"cert_templates": {odd: {odd: odd, "criteria": odd}}}
    add(own_world, "course_batch", {**start, "batchid": odd}, {**start, "batchid": "odd", **people, **templates})
    for batch in (BATCH, odd):
        for user in ("plain", odd):
            key = {"userid": user, "courseid": COURSE, "batchid": batch}
            entry = {odd: odd, "name": odd, "identifier": odd, "token": odd}
            add(own_world, "user_enrolments", {**key, "active": True, "addedby": odd, "contentstatus": {odd: 2},
                                               "certificates": [entry], "lastreadcontentid": odd, **AT})  # fmt: skip
            add(own_world, "user_courses", {**key, "active": True, **AT})
            add(own_world, "user_content_consumption",
                {**key, "contentid": odd, "status": 2, "progressdetails": odd, **AT})  # fmt: skip
            tried = {"user_id": user, "course_id": COURSE, "batch_id": batch, "content_id": odd, "attempt_id": odd}
            add(own_world, "assessment_aggregator",
                {**tried, "grand_total": odd, "question": [{"id": odd, "params": [{odd: odd}]}]})  # fmt: skip
            details = [odd, json.dumps({"content_id": odd, "attempt_id": odd, "score": 1})]
            add(own_world, "user_activity_agg",
                {"activity_type": "Course", "activity_id": COURSE, "user_id": user, "context_id": f"cb:{batch}",
                 "aggregates": {f"score:{odd}": 1.0, odd: 2.0}, "agg_details": details})  # fmt: skip
    add(own_world, "user_enrolments", {"userid": odd, "courseid": odd, "batchid": BATCH, **AT})
    recipient = json.dumps({"id": odd, "name": odd})
    add(own_world, "cert_registry", {"id": odd, "related": odd, "recipient": odd, "reason": odd},
        {"id": odd + "2", "related": json.dumps({"batchId": odd, "courseId": COURSE}), "recipient": recipient,
         "data": json.dumps({"badge": {"name": odd}}), "accesscode": odd, "isrevoked": True, "reason": odd},
        {"id": odd + "3", "related": json.dumps({"batchId": BATCH, "courseId": odd}), "recipient": recipient}
    )  # fmt: skip
    entity = {"osid": odd, "status": odd, "recipient": {"id": odd, "name": odd}, "certificateLabel": odd, odd: odd,
              "training": {"id": COURSE, "batchId": BATCH, odd: odd}, "templateUrl": odd}  # fmt: skip
    (own_world.world / "registry" / "more.jsonl").write_text(json.dumps(entity) + "\n")

    assert unaccounted(own_world.copy()) == {}
    assert own_world.verify()["differences"]["count"] == 0
    assert unaccounted(own_world.copy(catch_up=True)) == {}


def test_m09_ids_that_no_index_holds_are_held_with_their_place(own_world: Installation) -> None:
    long = "x" * 4000
    add(own_world, "user_enrolments", {"userid": long, "courseid": COURSE, "batchid": BATCH, **AT})
    add(own_world, "course_batch", {"courseid": COURSE, "batchid": "b", "startdate": "2024-01-01", "createdby": long})
    own_world.copy()
    said = {row["key"][0]: row["reason"] for row in own_world.problems()["row-unreadable"] if "ids" in row["reason"]
            or "an id" in row["reason"]}  # fmt: skip
    assert said == {
        "user_enrolments": "its ids have more than 600 characters together",
        "course_batch": "an id has more than 600 characters",
    }


def test_m12_a_certificate_that_two_batches_list_is_imported_once(own_world: Installation) -> None:
    entry = {"identifier": "cert-both", "name": "Merit", "lastIssuedOn": "2024-02-01T00:00:00Z"}
    for course, batch in ((COURSE, BATCH), ("do_3141000000000002", "0141000000000000003")):
        key = {"userid": "both", "courseid": course, "batchid": batch}
        add(own_world, "user_enrolments", {**key, "active": True, "issued_certificates": [entry], **AT})
    own_world.copy()
    (row,) = own_world.sql("SELECT batch_id FROM imported_certificate WHERE certificate_id = 'cert-both'")
    assert row["batch_id"] == BATCH
    lists = own_world.sql("SELECT certificates FROM enrolment WHERE user_id = 'both'")
    assert [row["certificates"][0]["identifier"] for row in lists] == ["cert-both", "cert-both"]


VALUES: list[Any] = [
    None, True, 0, -1, 10**30, 1.5, 1e308, "", "null", "NaN", "2024-02-30", "9999999999999999", [], {}, [None], [[]],
    {"a": None}, {"a": {"b": None}}, [1], ["x"], {"a": 1}, {"a": "x"}, [{"a": None}], [{"a": "b"}], {"": ""},
]  # fmt: skip
IDS = {
    "userid": "u{}", "user_id": "u{}", "courseid": COURSE, "course_id": COURSE, "batchid": BATCH, "batch_id": BATCH,
    "contentid": "c", "content_id": "c", "attempt_id": "a", "activity_type": "Course", "activity_id": COURSE,
    "context_id": f"cb:{BATCH}", "id": "id{}",
}  # fmt: skip


def test_m15_any_value_in_any_column_is_taken_or_held_by_name(own_world: Installation) -> None:
    number = 0
    for table, kind in TABLES.items():
        ids = {**IDS, "batchid": "x{}", "start_date": AT["datetime"]} if table == "course_batch" else IDS
        rows = []
        for column in kind.columns:
            for value in VALUES:
                number += 1
                row = {name: text.format(number) for name, text in ids.items() if name in kind.columns}
                rows.append({**row, column: value})
        add(own_world, table, *rows)
    told = own_world.copy()
    assert unaccounted(told) == {}
    held = sum(sums["held"] for sums in told["tables"].values())
    assert held == own_world.sql("SELECT count(*) FROM takeover.quarantine")[0][0]
    assert own_world.verify()["differences"]["count"] == 0
