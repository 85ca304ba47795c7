"""Somebody who is erased in the middle of a move is not kept where the move has put them by."""

from __future__ import annotations

import asyncpg
import pytest

from lernbatch.erasure import actions as erasure
from lernbatch.services import Services
from tests.takeover.moving import PROVIDER, Installation

TEXTS = (
    "SELECT user_id FROM takeover.stage WHERE user_id = $1 OR convert_from(body, 'UTF8') LIKE '%' || $1 || '%'",
    "SELECT user_id FROM enrolment WHERE user_id = $1",
    "SELECT kind FROM takeover.problem WHERE array_to_string(key, ' ') LIKE '%' || $1 || '%'",
    "SELECT kind FROM takeover.quarantine WHERE array_to_string(key, ' ') LIKE '%' || $1 || '%'",
)


def erase(installation: Installation, user_id: str) -> None:
    async def work(held: Services, conn: asyncpg.Connection) -> None:
        await erasure.ask(conn, held, user_id)
        while await erasure.erase_due(held):
            pass

    installation.run(work)


@pytest.mark.parametrize(
    ("who", "where"),
    [
        ("with an enrolment and states", "takeover.stage WHERE kind = 's'"),
        ("with a prefix", "takeover.stage WHERE convert_from(body, 'UTF8') LIKE '%f:' || $1 || ':%'"),
        ("held", "takeover.quarantine WHERE kind LIKE 'enrolment%'"),
    ],
)
def test_erasing_before_clean_reaches_what_is_staged_and_held(installation: Installation, who: str, where: str) -> None:
    installation.copy()
    column = "key[1]" if "quarantine" in where else "user_id"
    arguments = (PROVIDER,) if "$1" in where else ()
    user_id = str(installation.sql(f"SELECT {column} FROM {where} ORDER BY 1 LIMIT 1", *arguments)[0][0])
    counts = "SELECT kind, count(*) FROM takeover.problem GROUP BY kind ORDER BY kind"
    before = [tuple(row) for row in installation.sql(counts)]
    others = "SELECT count(*) FROM takeover.stage WHERE user_id <> $1"
    staged = installation.sql(others, user_id)
    erase(installation, user_id)
    for text in TEXTS:
        assert installation.sql(text, user_id) == []
    assert [tuple(row) for row in installation.sql(counts)] == before
    assert installation.sql(others, user_id) == staged
