"""Imports: good rows go in, bad ones are named, nothing is half-imported."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import openpyxl
import pytest

from lernbatch.database import db
from lernbatch.database.db import Connection
from sandbox import importing
from sandbox.csv_files import Problem
from sandbox.generator import generate_people
from sandbox.published import NotImportable
from tests.people import HOME_ORG
from tests.sandbox.conftest import TREES

T = TypeVar("T")
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def on(dsn: str, work: Callable[[Connection], Awaitable[T]]) -> T:
    async def connected() -> T:
        conn = await db.connect(dsn)
        try:
            return await work(conn)
        finally:
            await conn.close()

    return asyncio.run(connected())


def file(folder: Path, *lines: str, name: str = "rows.csv") -> Path:
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def people_in(dsn: str) -> list[Any]:
    return on(dsn, lambda conn: conn.fetch("SELECT * FROM sandbox_person WHERE user_id LIKE 't-%' ORDER BY user_id"))


def test_good_rows_go_in_and_bad_rows_are_named_with_line_and_reason(dsn: str, tmp_path: Path) -> None:
    rows = file(
        tmp_path,
        "user_id,first_name,last_name,org_id,roles,email,phone,status",
        f"t-1,अनीता,Rao,{HOME_ORG},PUBLIC|COURSE_MENTOR@org-x,a@b.in,+919000000000,active",
        ",Nobody,,,,,,",
        f"t-2,,,{HOME_ORG},,,,",
        "t 3,Blank in id,,,,,,",
        "t-4,Role,,,teacher,,,",
        "t-5,Mail,,,,not a mail,,",
        "t-6,Phone,,,,,12ab,",
        "t-7,Status,,,,,,asleep",
        "t-1,Again,,,,,,",
        "t-8,Stranger,,org-nowhere,,,,",
        "t-9,Short",
        "",
        '"t-10","Two\nlines",,,,,,inactive',
        "t-11,After,,,,,,,,",  # padded, as spreadsheets do
    )
    done = on(dsn, lambda conn: importing.people(conn, rows))
    assert done.count == 3
    assert done.problems == (
        Problem(3, "user_id is missing"),
        Problem(4, "first_name is missing"),
        Problem(5, "user_id 't 3' holds a blank; an id has none, and several ids need a comma between them"),
        Problem(6, "'teacher' is no role"),
        Problem(7, "email is no address"),
        Problem(8, "phone is no number"),
        Problem(9, "status 'asleep' is none of active, inactive, deleted"),
        Problem(10, "the same stands on line 2"),
        Problem(11, "there is no organisation org-nowhere"),
        Problem(12, "it has 2 values, the header 8"),
    )
    first, tenth, _ = people_in(dsn)
    assert (first["user_id"], first["first_name"], first["roles"]) == (
        "t-1",
        "अनीता",
        ["PUBLIC", "COURSE_MENTOR@org-x"],
    )
    assert (tenth["user_id"], tenth["first_name"], tenth["status"]) == ("t-10", "Two\nlines", 0)


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (("first_name,org_id", "Asha,x"), "lacks the columns user_id"),
        (("user_id,first_name,shoe_size", "t-1,Asha,7"), "not known: shoe_size"),
        (("user_id,first_name,first_name", "t-1,Asha,Asha"), "names a column twice"),
        (("user_id,first_name", 't-1,"Asha', "t-2,Meera"), "Line 2: a quotation mark opens a cell that never ends"),
        (("",), "lacks the columns"),
    ],
)
def test_a_file_that_is_no_list_of_people_is_refused_whole(
    dsn: str, tmp_path: Path, lines: tuple[str, ...], reason: str
) -> None:
    with pytest.raises(NotImportable, match=reason):
        on(dsn, lambda conn: importing.people(conn, file(tmp_path, *lines)))
    assert people_in(dsn) == []


def test_a_file_in_another_encoding_is_refused_and_a_byte_order_mark_is_not(dsn: str, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes("user_id,first_name\nt-1,José\n".encode("latin-1"))
    with pytest.raises(NotImportable, match="not in UTF-8"):
        on(dsn, lambda conn: importing.people(conn, path))
    path.write_bytes("user_id,first_name\r\nt-1,José\r\n".encode("utf-8-sig"))
    assert on(dsn, lambda conn: importing.people(conn, path)).count == 1


def test_people_imported_again_are_replaced(dsn: str, tmp_path: Path) -> None:
    for name in ("Asha", "Aasha"):
        rows = file(tmp_path, "user_id,first_name", f"t-1,{name}")
        assert on(dsn, partial(importing.people, path=rows)).count == 1
    assert [row["first_name"] for row in people_in(dsn)] == ["Aasha"]


def test_when_the_database_refuses_a_row_nothing_is_imported(dsn: str, tmp_path: Path) -> None:
    rows = file(tmp_path, "user_id,first_name", "t-1,Asha", "t-2,Meera")
    refuse = "ALTER TABLE sandbox_person ADD CONSTRAINT no_meera CHECK (first_name <> 'Meera') NOT VALID"
    on(dsn, lambda conn: conn.execute(refuse))
    with pytest.raises(asyncpg.CheckViolationError):
        on(dsn, lambda conn: importing.people(conn, rows))
    assert people_in(dsn) == []


def test_made_up_people_are_always_the_same_and_can_be_kept(dsn: str) -> None:
    people = list(generate_people(300, seed=7, organisations=(HOME_ORG,)))
    assert people == list(generate_people(300, seed=7, organisations=(HOME_ORG,)))
    assert people != list(generate_people(300, seed=8, organisations=(HOME_ORG,)))
    on(dsn, lambda conn: importing.put_people(conn, people))
    count = on(dsn, lambda conn: conn.fetchval("SELECT count(*) FROM sandbox_person WHERE phone LIKE '9000000%'"))
    assert count == sum(bool(person.phone) for person in people) > 200
    assert len({person.user_id for person in people}) == 300
    assert any(not person.first_name.isascii() for person in people)


def test_organisations_and_consents_are_imported_and_their_bad_rows_named(dsn: str, tmp_path: Path) -> None:
    rows = file(tmp_path, "name,org_id,is_root", "One,t-org,no", ",t-two,yes", "Three,t-three,maybe")
    done = on(dsn, lambda conn: importing.organisations(conn, rows))
    assert (done.count, [problem.line for problem in done.problems]) == (1, [3, 4])
    rows = file(
        tmp_path,
        "user_id,consumer_id,object_id,status,expires_at",
        "t-1,t-org,do_1,,",
        "t-2,t-org,do_1,revoked,2026-12-31T00:00:00+05:30",
        "t-3,t-org,do_1,perhaps,",
        "t-4,t-org,do_1,,tomorrow",
        "t-1,t-org,do_1,,",
    )
    done = on(dsn, lambda conn: importing.consents(conn, rows, NOW))
    assert (done.count, [problem.line for problem in done.problems]) == (2, [4, 5, 6])


def test_a_course_imported_again_keeps_its_batches(dsn: str) -> None:
    async def twice(conn: Connection) -> Any:
        path = TREES / "course-hierarchy.json"
        course = await importing.course(conn, path, NOW, force_trackable=True)
        batches = """UPDATE sandbox_content SET metadata = metadata || '{"batches": [{"batchId": "1"}]}'"""
        await conn.execute(f"{batches} WHERE content_id = $1", course.course_id)
        await importing.course(conn, path, NOW, force_trackable=True)
        return await conn.fetchval("SELECT metadata FROM sandbox_content WHERE content_id = $1", course.course_id)

    assert on(dsn, twice)["batches"] == [{"batchId": "1"}]


def test_a_course_inside_another_one_stays_a_course(dsn: str, tmp_path: Path) -> None:
    inner = json.loads((TREES / "course-hierarchy.json").read_text(encoding="utf-8"))["result"]["content"]
    outer = {**inner, "identifier": "do_outer", "children": [{**inner, "name": "Seen from outside"}]}
    path = tmp_path / "outer.json"
    path.write_text(json.dumps(outer), encoding="utf-8")

    async def both(conn: Connection) -> Any:
        await importing.course(conn, TREES / "course-hierarchy.json", NOW, force_trackable=True)
        await importing.course(conn, path, NOW, force_trackable=True)
        return await conn.fetchrow(
            "SELECT metadata, hierarchy FROM sandbox_content WHERE content_id = $1", inner["identifier"]
        )

    row = on(dsn, both)
    assert row["metadata"]["name"] == inner["name"]
    assert row["hierarchy"] is not None


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"name": "No id"}, "no identifier"),
        ([], "no identifier"),
        ({"identifier": "do_t"}, "neither an artifactUrl nor a picture"),
    ],
)
def test_a_template_that_lacks_what_it_needs_is_refused(dsn: str, tmp_path: Path, data: Any, reason: str) -> None:
    path = tmp_path / "template.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(NotImportable, match=reason):
        on(dsn, lambda conn: importing.template(conn, path))


def test_a_template_of_the_certificate_service_is_known_to_it_alone(dsn: str, tmp_path: Path) -> None:
    path = tmp_path / "old.json"
    template = {"identifier": "old-1", "artifactUrl": "https://cdn.example.org/t.svg"}
    path.write_text(json.dumps({"result": {"certificate": {"template": template}}}), encoding="utf-8")
    assert on(dsn, lambda conn: importing.template(conn, path)) == "old-1"
    assert on(dsn, lambda conn: conn.fetchval("SELECT legacy FROM sandbox_template")) is True


@pytest.mark.parametrize("data", [{"id": "g"}, {"id": "g", "members": [{}]}, {"members": []}, [3], {"id": 3}])
def test_a_group_without_id_or_members_is_refused(dsn: str, tmp_path: Path, data: Any) -> None:
    path = tmp_path / "groups.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(NotImportable):
        on(dsn, lambda conn: importing.groups(conn, path))


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("user_id;first_name\nt-1;Asha\n", "utf-8"),
        ("sep=;\nuser_id;first_name\nt-1;Asha\n", "utf-8"),
        ("user_id,first_name,,\nt-1,Asha,,\n,,,\n", "utf-8"),
        ("User ID, First Name\n t-1, Asha\n", "utf-8"),
        ("user_id\tfirst_name\r\nt-1\tAsha\r\n", "utf-16"),
        ("user_id,first_name\n\u200bt-\u00ad1\u00a0,\ufeffAsha\u200e\n", "utf-8-sig"),
        ("Class 7B,\nuser_id,first_name\nt-1,Asha\n", "utf-8"),
    ],
)
def test_people_in_a_file_from_a_spreadsheet_go_in(dsn: str, tmp_path: Path, text: str, encoding: str) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(text.encode(encoding))
    done = on(dsn, lambda conn: importing.people(conn, path))
    assert (done.count, done.problems) == (1, ())
    assert [(row["user_id"], row["first_name"]) for row in people_in(dsn)] == [("t-1", "Asha")]


def test_tables_in_workbooks_go_in(dsn: str, tmp_path: Path) -> None:
    def book(*rows: tuple[object, ...]) -> Path:
        workbook, path = openpyxl.Workbook(), tmp_path / "rows.xlsx"
        for row in rows:
            workbook.worksheets[0].append(row)
        workbook.save(path)
        return path

    done = on(
        dsn, lambda conn: importing.organisations(conn, book(("org_id", "name", "is_root"), ("t-o", "One", True)))
    )
    assert (done.count, done.problems) == (1, ())
    rows = (
        ("user_id", "first_name", "org_id", "phone", "roles"),
        ("t-1", "काव्या", "t-o", 919000000000, "PUBLIC; CONTENT_CREATOR"),
    )
    done = on(dsn, lambda conn: importing.people(conn, book(*rows, ("t-2", "Numbers", None, 9.19e17, None))))
    assert (done.count, [problem.line for problem in done.problems]) == (1, [3])
    (person,) = people_in(dsn)
    assert (person["phone"], person["roles"]) == ("919000000000", ["PUBLIC", "CONTENT_CREATOR"])
    given = ("user_id", "consumer_id", "object_id", "updated_at"), ("t-1", "t-o", "do_1", datetime(2026, 3, 4))  # noqa: DTZ001 - a sheet has no zones
    done = on(dsn, lambda conn: importing.consents(conn, book(*given), NOW))
    assert (done.count, done.problems) == (1, ())


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("1.47E+17,Asha,", "user_id '1.47E+17' is a number that a spreadsheet has shortened"),
        ("t–1,Asha,", "user_id 't–1' holds U+2013 EN DASH"),
        ("t-аsha,Asha,", "U+0430 CYRILLIC SMALL LETTER A"),
        ("t-1,#N/A,", "first_name is #N/A, the error of a formula"),
        ("t-1,Asha,9.19E+11", "phone '9.19E+11' is a number that a spreadsheet has shortened"),
    ],
)
def test_a_row_that_a_spreadsheet_has_spoilt_says_how(dsn: str, tmp_path: Path, line: str, reason: str) -> None:
    done = on(dsn, lambda conn: importing.people(conn, file(tmp_path, "user_id,first_name,phone", line)))
    ((problem),) = done.problems
    assert problem.line == 2
    assert reason in problem.reason
