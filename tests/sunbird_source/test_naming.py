"""Which table is which, and which column: by name, as the operator says, or guessed; and nobody is guessed twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from lernbatch.sunbird_source.catalog import BadType, CqlType, cql_type
from lernbatch.sunbird_source.model import Options, SourceRow
from lernbatch.sunbird_source.naming import ForeignTable, NoSuchName, SeveralTables
from lernbatch.sunbird_source.opening import open_source
from lernbatch.sunbird_source.schema import read_schema
from tests.sunbird_source.reading import all_rows, cqlsh, one, read, write
from tests.sunbird_source.sunbird_export.generate import world

SPARK = {
    "user_content_consumption": {"courseid": "collectionid", "batchid": "contextid"},
    "assessment_aggregator": {"course_id": "collection_id", "batch_id": "context_id"},
}
KARMAYOGI = {"user_enrolments": "user_enrolments_v2", "user_content_consumption": "user_content_consumption_v2"}


@pytest.mark.parametrize("form", ["dsbulk", "cqlsh", "cqlsh-py39"])
@pytest.mark.parametrize(("renamed", "names"), [(SPARK, {}), ({}, KARMAYOGI), (SPARK, KARMAYOGI)])
def test_what_forks_renamed_is_guessed_and_told(
    sunbird_export: Path, tmp_path: Path, form: str, renamed: dict[str, dict[str, str]], names: dict[str, str]
) -> None:
    world().write(tmp_path, renamed=renamed, names=names)
    source = open_source(str(tmp_path / form))
    guessed = {name: table.guessed_columns for name, table in source.tables.items() if table.guessed_columns}
    assert guessed == {name: {said: ours for ours, said in columns.items()} for name, columns in renamed.items()}
    tables = {name: table.called for name, table in source.tables.items() if table.guessed_name}
    assert tables == {name: f"sunbird_courses.{called}" for name, called in names.items()}
    values = {
        table: [row.values for row in found if isinstance(row, SourceRow)] for table, found in all_rows(source).items()
    }
    assert values == {
        table: [row.values for row in found if isinstance(row, SourceRow)]
        for table, found in read(sunbird_export / form).items()
    }


def test_of_two_tables_that_may_be_one_nobody_is_guessed(tmp_path: Path) -> None:
    header = "userid,courseid,batchid,active,enrolled_date,status\r\n"
    write(
        tmp_path,
        {"k/user_enrolments.csv": f"{header}old,c,b,,,\r\n", "k/user_enrolments_v2.csv": f"{header}new,c,b,,,\r\n"},
    )
    with pytest.raises(
        SeveralTables, match=r"Both k\.user_enrolments and k\.user_enrolments_v2 .*--table user_enrolments="
    ):
        open_source(str(tmp_path))
    for said, userid in (("user_enrolments", "old"), ("user_enrolments_v2", "new"), ("k.user_enrolments_v2", "new")):
        source = open_source(str(tmp_path), Options(tables={"user_enrolments": said}))
        assert one(all_rows(source), "user_enrolments")["userid"] == userid
        (why,) = source.set_aside.values()
        assert why == f"k.{said.removeprefix('k.')} is read for user_enrolments"


def test_a_table_in_two_keyspaces_is_that_of_the_usual_one(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            f"{keyspace}/user_courses.csv": f"batchid,userid\r\nb,{keyspace}\r\n"
            for keyspace in ("sunbird", "sunbird_courses")
        },
    )
    source = open_source(str(tmp_path))
    assert one(all_rows(source), "user_courses")["userid"] == "sunbird_courses"
    assert source.set_aside == {"sunbird.user_courses": "sunbird_courses.user_courses is read for user_courses"}


def test_a_table_in_two_other_keyspaces_must_be_named(tmp_path: Path) -> None:
    write(
        tmp_path,
        {f"{keyspace}/user_courses.csv": f"batchid,userid\r\nb,{keyspace}\r\n" for keyspace in ("dev", "test")},
    )
    with pytest.raises(SeveralTables, match=r"dev\.user_courses and test\.user_courses"):
        open_source(str(tmp_path))
    assert one(read(tmp_path, tables={"user_courses": "test.user_courses"}), "user_courses")["userid"] == "test"


def test_derived_tables_are_counted_and_foreign_ones_set_aside(tmp_path: Path) -> None:
    cqlsh(tmp_path, "user_enrolments", "status", "1")
    write(
        tmp_path,
        {
            "sunbird_courses/report_user_enrolments.csv": "batchid,userid,x\r\nb,u,1\r\nb,v,2\r\n",
            "sunbird/system_settings.csv": "id,field,value\r\n1,a,b\r\n",
        },
    )
    source = open_source(str(tmp_path))
    rows = all_rows(source)
    assert [row.values for row in rows["report_user_enrolments"] if isinstance(row, SourceRow)] == [{}, {}]
    assert source.tables["report_user_enrolments"].derived
    assert source.set_aside == {"sunbird.system_settings": "it holds nothing that is moved"}


def test_a_column_that_the_operator_names_is_taken(tmp_path: Path) -> None:
    write(tmp_path, {"k/user_courses.csv": "batchid,learner,courseid\r\nb,u,c\r\n"})
    with pytest.raises(ForeignTable, match=r"--column user_courses\.userid=OTHER"):
        open_source(str(tmp_path))
    rows = read(tmp_path, columns={("user_courses", "userid"): "learner"})
    assert one(rows, "user_courses") == {"batchid": "b", "userid": "u", "courseid": "c"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (Options(tables={"enrolments": "user_courses"}), "there is no table enrolments"),
        (Options(tables={"user_courses": "gone"}), "the source has no table gone"),
        (Options(columns={("user_courses", "usrid"): "userid"}), "has no column usrid"),
        (Options(columns={("user_courses", "userid"): "gone"}), "has no column gone"),
    ],
)
def test_a_name_that_is_not_there_is_refused(tmp_path: Path, options: Options, said: str) -> None:
    write(tmp_path, {"k/user_courses.csv": "batchid,userid\r\nb,u\r\n"})
    with pytest.raises(NoSuchName, match=said):
        open_source(str(tmp_path), options)


def test_types_of_cql_are_read() -> None:
    kind = cql_type('frozen<map<text, frozen<list<"Odd">>>>', {"Odd": CqlType("Odd", fields={"a": CqlType("int")})})
    assert str(kind) == "map<text, list<Odd>>"
    assert kind.arguments[1].arguments[0].fields.keys() == {"a"}
    for wrong in ("", "map<text", "map<text,>", "list<text>>", "a b", "text)"):
        with pytest.raises(BadType):
            cql_type(wrong)


def test_a_schema_is_read_with_what_stands_around_its_columns() -> None:
    schema = read_schema(
        """
        -- a comment (with brackets
        CREATE TABLE IF NOT EXISTS ks.one (id text PRIMARY KEY, "Two" int static, tags set<text>)
            WITH x = {'a': 'b, c)'};
        CREATE INDEX i ON ks.one (id);
        CREATE TYPE point (x double, y frozen<tuple<int, int>>);
        create table two (a vector<float, 3>, p frozen<point>, PRIMARY KEY ((a), p));
        """
    )
    assert {table: [*map(str, columns.values())] for table, columns in schema.tables.items()} == {
        "one": ["text", "int", "set<text>"],
        "two": ["vector<float, 3>", "point"],
    }
    assert [*schema.tables["one"]] == ["id", "Two", "tags"]
