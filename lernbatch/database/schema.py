"""Whether a database has what schema.sql describes: a restore that broke off leaves tables without constraints."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from importlib import resources

import asyncpg

from lernbatch.database.migrate import PRODUCT

_TABLE = re.compile(r"^CREATE (?:UNLOGGED )?TABLE (\w+) \((.*?)^\)", re.MULTILINE | re.DOTALL)
_INDEX = re.compile(r"^CREATE (?:UNIQUE )?INDEX (\w+) ON \w+[ (]", re.MULTILINE)  # of the schema public
_COMMENT = re.compile(r"--.*$", re.MULTILINE)
_KINDS = {"PRIMARY KEY": "p", "UNIQUE": "u", "REFERENCES": "f", "CHECK": "c"}  # as pg_constraint.contype has them
_SPOKEN = {"p": "primary key", "u": "unique constraint", "f": "foreign key", "c": "check"}

_NEWEST = "SELECT max(name) FROM migration"
_INDEXES = """
    SELECT relname
      FROM pg_class
      JOIN pg_index ON indexrelid = oid
     WHERE relnamespace = 'public'::regnamespace AND indisvalid"""
_CONSTRAINTS = """
    SELECT relname, contype::text, count(conname)
      FROM pg_class
      LEFT JOIN pg_constraint ON conrelid = pg_class.oid AND convalidated
     WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
     GROUP BY relname, contype"""


@dataclass(frozen=True, slots=True)
class Described:
    """What schema.sql describes: how many constraints of each kind a table has, and the indexes by name."""

    tables: dict[str, Counter[str]]
    indexes: frozenset[str]


@cache
def described() -> Described:
    text = _COMMENT.sub("", resources.files("lernbatch").joinpath("schema.sql").read_text(encoding="utf-8"))
    tables = {
        name: Counter({kind: len(re.findall(rf"\b{word}\b", body)) for word, kind in _KINDS.items()})
        for name, body in _TABLE.findall(text)
    }
    return Described(tables, frozenset(_INDEX.findall(text)))


async def missing(conn: asyncpg.Connection) -> list[str]:
    """What the database lacks, as nouns; nothing while it is at another migration than this version's newest."""
    if await conn.fetchval(_NEWEST) != PRODUCT.files()[-1].name:
        return []  # older: `migrate` says so; newer: a process of the next version has changed it on purpose
    there: dict[str, Counter[str]] = {}
    for table, kind, count in await conn.fetch(_CONSTRAINTS):
        there.setdefault(table, Counter())[kind] += count
    indexes = {row["relname"] for row in await conn.fetch(_INDEXES)}
    lacking = [f"the table {table}" for table in described().tables if table not in there]
    lacking += [
        f"a {_SPOKEN[kind]} of {table}"
        for table, kinds in described().tables.items()
        if table in there
        for kind in kinds
        if there[table][kind] < kinds[kind]
    ]
    return lacking + [f"the index {index}" for index in sorted(described().indexes - indexes)]
