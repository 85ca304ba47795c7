"""What `lernbatch check` says of trust and of erasures that wait."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from lernbatch.config import Config
from lernbatch.ops import checkup
from tests.cli.commands import Installation, sentence, wait_for
from tests.people import ASHA

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
        ({"demo_sign_in": True}, "LERNBATCH_DEMO_SIGN_IN"),
        ({"content_url": "https://content.example.org"}, "the sandbox answers"),
        ({"public_url": "http://batches.example.org"}, "LERNBATCH_PUBLIC_URL is plain HTTP"),
    ],
)
def test_what_opens_doors_is_named_where_others_reach_it(settings: dict[str, Any], variable: str) -> None:
    reached = {**REACHED, **settings}
    for finding in (checkup.check_trust(Config(**reached)), checkup.check_trust(Config(**reached, sandbox=True))):
        assert variable in finding.sentence
    assert (checkup.check_trust(Config(**reached)).ok, finding.ok) == (False, True)
    if "public_url" not in settings:
        assert checkup.check_trust(Config(**settings)).ok


def test_with_keys_of_a_provider_the_platform_s_services_and_the_defaults_nothing_is_unfit(tmp_path: Path) -> None:
    services = ("content", "search", "questionset", "user_org", "group", "certificate_service")
    named = {f"{service}_url": "https://platform.example.org" for service in services}
    config = Config(**REACHED, **named, public_key_folder=tmp_path)
    assert checkup.check_trust(config).ok
    finding = checkup.check_defaults(config)
    assert finding.ok
    for variable in ("TOKEN_AUDIENCES", "OPERATORS_PORT", "TRUSTED_PROXIES"):
        assert f"LERNBATCH_{variable}" in finding.sentence
    assert "LERNBATCH_OPERATORS_PORT" not in checkup.check_defaults(Config(**REACHED, operators_port=9100)).sentence
    assert "LERNBATCH_" not in checkup.check_defaults(Config()).sentence


@pytest.mark.parametrize(
    ("words", "settings", "why"),
    [
        ((), {}, "LERNBATCH_DATABASE_URL"),
        (("--host", "0.0.0.0"), {"LERNBATCH_DATABASE_URL": ""}, "it listens on 0.0.0.0"),
        ((), {"LERNBATCH_DATABASE_URL": "", "LERNBATCH_HOST": "::"}, "it listens on ::"),
        ((), {"LERNBATCH_DATABASE_URL": "", "LERNBATCH_PUBLIC_URL": "https://b.example.org"}, "https://b.example.org"),
    ],
    ids=["a database of its own", "an address on the command line", "an address", "a name"],
)
def test_an_installation_for_others_does_not_start_with_the_sandbox_s_keys(
    words: tuple[str, ...], settings: dict[str, str], why: str, installation: Installation
) -> None:
    done = installation.run("serve", "--port", "0", *words, **{"LERNBATCH_SANDBOX": "false", **settings})
    assert (done.returncode, done.stdout) == (1, "")
    said = sentence(done)
    assert why in said
    assert "LERNBATCH_PUBLIC_KEY_FOLDER" in said
    assert "LERNBATCH_SANDBOX=true" in said


def test_with_keys_of_a_provider_it_starts(own_installation: Installation, tmp_path: Path) -> None:
    provided = {"LERNBATCH_SANDBOX": "", "LERNBATCH_PUBLIC_KEY_FOLDER": str(tmp_path)}
    with replace(own_installation, settings=provided).serving("serve", "--no-jobs") as serving:
        serving.wait_until_ready()
        done = own_installation.run("token", "asha", **provided)
    assert done.stdout.count(".") == 2
    assert "does not count here" in done.stderr


def test_token_says_that_it_is_of_nobody_who_was_imported(installation: Installation) -> None:
    known, unknown = installation.run("token", ASHA.user_id), installation.run("token", "u-nobody")
    assert (known.returncode, known.stderr) == (0, "")
    assert (unknown.returncode, unknown.stdout.count(".")) == (0, 2)
    assert "Nobody with the id u-nobody was imported" in sentence(unknown)


def test_a_schema_that_is_not_whole_is_told_by_check_and_keeps_requests_away(own_installation: Installation) -> None:
    execute(own_installation.dsn, "ALTER TABLE enrolment DROP CONSTRAINT enrolment_pkey CASCADE")
    done = own_installation.run("check")
    assert done.returncode == 1
    assert "failed  schema: It lacks a primary key of enrolment" in done.stdout
    with own_installation.serving("serve", "--no-jobs") as serving:
        wait_for(lambda: serving.get("/livez") == 200)
        answer = httpx.get(f"{serving.url}/readyz", timeout=60)
    assert (answer.status_code, answer.text) == (503, "the database lacks a primary key of enrolment\n")
