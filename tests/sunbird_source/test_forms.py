"""Every form of one world gives the same rows."""

from __future__ import annotations

import gzip
import json
import math
import pickle
import tarfile
from pathlib import Path
from typing import Any

import pytest

from lernbatch.sunbird_source.beside import open_archive, open_index, open_job_requests, open_registry
from lernbatch.sunbird_source.files import BrokenFile, NoSource
from lernbatch.sunbird_source.model import Options, SourceRow, UnreadableRow
from lernbatch.sunbird_source.opening import open_source
from tests.sunbird_source.reading import all_rows, one, read, write

FORMS = ("dsbulk", "cqlsh", "cqlsh-py39")


def alike(ours: Any, other: Any) -> bool:
    """Equal, but for digits that an export dropped, and for an empty text, which CSV cannot tell from none."""
    if isinstance(ours, dict) and isinstance(other, dict):
        return ours.keys() == other.keys() and all(alike(ours[name], other[name]) for name in ours)
    if isinstance(ours, list) and isinstance(other, list):
        return len(ours) == len(other) and all(map(alike, ours, other))
    if isinstance(ours, float) and isinstance(other, float):
        return math.isclose(ours, other, rel_tol=1e-5)
    return bool(ours == other) or (ours == "" and other is None)


@pytest.mark.parametrize("form", ["cqlsh", "cqlsh-py39"])
def test_m01_every_form_gives_the_same_rows(sunbird_export: Path, form: str) -> None:
    expected = read(sunbird_export / "dsbulk")
    rows = read(sunbird_export / form)
    assert rows.keys() == expected.keys()
    for table, there in expected.items():
        assert [type(row) for row in rows[table]] == [type(row) for row in there]
        for row, other in zip(rows[table], there, strict=True):
            if isinstance(row, SourceRow) and isinstance(other, SourceRow):
                assert alike(other.values, row.values), (other, row)


@pytest.mark.parametrize("form", FORMS)
def test_m01_as_many_rows_come_as_the_world_has(sunbird_export: Path, form: str) -> None:
    figures = json.loads((sunbird_export / "expected.json").read_text())
    rows = read(sunbird_export / form)
    readable = {table: sum(isinstance(row, SourceRow) for row in found) for table, found in rows.items()}
    broken = {table: len(found) - readable[table] for table, found in rows.items() if len(found) > readable[table]}
    assert readable == figures["source_rows"]
    assert broken == figures["unreadable_rows"]


def test_a_form_is_found_out_by_looking(sunbird_export: Path) -> None:
    sources = [open_source(str(sunbird_export / form)) for form in FORMS]
    assert [(source.form, source.escape, source.rounds) for source in sources] == [
        ("dsbulk-json", None, False),
        ("cqlsh", "py310", True),
        ("cqlsh", "py39", True),
    ]


@pytest.mark.parametrize("form", FORMS)
def test_a_source_can_be_read_by_another_process(sunbird_export: Path, form: str) -> None:
    source = open_source(str(sunbird_export / form))
    assert all_rows(pickle.loads(pickle.dumps(source))) == all_rows(source)


def test_the_folder_of_a_keyspace_is_enough(sunbird_export: Path) -> None:
    rows = read(sunbird_export / "cqlsh" / "sunbird_courses")
    assert len(rows["user_enrolments"]) == 54
    assert "cert_registry" not in rows


def test_packed_exports_are_unpacked_and_removed_again(sunbird_export: Path, tmp_path: Path) -> None:
    for keyspace in ("sunbird", "sunbird_courses"):
        with tarfile.open(tmp_path / f"{keyspace}.tar.gz", "w:gz") as archive:
            archive.add(sunbird_export / "cqlsh" / keyspace, keyspace)
    expected = read(sunbird_export / "cqlsh")
    source = open_source(str(tmp_path))
    rows = all_rows(source)
    assert {table: len(found) for table, found in rows.items()} == {
        table: len(found) for table, found in expected.items()
    }
    assert rows["user_enrolments"][0].place == f"sunbird_courses.tar.gz/{expected['user_enrolments'][0].place}"
    source.close()
    with pytest.raises(FileNotFoundError):
        source.chunks()
    assert len(read(tmp_path / "sunbird_courses.tar.gz")["user_enrolments"]) == 54


def test_an_archive_that_is_cut_off_is_refused(sunbird_export: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "whole.tgz", "w:gz") as archive:
        archive.add(sunbird_export / "cqlsh", ".")
    content = (tmp_path / "whole.tgz").read_bytes()
    write(tmp_path, {"half.tar.gz": content[: len(content) // 2]})
    with pytest.raises(NoSource, match=r"half\.tar\.gz cannot be unpacked"):
        open_source(str(tmp_path / "half.tar.gz"))


def test_a_packed_file_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    lines = b"".join(b'{"userid":"%d","courseid":"c","batchid":"b"}\n' % number for number in range(50_000))
    packed = gzip.compress(lines)
    write(tmp_path, {"k/user_enrolments/output-000001.json.gz": packed[:-100]})
    with pytest.raises(BrokenFile, match="cannot be unpacked"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "holds no export"),
        ({"notes.txt": "nothing"}, "holds no export"),
        ({"k/user_courses.csv": "batchid,userid\r\n1,2\r\n", "k/user_courses/output-1.json": "{}"}, "CSV and JSON"),
        ({"k/user_enrolments.csv": "u,c,b,True\r\n"}, "WITH HEADER = true"),
    ],
)
def test_what_is_no_export_is_refused_with_a_reason(tmp_path: Path, files: dict[str, str], said: str) -> None:
    write(tmp_path, files)
    with pytest.raises(NoSource, match=said):
        open_source(str(tmp_path))


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoSource, match="no folder"):
        open_source(str(tmp_path / "gone"))


# -- beside the tables


def test_certificates_of_the_registry_come_as_they_are(sunbird_export: Path) -> None:
    lines = (sunbird_export / "registry" / "TrainingCertificate.jsonl").read_text().split("\n")
    rows = all_rows(open_registry(sunbird_export / "registry", Options()))["TrainingCertificate"]
    assert [row.values for row in rows if isinstance(row, SourceRow)] == [json.loads(line) for line in lines if line]


ENTITY = {"osid": "1-a", "status": "ACTIVE", "recipient": {"name": "A {b} \u2028"}, "data": {"osid": "inner"}}
KEY = {"osid": "1-k", "value": "MIIB", "alg": "RSA"}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(ENTITY) + "\n" + json.dumps(KEY) + "\n",
        json.dumps([ENTITY, KEY]),
        json.dumps([ENTITY, KEY], indent=2),
        json.dumps({"TrainingCertificate": [ENTITY], "x": 1}) + "\n" + json.dumps({"PublicKey": KEY}) + "\n",
        json.dumps({"totalCount": 2, "data": [ENTITY, KEY]}, indent=1),
        json.dumps({"_index": "trainingcertificate", "_id": "1", "_source": ENTITY})
        + "\n"
        + json.dumps({"_source": KEY}),
        json.dumps({"took": 3, "hits": {"total": 2, "hits": [{"_source": ENTITY}, {"_source": KEY}]}}),
    ],
)
def test_entities_are_taken_out_of_what_is_around_them(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, {"dump.json": text}) / "dump.json"
    rows = all_rows(open_registry(path, Options()))
    assert one(rows, "TrainingCertificate") == ENTITY
    assert one(rows, "PublicKey") == KEY


def test_an_entity_that_is_none_is_unreadable(tmp_path: Path) -> None:
    path = (
        write(tmp_path, {"dump.jsonl": '{"osid":"a","recipient":{}}\n{"osid":\n{"recipient":{}}\n7\n'}) / "dump.jsonl"
    )
    rows = all_rows(open_registry(path, Options()))["TrainingCertificate"]
    assert [row.reason if isinstance(row, UnreadableRow) else "" for row in rows] == [
        "",
        "it is no JSON",
        "osid is missing, which is its key",
        "it is no JSON object",
    ]
    assert [row.place for row in rows] == ["dump.jsonl:0", "dump.jsonl:28", "dump.jsonl:37", "dump.jsonl:54"]


def test_batches_of_the_search_index_come_as_they_are(tmp_path: Path) -> None:
    path = write(tmp_path, {"index.jsonl": '{"_source":{"batchId":"b","courseId":"c"}}\n'}) / "index.jsonl"
    assert one(all_rows(open_index(path, Options())), "course_batch_index") == {"batchId": "b", "courseId": "c"}


def test_archived_attempts_are_read_as_the_table_has_them(sunbird_export: Path) -> None:
    row = one(all_rows(open_archive(sunbird_export / "archive", Options())), "assessment_archive")
    table: dict[Any, dict[str, Any]] = {
        row.values["attempt_id"]: row.values
        for row in read(sunbird_export / "dsbulk")["assessment_aggregator"]
        if isinstance(row, SourceRow)
    }
    question = dict(row["question"][0])
    assert row["created_on"] is None
    assert row["total_score"] == 2.0
    assert question.keys() == table["try-1"]["question"][0].keys()
    assert question["params"][1] == {"answer": '{"correct":["1"]}'}


TITLE = 'It is "5, 6", C:\\new, ok'


@pytest.mark.parametrize("dialect", ["both escaped", "quotes escaped", "quotes doubled"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_archived_questions_are_read_in_three_dialects(tmp_path: Path, dialect: str, ending: str) -> None:
    questions = [
        {"id": "q", "title": TITLE, "assess_ts": "2025-02-08T17:30:01+05:30", "params": [{"a": '{"b":[1,"c"]}'}]}
    ]
    text = json.dumps(questions)
    if dialect == "both escaped":
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    else:
        text = text.replace('"', '\\"' if dialect == "quotes escaped" else '""')
    header = "course_id,batch_id,user_id,content_id,attempt_id,created_on,total_score,question"
    line = f'c,b,u,"x, y",1,2025-02-08T12:00:00.000Z,null,"{text}"'
    bare = "c,b,u,z,2,,3.5,null"
    content = gzip.compress(ending.join([header, line, bare, ""]).encode())
    rows = all_rows(open_archive(write(tmp_path, {"b/2025-06.csv.gz": content}), Options()))["assessment_archive"]
    values: list[dict[str, Any]] = [row.values for row in rows if isinstance(row, SourceRow)]
    first, second = values
    assert first["question"][0]["title"] == TITLE
    assert first["question"][0]["params"] == [{"a": '{"b":[1,"c"]}'}]
    assert first["question"][0]["assess_ts"].isoformat() == "2025-02-08T12:00:01+00:00"
    assert (first["content_id"], first["total_score"], first["created_on"].isoformat()) == (
        "x, y",
        None,
        "2025-02-08T12:00:00+00:00",
    )
    assert (second["question"], second["total_score"], second["created_on"]) == (None, 3.5, None)


def test_requests_for_reports_are_read_with_what_their_texts_hold(sunbird_export: Path, tmp_path: Path) -> None:
    rows = all_rows(open_job_requests(sunbird_export / "postgres" / "job_request.csv", Options()))["job_request"]
    assert [row.values["status"] for row in rows if isinstance(row, SourceRow)] == ["SUCCESS", "SUBMITTED", "FAILED"]
    text = 'request_id,status,request_data\n1,SUBMITTED,"{""a"": ""line\ntwo\u2028""}"\n2,FAILED\n3,,x\n'
    path = write(tmp_path, {"job_request.csv": text}) / "job_request.csv"
    first, second, third = all_rows(open_job_requests(path, Options()))["job_request"]
    assert isinstance(first, SourceRow)
    assert first.values["request_data"] == '{"a": "line\ntwo\u2028"}'
    assert isinstance(second, UnreadableRow)
    assert second.place == f"job_request.csv:{text.encode().index(b'2,FAILED')}"
    assert isinstance(third, SourceRow)
    assert third.values["status"] is None


def test_a_csv_beside_the_tables_needs_its_header(tmp_path: Path) -> None:
    write(tmp_path, {"a.csv": "c,b,u,z,2,,3.5,null\n"})
    with pytest.raises(NoSource, match="does not begin with the names of its columns"):
        open_archive(tmp_path, Options())
