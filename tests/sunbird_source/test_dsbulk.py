"""JSON by dsbulk: documents by line, in an array, or spread; lines and chunks of files of any size."""

from __future__ import annotations

import gzip
import hashlib
import json
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lernbatch.sunbird_source.dsbulk import documents
from lernbatch.sunbird_source.files import BrokenFile, lines
from lernbatch.sunbird_source.model import Options, SourceRow, UnreadableRow
from lernbatch.sunbird_source.opening import open_source
from tests.sunbird_source.reading import all_rows, one, read, write

KEY = {"userid": "u", "courseid": "c", "batchid": "b"}
ROWS: list[dict[str, Any]] = [
    {**KEY, "userid": f"u{number}", "addedby": 'one\u2028two\u0085three "{}[],', "status": number}
    for number in range(5)
]
NAME = "sunbird_courses/user_enrolments/output-000001.json"


def compact(row: dict[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False, separators=(",", ":"))


LAYOUTS = {
    "a document a line": "".join(compact(row) + "\n" for row in ROWS),
    "with carriage returns": "".join(compact(row) + "\r\n" for row in ROWS),
    "without a last line feed": "\n".join(compact(row) for row in ROWS),
    "an array": "[\n" + ",\n".join(compact(row) for row in ROWS) + "\n]\n",
    "an array on one line": json.dumps(ROWS, ensure_ascii=False),
    "an array that is spread": json.dumps(ROWS, ensure_ascii=False, indent=2),
    "documents that are spread": "\n".join(json.dumps(row, ensure_ascii=False, indent=2) for row in ROWS),
    "after a byte order mark": "\ufeff" + "".join(compact(row) + "\n" for row in ROWS),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_m08_documents_are_read_however_they_are_laid_out(tmp_path: Path, layout: str, packed: bool) -> None:
    content = LAYOUTS[layout].encode()
    write(tmp_path, {f"{NAME}.gz": gzip.compress(content)} if packed else {NAME: content})
    rows = read(tmp_path)["user_enrolments"]
    assert [row.values for row in rows if isinstance(row, SourceRow)] == ROWS


def document(**values: Any) -> dict[str, str]:
    return {NAME: compact({**KEY, **values}) + "\n"}


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2025-03-04T05:06:07.89Z", datetime(2025, 3, 4, 5, 6, 7, 890000, tzinfo=UTC)),
        ("2025-03-04T05:06:07Z", datetime(2025, 3, 4, 5, 6, 7, tzinfo=UTC)),
        ("2025-03-04T05:06Z", datetime(2025, 3, 4, 5, 6, tzinfo=UTC)),
        ("2025-03-04T10:36:07.8+05:30", datetime(2025, 3, 4, 5, 6, 7, 800000, tzinfo=UTC)),
        (1741064767890, datetime(2025, 3, 4, 5, 6, 7, 890000, tzinfo=UTC)),
        ("+57141-03-04T05:06:07Z", "+57141-03-04T05:06:07Z"),
        (1741064767890000, "1741064767890000"),
        ("1969-12-31T00:00:00Z", "1969-12-31T00:00:00Z"),
    ],
)
def test_m08_moments_are_read(tmp_path: Path, text: Any, moment: Any) -> None:
    rows = read(write(tmp_path, document(completedon=text)))
    assert one(rows, "user_enrolments")["completedon"] == moment


def test_m08_an_empty_collection_is_null_and_numbers_have_their_types(tmp_path: Path) -> None:
    attempt = {
        **dict.fromkeys(("user_id", "course_id", "batch_id", "content_id", "attempt_id"), "x"),
        "total_score": 3,
        "total_max_score": "NaN",
        "question": [
            {"id": "q", "score": 1, "params": [], "resvalues": [{}], "duration": 2, "description": None, "more": 1}
        ],
    }
    write(
        tmp_path,
        {"k/assessment_aggregator/output-1.json": compact(attempt), **document(contentstatus={}, certificates=[])},
    )
    rows = read(tmp_path)
    values = one(rows, "assessment_aggregator")
    assert (values["total_score"], values["total_max_score"]) == (3.0, None)
    assert isinstance(values["total_score"], float)
    assert values["question"] == [
        {"id": "q", "score": 1.0, "params": None, "resvalues": [{}], "duration": 2.0, "description": None, "more": 1}
    ]
    enrolment = one(rows, "user_enrolments")
    assert (enrolment["contentstatus"], enrolment["certificates"]) == (None, None)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"userid":"u","courseid":', "it is no JSON"),
        (b'{"userid":"u\xff"}', "it is no JSON"),
        (b"7", "it is no JSON object"),
        (b'{"userid":"u","courseid":"c"}', "batchid is missing, which is part of the key"),
        (b'{"userid":7,"courseid":"c","batchid":"b"}', "the value of userid is no text"),
        (b'{"userid":"u","courseid":"c","batchid":"b","status":"1"}', "the value of status is no int"),
        (b'{"userid":"u","courseid":"c","batchid":"b","status":true}', "the value of status is no int"),
        (b'{"userid":"u","courseid":"c","batchid":"b","active":1}', "the value of active is no boolean"),
        (
            b'{"userid":"u","courseid":"c","batchid":"b","contentstatus":[1]}',
            "the value of contentstatus is no map<text, int>",
        ),
        (
            b'{"userid":"u","courseid":"c","batchid":"b","contentstatus":{"a":"b"}}',
            "the value of contentstatus is no map<text, int>",
        ),
        (
            b'{"userid":"u","courseid":"c","batchid":"b","certificates":{"a":"b"}}',
            "the value of certificates is no list<map<text, text>>",
        ),
    ],
)
def test_m09_a_document_that_cannot_be_read_is_kept_with_its_place(tmp_path: Path, line: bytes, reason: str) -> None:
    before, after = compact(ROWS[0]).encode() + b"\n", compact(ROWS[1]).encode()
    first, broken, last = read(write(tmp_path, {NAME: before + line + b"\n" + after}))["user_enrolments"]
    assert broken == UnreadableRow("user_enrolments", f"{NAME}:{len(before)}", line, reason)
    assert isinstance(first, SourceRow)
    assert isinstance(last, SourceRow)
    assert last.values["userid"] == "u1"


def test_m09_a_nul_character_is_handed_on(tmp_path: Path) -> None:
    assert one(read(write(tmp_path, document(addedby="a\x00b"))), "user_enrolments")["addedby"] == "a\x00b"


# -- lines and chunks


def cut(content: bytes, sizes: list[int]) -> Iterator[bytes]:
    for size in sizes:
        yield content[:size]
        content = content[size:]
    yield content


CONTENTS = st.binary(max_size=60) | st.text(alphabet="a\n\r\u2028\x0b", max_size=30).map(str.encode)


@given(CONTENTS, st.lists(st.integers(0, 9), max_size=12))
def test_lines_end_at_line_feeds_alone_wherever_blocks_end(content: bytes, sizes: list[int]) -> None:
    parts = [*lines(block for block in cut(content, sizes) if block)]
    assert [line for _, line in parts] == (content.removesuffix(b"\n").split(b"\n") if content else [])
    assert all(content[offset : offset + len(line)] == line for offset, line in parts)


@given(
    st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2), max_size=5),
    st.lists(st.integers(0, 20), max_size=9),
)
def test_spread_documents_are_found_wherever_blocks_end(values: list[dict[str, str]], sizes: list[int]) -> None:
    content = json.dumps(values, indent=1).encode()
    parts = [*documents(block for block in cut(content, sizes) if block)]
    assert [json.loads(part) for _, part in parts] == values
    assert all(content[offset : offset + len(part)] == part for offset, part in parts)


@pytest.mark.parametrize("chunk_bytes", [1, 7, 100, 1000, 10**9])
@pytest.mark.parametrize("form", ["dsbulk", "cqlsh", "cqlsh-py39"])
def test_chunks_begin_and_end_at_lines(sunbird_export: Path, form: str, chunk_bytes: int) -> None:
    folder = sunbird_export / form
    source = open_source(str(folder), Options(chunk_bytes=chunk_bytes))
    chunks = source.chunks()
    assert all_rows(source) == read(folder)
    by_file: dict[str, list[tuple[int, int]]] = {}
    for chunk in chunks:
        by_file.setdefault(chunk.name, []).append((chunk.start, chunk.end))
    for name, ranges in by_file.items():
        content = (folder / name).read_bytes()
        assert ranges[0][0] == 0
        assert ranges[-1][1] == len(content)
        assert [end for _, end in ranges[:-1]] == [start for start, _ in ranges[1:]]
        assert all(content[end - 1 : end] == b"\n" for _, end in ranges[:-1])


def test_the_digest_is_that_of_the_bytes_that_were_read(sunbird_export: Path) -> None:
    source = open_source(str(sunbird_export / "cqlsh"), Options(chunk_bytes=3000))
    for chunk in source.chunks():
        content = (sunbird_export / "cqlsh" / chunk.name).read_bytes()[chunk.start : chunk.end]
        reading = source.rows(chunk)
        for _ in reading:
            pass
        assert reading.digest == source.digest(chunk) == hashlib.sha256(content).hexdigest()


def test_a_file_is_never_held_as_a_whole(tmp_path: Path) -> None:
    line = compact({**KEY, "addedby": "x" * 1000}).encode() + b"\n"
    path = tmp_path / NAME
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        for _ in range(40):
            file.write(line * 1000)
    source = open_source(str(tmp_path))
    tracemalloc.start()
    try:
        count = sum(1 for chunk in source.chunks() for _ in source.rows(chunk))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 40_000
    assert peak < 12_000_000  # of 43 MB


def test_a_file_without_line_feeds_is_refused_before_memory_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lernbatch.sunbird_source.files.LONGEST_RECORD_BYTES", 3_000_000)
    source = open_source(str(write(tmp_path, {NAME: compact(ROWS[0]) + "\n" + "x" * 5_000_000})))
    with pytest.raises(BrokenFile, match="more than 3000000 bytes"):
        all_rows(source)
