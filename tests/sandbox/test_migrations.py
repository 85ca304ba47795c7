"""The sandbox's tables are its own: a production database has none, and rows of earlier versions are taken over."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest

import sandbox
from lernbatch import command
from lernbatch.config import Config
from lernbatch.database.migrate import PRODUCT, Migrations, migrate
from tests.project.test_schema import fresh

URLS = dict.fromkeys(
    ("content_url", "search_url", "questionset_url", "user_org_url", "group_url", "certificate_service_url"),
    "http://127.0.0.1:1",
)
OLD_ROWS = """
INSERT INTO neighbour_content VALUES ('do_1', '{"name": "Algebra"}', '{"children": []}', now());
INSERT INTO neighbour_organisation VALUES ('o-1', 'Schools', 'schools', true);
INSERT INTO neighbour_person (user_id, first_name, org_id, roles) VALUES ('u-asha', 'Asha', 'o-1', '{PUBLIC}');
INSERT INTO neighbour_consent VALUES ('u-asha', 'o-1', 'do_1', 'c-1', 'ACTIVE', now(), NULL);
INSERT INTO neighbour_group VALUES ('g-1', 'Class 7B', '[]');
INSERT INTO neighbour_template VALUES ('t-1', false, '{}', '<svg/>');
INSERT INTO neighbour_message (kind, request, sent_at) VALUES ('email', '{"n": 1}', now()), ('feed', '{"n": 2}', now());
"""
ORDERS = (PRODUCT, sandbox.MIGRATIONS), (sandbox.MIGRATIONS, PRODUCT)
TABLES = "content", "organisation", "person", "consent", "group", "template", "message"
SANDBOX = {"sandbox_migration", *(f"sandbox_{table}" for table in TABLES)}


async def tables(dsn: str) -> set[str]:
    """The names of the tables of the sandbox, of this version and of the ones before."""
    conn = await asyncpg.connect(dsn)
    try:
        names = await conn.fetch("SELECT tablename FROM pg_tables WHERE tablename ~ '^(neighbour|sandbox)_'")
        return {row["tablename"] for row in names}
    finally:
        await conn.close()


async def rows(dsn: str, prefix: str) -> dict[str, list[Any]]:
    conn = await asyncpg.connect(dsn)
    try:
        return {table: [tuple(row) for row in await conn.fetch(f"TABLE {prefix}_{table}")] for table in TABLES}
    finally:
        await conn.close()


async def old(server: str, name: str, monkeypatch: pytest.MonkeyPatch, statements: str) -> str:
    """The DSN of a database as the version before left it, after `statements`."""
    dsn = await fresh(server, name)
    before = [migration for migration in PRODUCT.files() if migration.name < "0019"]
    with monkeypatch.context() as patch:
        patch.setattr(Migrations, "files", lambda _: before)
        await migrate(dsn)
    conn = await asyncpg.connect(dsn)
    try:
        await conn.execute(statements)
    finally:
        await conn.close()
    return dsn


@pytest.mark.parametrize(
    "order", [(PRODUCT, sandbox.MIGRATIONS), (sandbox.MIGRATIONS, PRODUCT)], ids=["product", "sandbox"]
)
def test_imported_rows_are_taken_over_whichever_schema_is_migrated_first(
    server: str, worker_id: str, monkeypatch: pytest.MonkeyPatch, order: Sequence[Migrations]
) -> None:
    async def upgraded() -> tuple[dict[str, list[Any]], str]:
        dsn = await old(server, f"old_{worker_id}", monkeypatch, OLD_ROWS)
        before = await rows(dsn, "neighbour")
        for schema in order:
            await migrate(dsn, schema)
        return before, dsn

    before, dsn = asyncio.run(upgraded())
    assert all(before.values())
    assert asyncio.run(rows(dsn, "sandbox")) == before
    assert asyncio.run(tables(dsn)) == SANDBOX


@pytest.mark.parametrize(
    "order", [(PRODUCT, sandbox.MIGRATIONS), (sandbox.MIGRATIONS, PRODUCT)], ids=["product", "sandbox"]
)
def test_a_new_database_has_the_new_tables_alone(server: str, worker_id: str, order: Sequence[Migrations]) -> None:
    async def migrated() -> set[str]:
        dsn = await fresh(server, f"new_{worker_id}")
        for schema in order:
            await migrate(dsn, schema)
        return await tables(dsn)

    assert asyncio.run(migrated()) == SANDBOX


def test_a_database_without_sandbox_rows_loses_the_old_tables(
    server: str, worker_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def upgraded() -> set[str]:
        dsn = await old(server, f"empty_{worker_id}", monkeypatch, "SELECT 1")
        await migrate(dsn)
        return await tables(dsn)

    assert asyncio.run(upgraded()) == set()


def test_rows_wait_for_a_sandbox_that_is_not_used_yet(
    server: str, worker_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def upgraded() -> dict[str, list[Any]]:
        dsn = await old(server, f"unused_{worker_id}", monkeypatch, OLD_ROWS)
        await migrate(dsn)
        return await rows(dsn, "neighbour")

    assert all(asyncio.run(upgraded()).values())


@pytest.mark.parametrize(("urls", "expected"), [(URLS, set()), ({}, SANDBOX)], ids=["all services", "none"])
def test_an_installation_that_names_all_services_has_no_table_of_the_sandbox(
    server: str, worker_id: str, urls: dict[str, Any], expected: set[str]
) -> None:
    async def migrated() -> set[str]:
        dsn = await fresh(server, f"production_{worker_id}")
        await command.migrate(Config(**urls), dsn)
        return await tables(dsn)

    assert asyncio.run(migrated()) == expected


@pytest.mark.parametrize("missing", [None, *URLS])
def test_the_sandbox_is_used_where_a_service_has_no_url(missing: str | None) -> None:
    urls: dict[str, Any] = {name: url for name, url in URLS.items() if name != missing}
    assert Config(**urls).uses_sandbox == (missing is not None)
