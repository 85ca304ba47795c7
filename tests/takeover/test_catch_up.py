"""What changed since the copy is joined; what only a person or another service can tell is said (migration §7)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lernbatch.errors import Upstream
from lernbatch.sunbird_source.opening import open_source
from lernbatch.takeover import actions, batches
from tests.cli.commands import Installation as CommandLine
from tests.learning import ENROLMENT
from tests.takeover.moving import NOBODY_WATCHES, PROVIDER, Installation

BATCH, COURSE = "0141000000000000001", "do_3141000000000001"


def change(installation: Installation, table: str, edit: Any) -> list[dict[str, Any]]:
    """Rewrite the rows of a table of the world; `edit` changes a row, and says whether it stays. Returns those gone."""
    path = installation.world / "dsbulk" / "sunbird_courses" / table / "output-000001.json"
    lines, gone = [], []
    for line in path.read_bytes().split(b"\n")[:-1]:
        try:
            row = json.loads(line)
        except ValueError:
            lines.append(line)
            continue
        if edit(row) is False:
            gone.append(row)
        else:
            lines.append(json.dumps(row, ensure_ascii=False).encode())
    path.write_bytes(b"\n".join([*lines, b""]))
    return gone


def learner_with(installation: Installation, condition: str) -> str:
    rows = installation.sql(
        f"SELECT user_id FROM enrolment WHERE batch_id = $1 AND {condition} ORDER BY 1 LIMIT 1", BATCH
    )
    return str(rows[0][0])


def enrolment(installation: Installation, user_id: str) -> Any:
    rows = installation.sql(f"{ENROLMENT} WHERE user_id = $1 AND batch_id = $2", user_id, BATCH)
    return rows[0] if rows else None


def test_m34_an_unenrolment_is_taken_from_the_source(own_world: Installation) -> None:
    own_world.copy()
    user_id = learner_with(own_world, "active AND status = 1")

    def leave(row: dict[str, Any]) -> None:
        if row["userid"] == user_id:
            row["active"] = False

    change(own_world, "user_enrolments", leave)
    before = enrolment(own_world, user_id)
    told = own_world.copy(catch_up=True)
    after = enrolment(own_world, user_id)
    assert (before["active"], after["active"]) == (True, False)
    assert after["revision"] == before["revision"] + 1
    assert told["target"]["enrolments written"] == 1


def test_m34_a_batch_is_as_the_source_has_it_now_and_keeps_what_is_ours(own_world: Installation) -> None:
    own_world.copy()
    own_world.sql("UPDATE batch SET capacity = 7 WHERE batch_id = $1", BATCH)

    def rename(row: dict[str, Any]) -> None:
        if row["batchid"] == BATCH:
            row["name"] = "January, renamed"

    change(own_world, "course_batch", rename)
    assert own_world.copy(catch_up=True)["target"]["batches written"] == 1
    (row,) = own_world.sql("SELECT name, capacity, revision FROM batch WHERE batch_id = $1", BATCH)
    assert tuple(row) == ("January, renamed", 7, 2)


def test_m32_progress_at_the_source_is_joined(own_world: Installation) -> None:
    own_world.copy()
    user_id = learner_with(own_world, "status = 1 AND progress = 2")
    key = {"userid": user_id, "courseid": COURSE, "batchid": BATCH}
    done = {**key, "contentid": "do_314100000000000103", "status": 2, "last_access_time": "2026-01-01T00:00:00Z"}
    folder = own_world.world / "dsbulk" / "sunbird_courses" / "user_content_consumption"
    (folder / "output-000002.json").write_text(json.dumps(done) + "\n")
    assert own_world.copy(catch_up=True)["target"]["enrolments written"] == 1
    after = enrolment(own_world, user_id)
    assert after["progress"] == 3
    assert after["states"]["do_314100000000000103"][0] == 2


def test_m28_what_the_target_has_more_of_is_kept(own_world: Installation) -> None:
    own_world.copy()
    user_id = learner_with(own_world, "status = 1 AND progress = 2")
    state = [2, 100, 1, 1, 1767225600000, 1767225600000, 1767225600000]
    own_world.sql(
        "UPDATE enrolment SET states_text = states_text::jsonb"
        " || jsonb_build_object('do_314100000000000104', $2::jsonb) WHERE user_id = $1",
        user_id,
        state,
    )
    own_world.copy(catch_up=True)
    after = enrolment(own_world, user_id)
    assert after["states"]["do_314100000000000104"][:7] == state
    assert after["progress"] == 3  # by the rules, of what both know


def test_m35_a_row_that_was_deleted_at_a_living_source_is_taken_out_and_listed(own_world: Installation) -> None:
    own_world.copy(live=True)
    user_id = learner_with(own_world, "progress = 2")
    for table in ("user_enrolments", "user_content_consumption"):
        assert change(own_world, table, lambda row: row["userid"] != user_id)
    change(own_world, "user_activity_agg", lambda row: row["user_id"] != user_id)
    own_world.copy(catch_up=True, live=True)
    assert enrolment(own_world, user_id) is not None
    with pytest.raises(actions.OnlyLive):
        own_world.copy(catch_up=True, remove_vanished=True)
    told = own_world.copy(catch_up=True, live=True, remove_vanished=True)
    assert told["removed"] == [[user_id, BATCH]]
    assert enrolment(own_world, user_id) is None


def test_a_batch_whose_id_is_there_twice_comes_in_under_another(own_world: Installation) -> None:
    own_world.copy(renames={(COURSE, "0141000000000000006"): "renamed"})
    rows = own_world.sql("SELECT batch_id, course_id FROM batch WHERE batch_id IN ('renamed', '0141000000000000006')")
    assert {tuple(row) for row in rows} == {("renamed", COURSE), ("0141000000000000006", "do_3141000000000002")}
    assert own_world.sql("SELECT count(*) FROM enrolment WHERE batch_id = 'renamed'")[0][0] == 1
    assert "batch-id-twice" not in own_world.problems()


def test_m11_one_world_in_two_sources_is_joined(own_world: Installation) -> None:
    sources = [*own_world.sources("dsbulk"), open_source(str(own_world.world / "cqlsh"))]

    async def work(held: Any, conn: Any) -> Any:
        return await actions.copy(held, conn, sources, actions.options_of(held, {}), NOBODY_WATCHES)

    told = own_world.run(work)
    assert told["tables"]["course_batch"] == {
        "rows": 18, "taken": 7, "joined": 7, "derived": 0, "held": 4, "unaccounted": 0
    }  # fmt: skip
    assert told["target"]["enrolment"] == 51
    assert {sums["unaccounted"] for sums in told["tables"].values()} == {0}
    rows = {source["form"]: source["rows"] for source in told["sources"]}
    assert rows["dsbulk-json"]["user_enrolments"] == rows["cqlsh"]["user_enrolments"] == 54


def test_m07_an_export_that_gave_up_on_rows_is_told(own_world: Installation) -> None:
    folder = own_world.world / "cqlsh" / "sunbird_courses"
    line = "99 rows exported to 1 files in 0.123 seconds.\n"
    (folder / "copy.log").write_text(f"Starting copy of sunbird_courses.user_enrolments with columns [userid].\n{line}")
    (warning,) = own_world.plan("cqlsh")["warnings"]
    assert "54 rows of user_enrolments were read, its export's log says 99" in warning


def test_m21_without_a_content_service_a_plan_says_what_it_did_not_ask(own_world: Installation) -> None:
    settings = {"content_url": "http://127.0.0.1:9", "upstream_attempts": 1}
    own_world.settings = settings
    told = own_world.plan()
    assert told["not_asked"]
    assert len(told["courses"]["not_asked"]) == 3
    assert "batch-course-unknown" not in told["problems"]
    assert told["target"]["enrolment"] == 51
    with pytest.raises(Upstream):
        own_world.copy()
    own_world.settings = {}
    own_world.copy()
    assert own_world.verify()["differences"]["count"] == 0


def test_m22_a_source_without_batches_is_refused(own_world: Installation) -> None:
    change(own_world, "course_batch", lambda row: False)
    with pytest.raises(batches.NoBatches):
        own_world.plan()


def test_m22_the_command_says_what_it_did_and_writes_its_report(own_world: Installation, tmp_path: Path) -> None:
    line = CommandLine(own_world.home, own_world.dsn, {"LERNBATCH_FEDERATION_PROVIDER_ID": PROVIDER})
    folder = tmp_path / "report"
    words: list[str | Path] = [
        own_world.world / "dsbulk", "--registry", own_world.world / "registry",
        "--archive", own_world.world / "archive",
        "--job-requests", own_world.world / "postgres" / "job_request.csv", "--report", folder,
    ]  # fmt: skip
    plan = line.run("sunbird", "plan", *words)
    assert plan.returncode == 0, plan.stderr
    assert "user_enrolments: 54 rows, 49 taken, 0 joined, 0 derived, 5 held" in plan.stdout
    assert json.loads((folder / "plan.json").read_bytes())["problems"]["completion-found"]["count"] == 1
    assert "Moving over: plan" in (folder / "plan.html").read_text()
    assert (folder / "progress-differs.csv").read_text().count("\n") == 4
    copy = line.run("sunbird", "copy", *words)
    assert copy.returncode == 0, copy.stderr
    verify = line.run("sunbird", "verify", *words)
    assert verify.returncode == 0, verify.stderr
    assert "0 differences in 81 compared rows." in verify.stdout
    again = line.run("sunbird", "verify", "--report", folder)
    assert "0 differences in 81 compared rows." in again.stdout, again.stderr
    refused = line.run("sunbird", "hand-over")
    assert refused.returncode == 1
    assert "--accept-held row-unreadable" in refused.stderr
    broken = line.run("sunbird", "plan", tmp_path / "nothing", "--report", folder)
    assert broken.returncode == 1
    assert "refused" in json.loads((folder / "plan.json").read_bytes())
