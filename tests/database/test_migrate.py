"""Migrations that may not stand in a transaction: begun by several processes at once, and begun again."""

from __future__ import annotations

import asyncio

import asyncpg

from lernbatch.database.migrate import Migration, Migrations, migrate

INDEXES = """
SELECT relname, indisvalid
  FROM pg_index
  JOIN pg_class ON oid = indexrelid
 WHERE relname LIKE 'enrolment\\_of\\_batch%'
 ORDER BY relname
"""
WHOLE = [("enrolment_of_batch", True), ("enrolment_of_batch_left", True)]


async def forget_the_last(conn: asyncpg.Connection) -> None:
    await conn.execute("DELETE FROM migration WHERE name = '0028_participants.sql'")


def test_processes_that_migrate_at_once_build_each_index_once(dsn: str) -> None:
    async def work() -> tuple[list[list[str]], list[tuple[str, bool]]]:
        conn = await asyncpg.connect(dsn)
        try:
            await forget_the_last(conn)
            applied = await asyncio.gather(*(migrate(dsn) for _ in range(4)))
            return applied, [tuple(row) for row in await conn.fetch(INDEXES)]
        finally:
            await conn.close()

    applied, indexes = asyncio.run(work())
    assert sorted(applied) == [[], [], [], ["0028_participants.sql"]]
    assert indexes == WHOLE


def test_an_index_that_was_left_half_built_is_built_anew(dsn: str) -> None:
    async def work() -> list[tuple[str, bool]]:
        conn = await asyncpg.connect(dsn)
        try:
            await forget_the_last(conn)
            await conn.execute("CREATE INDEX enrolment_of_batch_new ON enrolment (batch_id)")
            await conn.execute("DROP INDEX enrolment_of_batch")
            await migrate(dsn)
            return [tuple(row) for row in await conn.fetch(INDEXES)]
        finally:
            await conn.close()

    assert asyncio.run(work()) == WHOLE


class BeforeStatesAsText(Migrations):
    """The migrations that the version before knew."""

    def files(self) -> list[Migration]:
        return [migration for migration in super().files() if migration.name < "0036"]


ENROLMENTS_OF_BEFORE = """
INSERT INTO enrolment (user_id, batch_id, course_id, active, added_by, enrolled_at, updated_at, states)
VALUES ('u-new', 'b1', 'do_1', true, 'u-new', now(), now(), DEFAULT),
       ('u-old', 'b1', 'do_1', true, 'u-old', now(), now(),
        '{"do_2": [2, 100, 3, 1, 1767225600000, 1767225600000, 1767225600000, [5, {"said": 1.50}], [3, 5], [1, 0, 2]],
          "do_10": [1, 40, 1, 0, null, null, 1767225600000]}')
"""
VIEWS = (
    "SELECT * FROM content_state ORDER BY user_id, content_id",
    "SELECT * FROM analyst.content_state ORDER BY user_id, content_id",
)
ROWS = "SELECT user_id, xmin, ctid, states, states_text FROM enrolment ORDER BY user_id"


def test_rows_of_before_stay_as_they_are_and_the_views_tell_the_same_of_them(empty_dsn: str) -> None:
    async def work() -> None:
        await migrate(empty_dsn, BeforeStatesAsText("lernbatch.migrations", "migration"))
        conn = await asyncpg.connect(empty_dsn)
        try:
            await conn.execute(ENROLMENTS_OF_BEFORE)
            shown = [await conn.fetch(view) for view in VIEWS]
            rows = await conn.fetch(ROWS.replace("states_text", "NULL AS states_text"))
            assert {"0036_states_as_text.sql", "0037_states_checked.sql"} <= {*await migrate(empty_dsn)}
            assert await conn.fetch(ROWS) == rows
            assert [await conn.fetch(view) for view in VIEWS] == shown
            await conn.execute("UPDATE enrolment SET states_text = states::text, states = NULL")
            assert [await conn.fetch(view) for view in VIEWS] == shown
            assert [len(rows) for rows in shown] == [2, 2]
        finally:
            await conn.close()

    asyncio.run(work())
