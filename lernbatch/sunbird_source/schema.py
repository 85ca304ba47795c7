"""The tables that a `schema.cql` declares, as `DESCRIBE KEYSPACE` writes it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from lernbatch.sunbird_source.catalog import BadType, CqlType, cql_type

_comment = re.compile(r"/\*.*?\*/|^\s*(?:--|//).*?$", re.DOTALL | re.MULTILINE)
_create = re.compile(
    r'CREATE\s+(TYPE|TABLE)\s+(?:IF\s+NOT\s+EXISTS\s+)?(?:("[^"]+"|\w+)\s*\.\s*)?("[^"]+"|\w+)\s*\(', re.IGNORECASE
)
_brackets = re.compile(r"[()<>,]")
_column = re.compile(
    r'\s*("[^"]+"|\w+)\s+(.*?)\s*(?:\bSTATIC\b)?\s*(?:\bPRIMARY\s+KEY\b)?\s*$', re.IGNORECASE | re.DOTALL
)


@dataclass
class DeclaredSchema:
    """What is declared: table → column → type, in the order of the declaration, which is that of an export."""

    user_types: dict[str, CqlType] = field(default_factory=dict)
    tables: dict[str, dict[str, CqlType]] = field(default_factory=dict)


def read_schema(text: str) -> DeclaredSchema:
    """The types and tables of `text`. What it cannot read of it is left out: columns then have their usual types."""
    bare = _comment.sub(" ", text)
    declared = DeclaredSchema()
    for statement in _create.finditer(bare):
        name = statement[3].strip('"')
        columns: dict[str, CqlType] = {}
        for definition in _definitions(bare, statement.end()):
            column = _column.match(definition)
            if column is None or re.match(r"\s*PRIMARY\s+KEY\b", definition, re.IGNORECASE):
                continue
            with suppress(BadType):
                columns[column[1].strip('"')] = cql_type(column[2], declared.user_types)
        if statement[1].upper() == "TYPE":
            declared.user_types[name] = CqlType(name, fields=columns)
        else:
            declared.tables[name] = columns
    return declared


def _definitions(text: str, start: int) -> Iterator[str]:
    """What stands between the commas of a list that begins at `start`, inside its bracket."""
    depth = 0
    for bracket in _brackets.finditer(text, start):
        if depth == 0 and bracket[0] in ",)":
            yield text[start : bracket.start()]
            start = bracket.end()
            if bracket[0] == ")":
                return
        elif bracket[0] != ",":
            depth += 1 if bracket[0] in "(<" else -1
