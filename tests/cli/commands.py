"""Runs `lernbatch` as an operator does: a process of its own, its output, its exit code."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx

from tests import forked
from tests.forked import WAIT_SECONDS


@dataclass(frozen=True, slots=True)
class Installation:
    """A home and a database, and the settings beside them."""

    home: Path
    dsn: str | None
    settings: Mapping[str, str]

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("LERNBATCH_", "sunbird"))}
        named = {"LERNBATCH_HOME": str(self.home), **({"LERNBATCH_DATABASE_URL": self.dsn} if self.dsn else {})}
        named["LERNBATCH_SANDBOX"] = "true"  # people have the bundled provider's tokens
        named["LERNBATCH_ACCESS_LOG"] = "false"  # a pipe that nobody reads is full after some hundred lines
        if "LERNBATCH_PG_BIN" in os.environ:
            named["LERNBATCH_PG_BIN"] = os.environ["LERNBATCH_PG_BIN"]
        return {**kept, **named, **self.settings, "COLUMNS": "200"}

    def run(self, *words: str | Path, **settings: str) -> subprocess.CompletedProcess[str]:
        """The command with these words, to its end."""
        return forked.run(words, {**self.environment, **settings})

    @contextmanager
    def serving(self, *words: str, errors: IO[str] | int = subprocess.PIPE) -> Iterator[Serving]:
        """`lernbatch` with these words on a free port, ready to be asked; `errors`: where its log goes."""
        process = subprocess.Popen(
            [sys.executable, "-m", "lernbatch", *words, "--port", "0"],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            found = re.search(r"http://[\d.:]+", said)
            assert found, f"{said}{process.stderr.read() if process.stderr else ''}"
            described = re.search(r"(http://[\d.:]+)/docs", said)
            yield Serving(process, found.group(), described.group(1) if described else None)
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()


@dataclass(frozen=True, slots=True)
class Serving:
    """A command that answers on a port."""

    process: subprocess.Popen[str]
    url: str
    operators_url: str | None = None  # where it says that its API is described

    def wait_until_ready(self) -> None:
        wait_for(lambda: self.get("/readyz") == 200)

    def get(self, path: str) -> int | None:
        """The status; None while nobody listens."""
        try:
            return httpx.get(self.url + path, timeout=60).status_code
        except httpx.TransportError:
            return None

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(WAIT_SECONDS)


def wait_for(condition: object, seconds: float = WAIT_SECONDS) -> None:
    """Until `condition()` holds. Raises: AssertionError."""
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)


def sentence(done: subprocess.CompletedProcess[str]) -> str:
    """The one line that says why a command could not."""
    lines = done.stderr.strip().splitlines()
    assert "Traceback" not in done.stderr
    assert lines[-1].startswith("lernbatch: ")
    return lines[-1].removeprefix("lernbatch: ")
