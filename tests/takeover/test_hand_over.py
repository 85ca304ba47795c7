"""The hand-over wants proof, and from then on nothing is copied; the way back is a round trip (migration §7)."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lernbatch.takeover import actions, hand_back, hand_over
from lernbatch.takeover.convert.model import HELD
from tests.takeover.moving import Installation

ACCEPTED = (*HELD, "bulk-open", "exhaust-open")


def test_m41_what_is_missing_is_said_all_at_once(installation: Installation) -> None:
    installation.copy()
    with pytest.raises(hand_over.NotReady) as refused:
        installation.hand_over()
    said = str(refused.value)
    assert "Nothing was verified" in said
    for kind in ("batch-id-twice", "row-unreadable", "enrolment-without-batch", "bulk-open", "exhaust-open"):
        assert kind in said


def test_m14_held_rows_are_accepted_by_name(installation: Installation) -> None:
    installation.copy()
    installation.verify()
    with pytest.raises(hand_over.NotReady, match=r"row-unreadable") as refused:
        installation.hand_over(*(kind for kind in ACCEPTED if kind != "row-unreadable"))
    assert str(refused.value).count("\n") == 1
    assert installation.hand_over(*ACCEPTED)["listings"] == 3


def test_m41_a_difference_without_a_reason_is_in_the_way(installation: Installation) -> None:
    installation.copy()
    installation.sql("UPDATE enrolment SET progress = progress + 1")
    installation.verify()
    with pytest.raises(hand_over.NotReady, match="51 differences without a reason"):
        installation.hand_over(*ACCEPTED)


def test_m41_a_verification_from_before_the_last_catch_up_does_not_count(installation: Installation) -> None:
    installation.copy()
    installation.verify()
    installation.copy(catch_up=True)
    with pytest.raises(hand_over.NotReady, match="began before the last catch-up"):
        installation.hand_over(*ACCEPTED)


def test_m41_an_old_verification_does_not_count(installation: Installation) -> None:
    installation.copy()
    installation.verify()
    installation.sql("UPDATE takeover.pass SET ended_at = ended_at - interval '61 minutes' WHERE command = 'verify'")
    with pytest.raises(hand_over.NotReady, match="older than an hour"):
        installation.hand_over(*ACCEPTED)


def handed_over(installation: Installation, *, clean: bool = False) -> None:
    installation.copy()
    installation.verify()
    installation.hand_over(*ACCEPTED, clean=clean)


def test_m43_after_the_hand_over_nothing_is_copied(installation: Installation) -> None:
    handed_over(installation)
    for catch_up in (False, True):
        with pytest.raises(actions.HandedOver):
            installation.copy(catch_up=catch_up)


def test_m43_the_lists_of_all_courses_are_published_again(installation: Installation) -> None:
    handed_over(installation)
    due = installation.sql("SELECT course_id FROM batch_listing WHERE due")
    assert {row["course_id"] for row in due} == {f"do_314100000000000{n}" for n in (1, 2, 3)}


def test_m43_handing_over_twice_is_once(installation: Installation) -> None:
    handed_over(installation)
    installation.hand_over()
    assert installation.sql("SELECT count(*) FROM takeover.pass WHERE command = 'hand-over'")[0][0] == 1


def test_m43_clean_drops_what_was_staged_and_keeps_the_quarantine(installation: Installation) -> None:
    handed_over(installation, clean=True)
    assert installation.sql("SELECT count(*) FROM takeover.stage")[0][0] == 0
    assert installation.sql("SELECT count(*) FROM takeover.quarantine")[0][0] > 0


def test_m45_hand_back_and_copy_is_a_round_trip(
    installation: Installation, new_dsn: Callable[[], str], tmp_path: Path
) -> None:
    installation.copy()
    folder = tmp_path / "back"
    told = installation.hand_back(folder, everything=True)
    assert told["rows"]["user_enrolments"] == 51
    again = Installation(new_dsn(), tmp_path / "elsewhere", tmp_path / "world")
    shutil.copytree(installation.world / "courses", again.world / "courses")
    shutil.copytree(installation.world / "registry", again.world / "registry")
    shutil.copytree(folder / "dsbulk", again.world / "dsbulk")
    shutil.copytree(installation.world / "dsbulk" / "sunbird", again.world / "dsbulk" / "sunbird")
    again.import_courses()
    plan, copy = again.plan(), again.copy()
    assert plan["tables"] == copy["tables"]
    for what in ("batches", "enrolments", "attempts", "certificates"):
        assert sorted(again.rows(what), key=str) == sorted(installation.rows(what), key=str)
    assert again.verify()["differences"]["count"] == 0


def test_m68_a_handed_back_world_has_no_problem_that_a_move_had_mended(
    installation: Installation, new_dsn: Callable[[], str], tmp_path: Path
) -> None:
    installation.copy()
    world = tmp_path / "world"
    installation.hand_back(world, everything=True)
    shutil.copytree(installation.world / "courses", world / "courses")
    again = Installation(new_dsn(), tmp_path / "elsewhere", world)
    again.import_courses()
    kinds = set(again.copy()["problems"])
    # What is still so: what no row can tell otherwise.
    assert kinds == {
        "batch-course-unknown", "batch-field-missing", "certificate-record-missing", "completion-unproven",
        "details-unreadable", "state-outside-course", "template-unreadable", "attempt-total-differs",
    }  # fmt: skip


def test_m44_the_csv_holds_the_same_values_as_the_json(installation: Installation, tmp_path: Path) -> None:
    installation.copy()
    installation.hand_back(tmp_path, everything=True)
    for table in ("user_enrolments", "course_batch"):
        with (tmp_path / "cqlsh" / "sunbird_courses" / f"{table}.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file, escapechar="\\", doublequote=False))
        path = tmp_path / "dsbulk" / "sunbird_courses" / table / "output-000001.json"
        lines = path.read_bytes().split(b"\n")[:-1]
        documents = [json.loads(line) for line in lines]
        assert [[*row] for row in rows] == [[*document] for document in documents]
        for row, document in zip(rows, documents, strict=True):
            texts = {name: value for name, value in document.items() if isinstance(value, str) and "T" not in value}
            assert {name: row[name] for name in texts} == texts


def test_m44_columns_that_we_do_not_fill_are_not_emptied(installation: Installation, tmp_path: Path) -> None:
    installation.copy()
    installation.hand_back(tmp_path, everything=True)
    header = (tmp_path / "cqlsh" / "sunbird_courses" / "course_batch.csv").read_text().splitlines()[0]
    assert header.startswith("courseid,batchid,")
    assert "tandc" not in header
    assert (
        f"COPY sunbird_courses.course_batch ({header.replace(',', ', ')}) FROM" in (tmp_path / "load.txt").read_text()
    )


def test_m44_both_dates_are_there_and_last_days_end_in_the_zone(installation: Installation, tmp_path: Path) -> None:
    installation.copy()
    installation.hand_back(tmp_path, everything=True)
    path = tmp_path / "dsbulk" / "sunbird_courses" / "course_batch" / "output-000001.json"
    batches = {row["batchid"]: row for row in map(json.loads, path.read_bytes().split(b"\n")[:-1])}
    january = batches["0141000000000000001"]
    assert (january["startdate"], january["start_date"]) == ("2024-01-10", "2024-01-09T18:30:00.000Z")
    assert (january["enddate"], january["end_date"]) == ("2024-06-30", "2024-06-30T18:29:59.999Z")


def test_m44_only_what_changed_since_the_hand_over_goes_back(installation: Installation, tmp_path: Path) -> None:
    with pytest.raises(actions.NothingCopied):
        installation.hand_back(tmp_path, everything=True)
    installation.copy()
    with pytest.raises(hand_back.NotHandedOver):
        installation.hand_back(tmp_path, everything=False)
    installation.verify()
    installation.hand_over(*ACCEPTED)
    assert installation.hand_back(tmp_path, everything=False)["rows"]["user_enrolments"] == 0
    installation.sql(
        "UPDATE enrolment SET updated_at = now() + interval '1 second'"
        " WHERE user_id = (SELECT min(user_id) FROM enrolment)"
    )
    assert installation.hand_back(tmp_path, everything=False)["rows"]["user_enrolments"] == 1


def test_m46_what_the_source_cannot_hold_is_counted(installation: Installation, tmp_path: Path) -> None:
    installation.copy()
    installation.sql("UPDATE batch SET capacity = 5, leave_policy = 'never' WHERE batch_id = '0141000000000000001'")
    told = installation.hand_back(tmp_path, everything=True)
    assert told["cannot_be_held"] == {"capacity": 1, "leave policy": 1}


def test_m14_held_rows_go_back_verbatim_in_a_file_of_its_owner_alone(
    installation: Installation, tmp_path: Path
) -> None:
    installation.copy()
    installation.hand_back(tmp_path, everything=True)
    path = tmp_path / "quarantine.jsonl"
    assert path.stat().st_mode & 0o077 == 0
    rows = [json.loads(line) for line in path.read_bytes().splitlines()]
    broken = next(row for row in rows if row["kind"] == "row-unreadable")
    assert broken["row"].startswith('{"userid":')
    assert broken["row"].endswith('"batchid":')
    held = next(row for row in rows if row["kind"] == "enrolment-without-batch")
    assert held["row"]["batchid"] == held["key"][1]
