"""Every personal column has its row, in the code and in the docs, and erasing leaves nobody's id anywhere."""

from __future__ import annotations

import re
from pathlib import Path

from tests.erasure import personal
from tests.erasure.personal import OF_NOBODY, PERSONAL
from tests.running import Running

DOCUMENT = Path(__file__).parents[2] / "docs" / "security.md"
# How columns are named that hold who somebody is, or what somebody said.
TELLING = re.compile(
    r"(^|_)(user_ids?|by|who|whom|mentors|members|person|payload|answer|questions|sealed|requester_id|scope|address)$"
)


def columns(service: Running) -> dict[str, set[str]]:
    rows = service.sql(
        """SELECT CASE WHEN t.table_schema = 'public' THEN '' ELSE t.table_schema || '.' END || c.table_name,
                  c.column_name
             FROM information_schema.columns c
             JOIN information_schema.tables t USING (table_schema, table_name)
            WHERE t.table_schema NOT IN ('pg_catalog', 'information_schema')
              AND t.table_type = 'BASE TABLE'
              AND c.table_name !~ '_part_\\d+$'"""
    )
    found: dict[str, set[str]] = {}
    for table, column in rows:
        found.setdefault(table, set()).add(column)
    return found


def without_row(tables: dict[str, set[str]]) -> list[str]:
    """What of the database neither PERSONAL nor OF_NOBODY speaks of."""
    told = {(one.table, column) for one in PERSONAL for column in one.columns}
    known = {one.table for one in PERSONAL}
    missing = [table for table in tables if table not in known and table not in OF_NOBODY]
    return missing + [
        f"{table}.{column}"
        for table, names in tables.items()
        for column in names
        if TELLING.search(column) and (table, column) not in told and column != "leased_by"
    ]


def test_every_table_and_personal_column_has_a_row(service: Running) -> None:
    assert without_row(columns(service)) == []


def test_a_new_table_or_column_about_somebody_is_missed(service: Running) -> None:
    tables = columns(service)
    tables["badge"] = {"user_id", "name"}
    tables["course"] |= {"edited_by"}
    assert without_row(tables) == ["badge", *sorted(["course.edited_by", "badge.user_id"])[::-1]]


def test_every_row_is_of_a_column_that_exists(service: Running) -> None:
    tables = columns(service)
    assert [one.table for one in PERSONAL if not set(one.columns) <= tables.get(one.table, set())] == []


def test_the_document_prints_the_table() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert [row for row in personal.rows() if row not in text] == []
