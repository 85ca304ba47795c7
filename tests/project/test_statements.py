"""Every statement of every queries.sql fits the schema, and every name in the code is a statement."""

from __future__ import annotations

import asyncio
import re

import asyncpg
import pytest

from lernbatch.database import sql
from tests.project.modules import modules, packages_with_statements

_USE = re.compile(r"\b(?:(\w+)\.)?Q\.(\w+)\b")


def uses() -> list[tuple[str, sql.Queries, str]]:
    """Every `Q.name` and `module.Q.name` of the code: where, in which statements, which name."""
    found = []
    for module, source in modules():
        for other, name in _USE.findall(source):
            queries = getattr(module, other).Q if other else module.Q
            found.append((module.__name__, queries, name))
    return found


def test_every_name_in_the_code_is_a_statement() -> None:
    unknown = [f"{where}: Q.{name}" for where, queries, name in uses() if name not in queries.statements]
    assert unknown == []


@pytest.mark.parametrize("package", packages_with_statements())
def test_no_statement_is_unused(package: str) -> None:
    known = sql.load(package).statements
    used = {name for _, queries, name in uses() if queries.statements == known}
    assert set(known) - used == set()


async def complaints(dsn: str) -> list[str]:
    """What PostgreSQL says of all statements, each package's prepared in the order of its file."""
    conn = await asyncpg.connect(dsn)
    try:
        return [wrong for package in packages_with_statements() for wrong in await _of_room(conn, package)]
    finally:
        await conn.close()


async def _of_room(conn: asyncpg.Connection, package: str) -> list[str]:
    async with conn.transaction():  # so that a temporary table is there for the statements after it
        told = [await _prepared(conn, statement) for statement in sql.load(package).statements.values()]
    return [f"{package}, {wrong}" for wrong in told if wrong]


async def _prepared(conn: asyncpg.Connection, statement: sql.Statement) -> str | None:
    try:
        async with conn.transaction():
            await conn.prepare(statement.text)
            await conn.prepare(sql.sharded(statement.text))
            if statement.text.startswith("CREATE TEMP"):
                await conn.execute(statement.text)
            return None
    except asyncpg.PostgresError as error:
        return f"{statement.name}: {error}"


def test_every_statement_can_be_prepared(dsn: str) -> None:
    assert asyncio.run(complaints(dsn)) == []
