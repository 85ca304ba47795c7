"""What a command does not need is not loaded: libraries cost an operator's time at every start, and memory for ever."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.commands import Installation
from tests.forked import WAIT_SECONDS

# What few calls need is loaded by the call that does.
ON_DEMAND = {
    "PIL", "aiokafka", "arrow", "fontTools", "jinja2", "numpy", "openpyxl", "pyarrow", "pypdf", "pyzipper", "segno",
    "tinycss2", "typst", "uharfbuzz",
}  # fmt: skip
OF_THE_SERVICE = {"httpx", "obstore", "prometheus_client", "rich", "starlette", "uvicorn", "uvloop"}
BEYOND_HELP = {"asyncpg", "cryptography", "joserfc", "msgspec", "pydantic", "sandbox", "postgres_supervisor"}


def loaded(importtime: str) -> set[str]:
    """The packages that `python -X importtime` names."""
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in importtime.splitlines() if "|" in line}


def run(installation: Installation, *words: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "lernbatch", *words],
        env=installation.environment,
        capture_output=True,
        text=True,
        timeout=WAIT_SECONDS,
        check=True,
    )
    return loaded(done.stderr)


@pytest.fixture
def installation(dsn: str, tmp_path: Path) -> Installation:
    return Installation(tmp_path, dsn, {})


def test_help_loads_neither_settings_nor_a_database_driver(installation: Installation) -> None:
    assert run(installation, "--help") & (ON_DEMAND | (OF_THE_SERVICE - {"rich"}) | BEYOND_HELP) == set()


def test_a_token_is_made_without_the_service(installation: Installation) -> None:
    packages = run(installation, "token", "u-vikram")
    assert {"joserfc", "asyncpg"} <= packages
    assert packages & (ON_DEMAND | OF_THE_SERVICE) == set()


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.real)])
def test_an_idle_service_has_loaded_nothing_that_only_some_calls_need(
    installation: Installation, tmp_path: Path, workers: str
) -> None:
    log = tmp_path / "imports"
    observed = replace(installation, settings={"PYTHONPROFILEIMPORTTIME": "1"})
    with log.open("w") as errors, observed.serving("serve", "--workers", workers, errors=errors) as serving:
        serving.wait_until_ready()
        assert serving.stop() == 0
    packages = loaded(log.read_text())
    assert {"uvicorn", "asyncpg", "httpx"} <= packages
    assert packages & ON_DEMAND == set()
