"""The schema of this version beside the code of the last release, which goes on working during an upgrade."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import asyncpg

from lernbatch import __version__
from lernbatch.database import sql

CHANGES = Path(__file__).parents[2] / "CHANGELOG.md"


def test_the_code_that_is_kept_is_of_the_release_before_this_version(previous: Path) -> None:
    releases = re.findall(r"^## (\d+\.\d+\.\d+) ", CHANGES.read_text(encoding="utf-8"), re.MULTILINE)
    before = next(release for release in releases if release != __version__)
    about = (previous / "lernbatch" / "__init__.py").read_text(encoding="utf-8")
    assert f'__version__ = "{before}"' in about, f"run `make previous RELEASE=v{before}`"


def test_every_statement_of_the_last_release_fits_this_schema(previous: Path, dsn: str) -> None:
    files = sorted(previous.rglob("queries.sql"))
    rooms = [(file.parent.name, sql.parse(file.read_text(encoding="utf-8"))) for file in files]
    assert len(rooms) > 10

    async def complaints() -> list[str]:
        conn = await asyncpg.connect(dsn)
        try:
            return [wrong for room, queries in rooms for wrong in await _of_room(conn, room, queries)]
        finally:
            await conn.close()

    assert asyncio.run(complaints()) == []


async def _of_room(conn: asyncpg.Connection, room: str, queries: sql.Queries) -> list[str]:
    wrong = []
    async with conn.transaction():  # so that a temporary table is there for the statements after it
        for statement in queries.statements.values():
            try:
                async with conn.transaction():
                    await conn.prepare(statement.text)
                    if statement.text.startswith("CREATE TEMP"):
                        await conn.execute(statement.text)
            except asyncpg.PostgresError as error:
                wrong.append(f"{room}, {statement.name}: {error}")
    return wrong
