"""Indexes that only reads need are built after the load, also after a stop (migration M31)."""

from __future__ import annotations

import asyncpg
import pytest

from lernbatch.database import schema
from lernbatch.services import Services
from lernbatch.takeover.indexes import OF_READS
from tests.takeover.moving import Installation

SETTINGS = "SELECT relname, reloptions FROM pg_class WHERE relname IN ('enrolment', 'attempt', 'batch') ORDER BY 1"


class Stopped(Exception):
    """A run that ends there."""


def missing(installation: Installation) -> list[str]:
    async def work(_: Services, conn: asyncpg.Connection) -> list[str]:
        return await schema.missing(conn)

    return installation.run(work)


def stopped_while_building(installation: Installation, *, catch_up: bool) -> None:
    def watch(what: str, done: int, _: int | None) -> None:
        if what == "slices built" and done:
            raise Stopped

    with pytest.raises(Stopped):
        installation.copy(watch=watch, bytes_at_once=1, catch_up=catch_up)


def test_m31_indexes_of_reads_are_back_at_the_end_of_a_copy_that_was_stopped(installation: Installation) -> None:
    settings = installation.sql(SETTINGS)
    assert missing(installation) == []
    stopped_while_building(installation, catch_up=False)
    assert missing(installation) == [f"the index {name}" for name in sorted(OF_READS)]
    stopped_while_building(installation, catch_up=False)
    installation.copy()
    assert missing(installation) == []
    assert installation.sql("SELECT name FROM takeover.set_aside") == []
    assert installation.sql(SETTINGS) == settings
    stopped_while_building(installation, catch_up=True)  # of a table that holds something, none is taken away
    assert missing(installation) == []
