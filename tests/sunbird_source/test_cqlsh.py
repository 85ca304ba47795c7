"""The CSV of cqlsh: two spellings, collections, nulls, rounding, moments, logs, lines that cannot be read."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lernbatch.sunbird_source.catalog import TABLES
from lernbatch.sunbird_source.cqlsh import (
    CqlshParser,
    EscapesDisagree,
    EscapesUnclear,
    Evidence,
    collection_reader,
    logged_rows,
)
from lernbatch.sunbird_source.model import Options, SourceRow, SourceTable, UnreadableRow
from lernbatch.sunbird_source.naming import ForeignTable
from lernbatch.sunbird_source.opening import open_source
from lernbatch.sunbird_source.values import ZoneMissing
from tests.sunbird_source.reading import all_rows, cqlsh, one, read, write
from tests.sunbird_source.sunbird_export.formats import Escape, Udt, cqlsh_value, csv_field, csv_line

# -- M02: two spellings

OLD = [
    (r'"a\\b"', "a quoted field without a comma"),
    (r'"a, \n"', "an odd run before no quote"),
    (r'"a, \x07b"', "an odd run before no quote"),
    (r'"a, \\\"b"', "a run of 3 before a quote"),
    (r'"a, \\\\\\\"b"', "a run of 7 before a quote"),
    (r'"a, \\b"', "a run of 2 before no control spelling"),
    (r'"a, \\xg"', "a run of 2 before no control spelling"),
    (r'"a, b\\"', "a run of 2 before the closing quote"),
    (r'"a, \\\\\\b"', "a run of 6 before no control spelling"),
]
NEW = [
    (r"a\\b", "an unquoted field with a backslash before no quote"),
    (r"a\\\\\"b", "an unquoted field with a backslash before no quote"),
    (r"\\n", "an unquoted field with a backslash before no quote"),
]
NEITHER = [
    r'"{\"a\": 1, \"b\": 2}"',
    r"\"a\"",
    r'"a, \\n"',
    r'"a, \\\\"',
    r'"a, \\\\b"',
    r'"a, \\\\\"b"',
    r'"a, \\x1f"',
]


@pytest.mark.parametrize(("field", "why"), OLD)
def test_m02_what_proves_an_old_python(tmp_path: Path, field: str, why: str) -> None:
    folder = cqlsh(tmp_path, "user_enrolments", "addedby", "x", field)
    assert open_source(str(folder)).escape == "py39", why


@pytest.mark.parametrize(("field", "why"), NEW)
def test_m02_what_proves_a_new_python(tmp_path: Path, field: str, why: str) -> None:
    folder = cqlsh(tmp_path, "user_enrolments", "addedby", "x", field)
    assert open_source(str(folder)).escape == "py310", why


@pytest.mark.parametrize("old", [field for field, _ in OLD])
@pytest.mark.parametrize("new", [field for field, _ in NEW])
def test_m02_both_proven_is_refused_with_the_two_places(tmp_path: Path, old: str, new: str) -> None:
    first = cqlsh(tmp_path, "user_enrolments", "addedby", "x", "y", old)
    cqlsh(first, "course_batch", "name", new)
    with pytest.raises(EscapesDisagree) as refused:
        open_source(str(first))
    enrolments = (first / "sunbird_courses" / "user_enrolments.csv").read_bytes()
    assert f"sunbird_courses/user_enrolments.csv:{enrolments.index(b'userid-2')} can only" in str(refused.value)
    assert "sunbird_courses/course_batch.csv:23 only" in str(refused.value)


@pytest.mark.parametrize("field", NEITHER)
def test_m02_neither_proven_is_refused_until_it_is_said(tmp_path: Path, field: str) -> None:
    folder = cqlsh(tmp_path, "user_enrolments", "addedby", "x", field)
    with pytest.raises(EscapesUnclear, match=r"user_enrolments\.csv:66\. .*--cqlsh-escape"):
        open_source(str(folder))
    for escape in ("py39", "py310"):
        assert open_source(str(folder), Options(escape=escape)).escape == escape


def test_m02_without_backslashes_nothing_needs_to_be_proven(tmp_path: Path) -> None:
    rows = read(cqlsh(tmp_path, "user_enrolments", "addedby", '"one, two"'))
    assert one(rows, "user_enrolments")["addedby"] == "one, two"


def test_m02_files_that_are_not_moved_are_evidence_too(tmp_path: Path) -> None:
    folder = cqlsh(tmp_path, "user_enrolments", "addedby", NEITHER[0])
    write(folder, {"sunbird/user_notes.csv": 'id,note\r\n1,"a\\\\b"\r\n'})
    assert open_source(str(folder)).escape == "py39"


@pytest.mark.parametrize(
    ("escape", "field", "text"),
    [
        ("py39", r'"C:\\new"', r"C:\new"),
        ("py39", r'"C:\new"', "C:\new"),
        ("py39", r'"say \"C:\\\", no"', 'say "C:\\", no'),
        ("py39", r'"a\\"', "a\\"),
        ("py39", r"\"so\"", '"so"'),
        ("py310", r"C:\\\\new", r"C:\new"),
        ("py310", r"C:\\new", "C:\new"),
        ("py310", r'"say \"C:\\\\\", no"', 'say "C:\\", no'),
        ("py310", r"a\\xa0b", "a\xa0b"),
        ("py310", r"a\\\\xa0b", r"a\xa0b"),
    ],
)
def test_m02_a_text_is_what_it_was(tmp_path: Path, escape: str, field: str, text: str) -> None:
    rows = read(cqlsh(tmp_path, "user_enrolments", "addedby", field), escape=escape)
    assert one(rows, "user_enrolments")["addedby"] == text


TEXTS = st.text(
    st.one_of(
        st.sampled_from("\\'\"\n\t\r,:{}[] nrtx0a\x07\x80\xa0\u2028\u0085é👍"), st.characters(exclude_categories=["Cs"])
    ),
    max_size=12,
)
KEY_TEXTS = TEXTS.filter(bool)
MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31)).map(  # noqa: DTZ001 - they get their zone here
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000, tzinfo=UTC)
)
SMALL = st.floats(0, 99, width=16).map(lambda value: round(value, 3))
TEXT_MAPS = st.lists(st.dictionaries(TEXTS, TEXTS, max_size=3), max_size=2)
QUESTIONS = st.lists(
    st.fixed_dictionaries(
        {
            "id": TEXTS | st.none(),
            "assess_ts": MOMENTS | st.none(),
            "max_score": SMALL | st.none(),
            "score": SMALL | st.none(),
            "type": TEXTS | st.none(),
            "title": TEXTS | st.none(),
            "resvalues": TEXT_MAPS.map(lambda value: value or None),
            "params": TEXT_MAPS.map(lambda value: value or None),
            "description": TEXTS | st.none(),
            "duration": SMALL | st.none(),
        }
    ),
    max_size=2,
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "text": TEXTS,
    "int": st.integers(-(2**31), 2**31 - 1),
    "double": SMALL,
    "boolean": st.booleans(),
    "timestamp": MOMENTS,
    "list<text>": st.lists(TEXTS, max_size=3),
    "map<text, int>": st.dictionaries(TEXTS, st.integers(-9, 999), max_size=3),
    "map<text, double>": st.dictionaries(TEXTS, SMALL, max_size=3),
    "map<text, timestamp>": st.dictionaries(TEXTS, MOMENTS, max_size=3),
    "map<text, map<text, text>>": st.dictionaries(TEXTS, st.dictionaries(TEXTS, TEXTS, max_size=3), max_size=2),
    "map<text, map<text, int>>": st.dictionaries(
        TEXTS, st.dictionaries(TEXTS, st.integers(0, 2), max_size=3), max_size=2
    ),
    "list<map<text, text>>": TEXT_MAPS,
    "list<question>": QUESTIONS,
}


def parser(table: str, escape: Escape) -> CqlshParser:
    columns = tuple(TABLES[table].columns)
    return CqlshParser(SourceTable(table, table, {name: name for name in columns}), columns, escape.value, "", None)


@st.composite
def rows_of(draw: st.DrawFn, table: str) -> dict[str, Any]:
    kind = TABLES[table]
    return {
        name: draw(KEY_TEXTS if name in kind.key else VALUES[str(column)] | st.none())
        for name, column in kind.columns.items()
    }


@pytest.mark.parametrize("escape", Escape)
@pytest.mark.parametrize("table", ["course_batch", "user_enrolments", "assessment_aggregator", "user_activity_agg"])
@given(data=st.data())
def test_m02_whatever_cqlsh_writes_of_a_row_is_read_back(escape: Escape, table: str, data: st.DataObject) -> None:
    values = data.draw(rows_of(table))
    written = [
        [Udt(question) for question in value] if name == "question" and value else value
        for name, value in values.items()
    ]
    # cqlsh prints null for a collection that is empty, as Cassandra has none
    written = [None if value in ([], {}) else value for value in written]
    line = csv_line(written, escape).encode()
    row = parser(table, escape).parse(line.removesuffix(b"\n"), "here")
    assert isinstance(row, SourceRow), row
    expected = {
        name: None if value in ([], {}) or (value == "" and name not in TABLES[table].key) else value
        for name, value in values.items()
    }
    assert row.values == expected


@given(TEXTS)
def test_m02_this_python_writes_as_a_new_one_does(text: str) -> None:
    written = io.StringIO(newline="")
    csv.writer(written, escapechar="\\", doublequote=False).writerow([cqlsh_value(text), "x"])
    assert written.getvalue() == f"{csv_field(cqlsh_value(text), Escape.DOUBLE)},x\r\n"


@pytest.mark.parametrize("escape", Escape)
@given(st.lists(st.builds("{}\\{}".format, TEXTS, TEXTS), min_size=1, max_size=4))
def test_m02_no_line_proves_the_other_spelling(escape: Escape, texts: list[str]) -> None:
    evidence = Evidence()
    evidence.look([(0, csv_line([*texts, dict.fromkeys(texts, 1)], escape).rstrip("\n").encode())], "file")
    assert not (evidence.new if escape is Escape.SINGLE else evidence.old)
    assert evidence.backslash


# -- M03: collections


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{'O''Hara': 'it''s', '': ''''}", {"O'Hara": "it's", "": "'"}),
        (
            "[{id: 'a: , b: }', description: , duration: 1.5}]",
            [{"id": "a: , b: }", "description": None, "duration": 1.5}],
        ),
        ("[{id: , title: }]", [{"id": None, "title": None}]),
        ("{a: True, b: False}", {"a": True, "b": False}),
        ("['True', 'null: ,', '{', '\"']", ["True", "null: ,", "{", '"']),
        (r"['\\x41 \x07 \n \\n \\\\']", ["\\x41 \x07 \n \\n \\\\"]),
        ("{'a': NaN, 'b': -Infinity, 'c': 1e-05}", {"a": None, "b": None, "c": 1e-05}),
        ("[]", []),
        ("{}", {}),
    ],
)
def test_m03_collections_are_read(text: str, value: Any) -> None:
    assert collection_reader()(text) == value


def test_m03_null_fields_have_the_text_that_null_was_exported_as() -> None:
    assert collection_reader("null")("[{id: null, title: 'null', score: 1}]") == [
        {"id": None, "title": "null", "score": 1}
    ]


@pytest.mark.parametrize("text", ["{'a': 1", "['a' 'b']", "{'a'}", "['a]", "a", "[{id: 'x'; b: 1}]"])
def test_m03_a_broken_collection_is_said_to_be_one(tmp_path: Path, text: str) -> None:
    (row,) = read(cqlsh(tmp_path, "user_enrolments", "contentstatus", f'"{text}"'))["user_enrolments"]
    assert isinstance(row, UnreadableRow)
    assert row.reason == "the value of contentstatus is no map<text, int>"


# -- M04: empty is null


def test_m04_empty_is_null_and_null_spelled_out_is_a_text(tmp_path: Path) -> None:
    rows = read(
        cqlsh(tmp_path, "user_enrolments", "addedby,status,active,completedon,contentstatus,enrolleddate", ",,,,,null")
    )
    values = one(rows, "user_enrolments")
    assert values["enrolleddate"] == "null"  # of a date column that is a text; conversion knows it for none
    assert {values[name] for name in ("addedby", "status", "active", "completedon", "contentstatus")} == {None}


def test_m04_null_may_be_another_text(tmp_path: Path) -> None:
    columns = "addedby,lastreadcontentid,status,completedon,contentstatus"
    rows = read(cqlsh(tmp_path, "user_enrolments", columns, ",NULL,NULL,NULL,NULL"), null="NULL")
    values = one(rows, "user_enrolments")
    assert values["addedby"] == ""
    assert {values[name] for name in columns.split(",")[1:]} == {None}


def test_m04_an_empty_collection_is_null_but_one_inside_another_is_not(tmp_path: Path) -> None:
    columns = "contentstatus,issued_certificates"
    values = one(read(cqlsh(tmp_path, "user_enrolments", columns, "{},[{}]")), "user_enrolments")
    assert (values["contentstatus"], values["issued_certificates"]) == (None, [{}])


# -- M05: rounding


@pytest.mark.parametrize(
    ("score", "is_rounded"),
    [
        ("33.333333333333", True),  # as 12 digits behind the point come by default
        ("0.3333333333333", True),
        ("-33.333333333333", True),
        ("33.33333333333333570", False),  # WITH DOUBLEPRECISION=17
        ("33.3333333", False),
        ("33", False),
        ("", False),
    ],
)
def test_m05_a_score_with_the_last_digit_that_is_printed_is_rounded(
    tmp_path: Path, score: str, is_rounded: bool
) -> None:
    (row,) = read(cqlsh(tmp_path, "assessment_aggregator", "total_score", score))["assessment_aggregator"]
    assert isinstance(row, SourceRow)
    assert row.rounded == (("total_score",) if is_rounded else ())


@pytest.mark.parametrize(
    ("questions", "is_rounded"),
    [
        ("[{score: 0.333333, max_score: 1}]", True),
        ("[{id: 'a', max_score: 33.33333}]", True),
        ("[{score: 0.33333333333333331, max_score: 1}]", False),
        ("[{score: 0.5, duration: 0.333333}]", False),  # decimals are never rounded
        ("[{title: 'score: 0.333333', score: 1}]", False),
    ],
)
def test_m05_inside_collections_there_are_fewer_digits(tmp_path: Path, questions: str, is_rounded: bool) -> None:
    (row,) = read(cqlsh(tmp_path, "assessment_aggregator", "question", f'"{questions}"'))["assessment_aggregator"]
    assert isinstance(row, SourceRow)
    assert row.rounded == (("question",) if is_rounded else ())


def test_m05_scores_of_aggregates_are_rounded_too(tmp_path: Path) -> None:
    lines = ["{'score:do_1': 33.33333}", "\"{'score:0.333333': 1, 'a': 2}\""]
    rows = read(cqlsh(tmp_path, "user_activity_agg", "aggregates", *lines))["user_activity_agg"]
    assert [row.rounded for row in rows if isinstance(row, SourceRow)] == [("aggregates",), ()]


# -- M06: moments

NOON = datetime(2025, 3, 4, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2025-03-04 12:00:00.000+0000", NOON),
        ("2025-03-04 12:00:00+0000", NOON),
        ("2025-03-04 17:30:00.000+0530", NOON),
        ("2025-03-04T12:00:00.5Z", NOON + timedelta(milliseconds=500)),
        ("2025-03-04 12:00:00.123456+0000", NOON + timedelta(microseconds=123456)),
        ("1741089600000", NOON),
        ("20250304", datetime(1970, 1, 1, 5, 37, 30, 304000, tzinfo=UTC)),  # milliseconds, no date
        ("0", datetime(1970, 1, 1, tzinfo=UTC)),
        ("1741089600000000", "1741089600000000"),  # somebody stored microseconds
        ("-1", "-1"),
        ("1969-12-31 23:59:59.999+0000", "1969-12-31 23:59:59.999+0000"),
        ("0001-01-01 00:00:00.000+0530", "0001-01-01 00:00:00.000+0530"),
        ("soon", "soon"),
        ("2025-02-30 12:00:00.000+0000", "2025-02-30 12:00:00.000+0000"),
    ],
)
def test_m06_moments_are_read_and_what_is_none_stays_a_text(tmp_path: Path, text: str, moment: Any) -> None:
    values = one(read(cqlsh(tmp_path, "user_enrolments", "completedon", text)), "user_enrolments")
    assert values["completedon"] == moment


def test_m06_a_moment_without_an_offset_needs_the_zone_of_the_export(tmp_path: Path) -> None:
    folder = cqlsh(tmp_path, "user_enrolments", "completedon", "2025-03-04 17:30:00.000")
    with pytest.raises(ZoneMissing, match="--export-zone"):
        read(folder)
    assert one(read(folder, zone="Asia/Kolkata"), "user_enrolments")["completedon"] == NOON


def test_m06_moments_inside_collections_too(tmp_path: Path) -> None:
    folder = cqlsh(tmp_path, "user_activity_agg", "agg_last_updated", "{'a': '2025-03-04 12:00:00.000+0000'}")
    assert one(read(folder), "user_activity_agg")["agg_last_updated"] == {"a": NOON}


# -- M07: the log of the export

LOG = """Using 1 child processes

Starting copy of sunbird_courses.user_enrolments with columns [userid, courseid, batchid].
Processed: 5 rows; Rate:      11 rows/s; Avg. rate:      11 rows/s
5 rows exported to 1 files in 0.4 seconds.

Starting copy of sunbird_courses.course_batch with columns [courseid, batchid].
<stdin>:1: Error for (1, 2): ReadTimeout - timed out (permanently given up after 3 rows and 5 attempts)

Starting copy of sunbird.cert_registry with columns [id].

4 rows exported to 1 files in 0.4 seconds.
"""


def test_m07_the_counts_of_the_log_are_read() -> None:
    assert logged_rows(LOG) == {"sunbird_courses.user_enrolments": 5, "sunbird.cert_registry": 4}


def test_m07_a_log_beside_the_files_says_how_many_rows_there_should_be(tmp_path: Path) -> None:
    folder = write(cqlsh(tmp_path, "user_enrolments", "status", "1", "2"), {"copy.log": LOG})
    source = open_source(str(folder))
    assert source.tables["user_enrolments"].logged_rows == 5
    assert len(all_rows(source)["user_enrolments"]) == 2


# -- M09: what cannot be read


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"u,c,b,1,2", "it has 5 values, the table 6"),
        (b"u,c,b,1,2,3,4", "it has 7 values, the table 6"),
        (b'u,c,b,"x,2,3', "its quotes and escapes do not match"),
        (b'u,c,b,"x\\,2,3', "its quotes and escapes do not match"),
        (b"u,c,b,x,one,2", "the value of status is no int"),
        (b"u,c,b,x,1.5,2", "the value of status is no int"),
        (b"u,c,b,x,1,maybe", "the value of active is no boolean"),
        (b"u,c,b,\xff,1,True", "it is not UTF-8"),
    ],
)
def test_m09_a_line_that_cannot_be_read_is_kept_with_its_place(tmp_path: Path, line: bytes, reason: str) -> None:
    head, before, after = (
        b"userid,courseid,batchid,addedby,status,active\r\n",
        b"u1,c,b,,1,True\r\n",
        b"u2,c,b,x,2,False\r\n",
    )
    folder = write(tmp_path, {"k/user_enrolments.csv": head + before + line + b"\r\n" + after})
    first, broken, last = read(folder, escape="py310")["user_enrolments"]
    place = f"k/user_enrolments.csv:{len(head) + len(before)}"
    assert broken == UnreadableRow("user_enrolments", place, line, reason)
    assert isinstance(first, SourceRow)
    assert isinstance(last, SourceRow)
    assert last.values["userid"] == "u2"


def test_m09_an_unknown_column_is_named_and_its_values_come_along(tmp_path: Path) -> None:
    source = open_source(str(cqlsh(tmp_path, "user_enrolments", "status,seat,mood", "1,12,")))
    assert source.tables["user_enrolments"].unknown == ("seat", "mood")
    values = one(all_rows(source), "user_enrolments")
    assert (values["seat"], values["mood"]) == ("12", None)


SCHEMA = """
/* Warning: Table sunbird_courses.old omitted. */
CREATE TYPE sunbird_courses.question (id text, score {score}, params list<frozen<map<text, text>>>);
CREATE TABLE sunbird_courses.assessment_aggregator (
    user_id text, course_id text, batch_id text, content_id text, attempt_id text,
    question list<frozen<question>>,
    total_score {total},
    "Odd" frozen<set<int>> static,
    PRIMARY KEY ((user_id, course_id), batch_id, content_id, attempt_id)
) WITH CLUSTERING ORDER BY (batch_id ASC) AND comment = 'a (b, c)';
"""


@pytest.mark.parametrize(
    ("score", "total", "said"),
    [
        ("text", "double", r"question is a list<question>"),
        ("double", "map<text, int>", r"total_score is a map<text, int>, where a Sunbird has a double"),
        ("double", "timestamp", r"total_score is a timestamp"),
    ],
)
def test_m09_a_column_of_a_type_that_it_cannot_have_refuses_the_table(
    tmp_path: Path, score: str, total: str, said: str
) -> None:
    folder = cqlsh(tmp_path, "assessment_aggregator", "question,total_score,Odd", ",1,")
    write(folder, {"sunbird_courses/schema.cql": SCHEMA.format(score=score, total=total)})
    with pytest.raises(ForeignTable, match=said):
        open_source(str(folder))


@pytest.mark.parametrize(("score", "total"), [("int", "int"), ("double", "decimal"), ("float", "bigint")])
def test_m09_older_versions_kept_scores_as_whole_numbers(tmp_path: Path, score: str, total: str) -> None:
    folder = cqlsh(tmp_path, "assessment_aggregator", "question,total_score,Odd", "[{score: 3}],4,")
    write(folder, {"sunbird_courses/schema.cql": SCHEMA.format(score=score, total=total)})
    values = one(read(folder), "assessment_aggregator")
    assert (values["question"], values["total_score"]) == ([{"score": 3.0}], 4.0)
    assert isinstance(values["total_score"], float)


def test_m09_a_table_without_the_key_of_ours_is_refused(tmp_path: Path) -> None:
    write(tmp_path, {"k/user_courses.csv": "userid,title\r\n1,x\r\n"})
    with pytest.raises(ForeignTable, match="no column batchid, so it is no user_courses"):
        open_source(str(tmp_path))


# -- headers and parts


def test_without_a_header_the_schema_tells_the_columns(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "k/user_courses.csv": "b,u,1\r\n",
            "k/schema.cql": "CREATE TABLE user_courses (batchid text, userid text, status int, PRIMARY KEY (userid))",
        },
    )
    assert one(read(tmp_path), "user_courses") == {"batchid": "b", "userid": "u", "status": 1}


def test_the_parts_of_a_split_export_have_the_header_of_the_first(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "k/user_courses.csv": "batchid,status,userid\r\nb1,1,u\r\n",
            **{f"k/user_courses.csv.{number}": f"b{number + 1},1,u\r\n" for number in range(1, 12)},
        },
    )
    rows = read(tmp_path)["user_courses"]
    assert [row.values["batchid"] for row in rows if isinstance(row, SourceRow)] == [
        f"b{number}" for number in range(1, 13)
    ]
    assert rows[11].place == "k/user_courses.csv.11:0"


def test_empty_files_and_a_byte_order_mark_do_no_harm(tmp_path: Path) -> None:
    write(tmp_path, {"k/user_courses.csv": b"\xef\xbb\xbfbatchid,userid\r\n\r\nb,u", "k/course_batch.csv": ""})
    source = open_source(str(tmp_path))
    assert one(all_rows(source), "user_courses") == {"batchid": "b", "userid": "u"}
    assert source.set_aside == {"k.course_batch": "its files are empty"}
