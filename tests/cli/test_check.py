"""What `lernbatch check` says of trust and of erasures that wait."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from lernbatch.config import Config
from lernbatch.ops import checkup
from tests.cli.commands import Installation, wait_for

REACHED: dict[str, Any] = {"public_url": "https://batches.example.org"}


def execute(dsn: str | None, statement: str) -> None:
    async def work() -> None:
        conn = await asyncpg.connect(dsn)
        try:
            await conn.execute(statement)
        finally:
            await conn.close()

    asyncio.run(work())


def test_an_erasure_that_waits_for_days_fails_the_check(own_installation: Installation) -> None:
    insert = "INSERT INTO erasure VALUES ('u-1', 'erased-1', now() - interval '{}')"
    execute(own_installation.dsn, insert.format("1 hour"))
    assert "ok      erasures: " in own_installation.run("check").stdout
    execute(own_installation.dsn, "UPDATE erasure SET asked_at = now() - interval '2 days'")
    done = own_installation.run("check")
    assert (done.returncode, "failed  erasures: " in done.stdout) == (1, True)


@pytest.mark.parametrize(
    ("settings", "variable"),
    [
        ({}, "LERNBATCH_PUBLIC_KEY_FOLDER"),
        ({"authentication_enabled": False}, "LERNBATCH_AUTHENTICATION_ENABLED"),
        ({"roles_enforced": "nowhere"}, "LERNBATCH_ROLES_ENFORCED"),
        ({"ownership_enforced": False}, "LERNBATCH_OWNERSHIP_ENFORCED"),
        ({"private_networks": "0.0.0.0/0"}, "LERNBATCH_PRIVATE_NETWORKS"),
    ],
)
def test_what_opens_doors_is_named_where_others_reach_it(settings: dict[str, Any], variable: str) -> None:
    finding = checkup.check_trust(Config(**{**REACHED, **settings}))
    assert (finding.ok, variable in finding.sentence) == (False, True)
    assert checkup.check_trust(Config(**settings)).ok


def test_with_keys_of_a_provider_and_the_defaults_nothing_is_unfit(tmp_path: Path) -> None:
    assert checkup.check_trust(Config(**REACHED, public_key_folder=tmp_path)).ok


def test_a_schema_that_is_not_whole_is_told_by_check_and_keeps_requests_away(own_installation: Installation) -> None:
    execute(own_installation.dsn, "ALTER TABLE enrolment DROP CONSTRAINT enrolment_pkey CASCADE")
    done = own_installation.run("check")
    assert done.returncode == 1
    assert "failed  schema: It lacks a primary key of enrolment" in done.stdout
    with own_installation.serving("serve", "--no-jobs") as serving:
        wait_for(lambda: serving.get("/livez") == 200)
        answer = httpx.get(f"{serving.url}/readyz", timeout=60)
    assert (answer.status_code, answer.text) == (503, "the database lacks a primary key of enrolment\n")
