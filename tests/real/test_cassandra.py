"""A real Cassandra is read while it lives, slow, full of tombstones, and killed; and what its own tools export."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lernbatch.sunbird_source import live
from lernbatch.sunbird_source.files import NoSource
from lernbatch.sunbird_source.live import LiveSource, RangeRefused
from lernbatch.sunbird_source.model import Options, SourceRow
from lernbatch.sunbird_source.naming import ForeignTable
from lernbatch.sunbird_source.opening import open_source
from tests.real.cassandra import Node, by_key, enrolments, insert, make_keyspace, make_table, running, session
from tests.sunbird_source.reading import all_rows
from tests.sunbird_source.sunbird_export.world import TABLES
from tests.sunbird_source.test_forms import alike
from tests.takeover.moving import Installation, expected_of, keyed, same

SOON = (0.01,) * 10


@pytest.fixture
def source(node: Node) -> Iterator[LiveSource]:
    opened = open_source(node.url)
    assert isinstance(opened, LiveSource)
    yield opened
    opened.close()


def test_m10_a_living_cluster_gives_the_rows_of_its_export(
    source: LiveSource, expected: dict[str, list[dict[str, Any]]]
) -> None:
    assert by_key(all_rows(source)) == expected
    assert source.tables["user_enrolments"].called == "sunbird_courses.user_enrolments"


def test_m10_pages_and_narrow_ranges_change_nothing(
    node: Node, expected: dict[str, list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "PAGE_ROWS", 3)
    bounds = {name: live.split([-(2**63), 2**63 - 1], 40) for name in TABLES}
    source = open_source(node.url, Options(bounds=bounds))
    try:
        assert len(source.chunks()) == 40 * len(TABLES)
        assert by_key(all_rows(source)) == expected
    finally:
        source.close()


def test_m10_ranges_cover_the_ring_and_are_the_same_when_their_bounds_are_handed_back(source: LiveSource) -> None:
    for bounds in source.bounds.values():
        assert bounds[0] == -(2**63)
        assert bounds[-1] == 2**63 - 1
        assert bounds == sorted({*bounds})
    again = replace(
        source, options=Options(bounds={name: [bounds[0], 0, bounds[-1]] for name, bounds in source.bounds.items()})
    )
    again.look()
    try:
        assert {(chunk.start, chunk.end) for chunk in again.chunks()} == {(-(2**63), 0), (0, 2**63 - 1)}
    finally:
        again.close()


def test_m10_the_keyspace_of_the_address_is_read_alone(node: Node) -> None:
    source = open_source(f"{node.url}/sunbird")
    assert [*source.tables] == ["cert_registry"]
    source.close()
    with pytest.raises(NoSource, match="its keyspaces are sunbird, sunbird_courses"):
        open_source(f"{node.url}/nothing")


def test_m10_moments_and_numbers_that_are_none_do_not_stop_the_reading(node: Node) -> None:
    with session(node) as cql:
        make_keyspace(cql, "odd")
        cql.execute(
            "CREATE TYPE odd.question (id text, assess_ts timestamp, score double, duration decimal, title text)"
        )
        columns = (
            "user_id text, course_id text, batch_id text, content_id text, attempt_id text, "
            "last_attempted_on timestamp, created_on timestamp, total_score double, mood text, "
            "question list<frozen<question>>"
        )
        key = "(user_id, course_id), batch_id, content_id, attempt_id"
        make_table(cql, "odd.assessment_aggregator", columns, key)
        cql.execute(
            "INSERT INTO odd.assessment_aggregator (user_id, course_id, batch_id, content_id, attempt_id, "
            "last_attempted_on, created_on, total_score, question, mood) VALUES ('u', 'c', 'b', 't', '1', "
            "1741089600000000, -1, NaN, [{id: 'q', assess_ts: 1741089600000, score: 0.1, duration: 2.50}], 'good')"
        )
    source = open_source(f"{node.url}/odd")
    try:
        assert source.tables["assessment_aggregator"].unknown == ("mood",)
        (row,) = all_rows(source)["assessment_aggregator"]
    finally:
        source.close()
    assert isinstance(row, SourceRow)
    assert row.values["last_attempted_on"] == "1741089600000000"
    assert (row.values["created_on"], row.values["total_score"], row.values["mood"]) == ("-1", None, "good")
    assert row.values["question"] == [
        {"id": "q", "assess_ts": datetime(2025, 3, 4, 12, tzinfo=UTC), "score": 0.1, "duration": 2.5, "title": None}
    ]


def test_m09_a_table_of_other_types_is_refused_by_the_schema_of_the_cluster(node: Node) -> None:
    with session(node) as cql:
        make_keyspace(cql, "other")
        make_table(cql, "other.user_courses", "batchid text, userid text, active timestamp", "batchid, userid")
    with pytest.raises(ForeignTable, match=r"other\.user_courses\.active is a timestamp"):
        open_source(f"{node.url}/other")


def with_tombstones(node: Node, keyspace: str, learners: int, deleted: int) -> None:
    """Learners of whom each has one enrolment, and has had `deleted` others."""
    with session(node) as cql:
        name = enrolments(cql, keyspace)
        gone = cql.prepare(f"DELETE FROM {name} WHERE userid = ? AND courseid = 'c' AND batchid = ?")
        for learner in range(learners):
            insert(cql, name, {"userid": f"u{learner}", "courseid": "c", "batchid": "here"})
            for batch in range(deleted):
                cql.execute(gone, (f"u{learner}", f"gone-{batch}"))


def whole_ring(url: str) -> LiveSource:
    source = open_source(url, Options(bounds={"user_enrolments": [-(2**63), 2**63 - 1]}))
    assert isinstance(source, LiveSource)
    source.waits = SOON
    return source


def test_m10_a_range_with_too_many_tombstones_is_halved_until_it_answers(node: Node) -> None:
    with_tombstones(node, "graves", learners=60, deleted=20)
    source = whole_ring(f"{node.url}/graves")
    try:
        rows = all_rows(source)["user_enrolments"]
    finally:
        source.close()
    assert sorted(str(row.values["userid"]) for row in rows if isinstance(row, SourceRow)) == sorted(
        f"u{n}" for n in range(60)
    )


def test_m10_a_range_that_never_answers_is_named_and_others_are_read(node: Node) -> None:
    with_tombstones(node, "tomb", learners=1, deleted=400)
    source = whole_ring(f"{node.url}/tomb")
    try:
        with pytest.raises(
            RangeRefused, match=r"tomb\.user_enrolments gave no rows for its tokens from -?\d+ to -?\d+"
        ):
            all_rows(source)
        with session(node) as cql:
            named = "userid = 'u0' AND courseid = 'c' AND batchid = 'here'"
            (token,) = cql.execute(f"SELECT token(userid) FROM tomb.user_enrolments WHERE {named}").one()
        (chunk,) = source.chunks()
        before, after = replace(chunk, end=token - 1), replace(chunk, start=token)
        assert [*source.rows(before)] == []
        assert [*source.rows(after)] == []
    finally:
        source.close()


LEARNERS = 4000


@pytest.mark.usefixtures("node")
def test_m10_a_node_that_is_killed_in_the_middle_is_read_to_the_end_when_it_is_back(tmp_path: Path) -> None:
    with running(tmp_path / "node") as mortal:
        with session(mortal) as cql:
            name = enrolments(cql, "k")
            for learner in range(LEARNERS):
                for batch in ("a", "b"):
                    insert(cql, name, {"userid": f"u{learner}", "courseid": "c", "batchid": batch})
        source = open_source(f"{mortal.url}/k", Options(bounds={"user_enrolments": [-(2**63), 2**63 - 1]}))
        seen: list[tuple[str, str]] = []
        back = threading.Thread(target=mortal.start)
        for row in source.rows(source.chunks()[0]):
            assert isinstance(row, SourceRow), row
            seen.append((str(row.values["userid"]), str(row.values["batchid"])))
            if len(seen) == 1500:
                mortal.kill()
                back.start()
        back.join()
        source.close()
    assert sorted(seen) == sorted((f"u{learner}", batch) for learner in range(LEARNERS) for batch in ("a", "b"))


def test_m10_a_source_that_is_gone_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(NoSource, match="cannot be read"):
        open_source("cassandra://127.0.0.1:1/k")


# -- what comes of it


def test_m63_a_copy_of_the_living_cluster_is_what_the_world_expects(node: Node, installation: Installation) -> None:
    told = installation.copy(node.url, live=True)
    expected = expected_of(installation.world)
    assert {name: told["target"].get(name) for name in expected["target_rows"]} == expected["target_rows"]
    for what, names in {"batches": ["batch_id"], "enrolments": ["user_id", "batch_id"]}.items():
        listed = expected[what].values() if what == "batches" else expected[what]
        rows = keyed(installation.rows(what), *names)
        assert [key for key, row in keyed([*listed], *names).items() if not same(rows[key], row, rounded=False)] == []
    kinds = {kind for kind, rows in expected["problems"].items() if any("only" not in row for row in rows)}
    assert installation.problems().keys() == kinds - {"row-unreadable"}  # no cluster holds a broken line


def test_m65_a_copy_of_the_living_cluster_is_verified_by_its_export(node: Node, installation: Installation) -> None:
    installation.copy(node.url, live=True)
    differences = installation.verify("cqlsh")["differences"]
    assert differences["without_reason"] == 0
    assert differences["rows"] > 50


# -- what its own tools export


def test_m01_what_cqlsh_exports_of_it_is_read(
    node: Node, expected: dict[str, list[dict[str, Any]]], tmp_path: Path
) -> None:
    copies = ""
    for table, (keyspace, _, _) in TABLES.items():
        (tmp_path / keyspace).mkdir(exist_ok=True)
        copies += f"COPY {keyspace}.{table} TO '{tmp_path}/{keyspace}/{table}.csv' WITH HEADER = true;\n"
    (tmp_path / "copies.cql").write_text(copies)
    program = Path(sys.executable).with_name("cqlsh")
    done = subprocess.run(
        [program, "127.0.0.1", str(node.ports[0]), "-f", tmp_path / "copies.cql"],
        check=True, capture_output=True, text=True, env={**os.environ, "HOME": str(tmp_path)},
    )  # fmt: skip
    (tmp_path / "copies.cql").unlink()
    (tmp_path / "copy.log").write_text(done.stdout)
    source = open_source(str(tmp_path))
    rows = all_rows(source)
    assert (source.form, source.escape) == ("cqlsh", "py310")
    assert {name: table.logged_rows for name, table in source.tables.items()} == {
        name: len(found) for name, found in expected.items()
    }
    for table, there in by_key(rows).items():
        assert all(map(alike, expected[table], there))
        assert len(there) == len(expected[table])
