"""Real servers for tests: homes that others may pass, commands beside us, and questions to the database."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from postgres_supervisor.binaries import binaries
from postgres_supervisor.embedded import running
from postgres_supervisor.errors import SupervisorError
from postgres_supervisor.processes import LAUNCHER

ROOT = Path(__file__).parents[2]
DEBIAN = Path("/usr/lib/postgresql/15/bin")
IS_ROOT = os.geteuid() == 0
PATIENCE_SECONDS = 300  # on a busy machine
SMALL = {"shared_buffers": "16MB"}

# Another command: uses the server until its input ends, and prints the DSN or the refusal.
USER = """
import sys
from pathlib import Path
from lernbatch import log
from postgres_supervisor.errors import SupervisorError
from postgres_supervisor.embedded import running
log.configure("warning")
try:
    with running(Path(sys.argv[1]), bin_dir=Path(sys.argv[2]), options={"shared_buffers": "16MB"}) as dsn:
        print(dsn, flush=True)
        sys.stdin.read()
except SupervisorError as refusal:
    print(refusal, flush=True)
"""


def choices() -> list[Path]:
    chosen = os.environ.get("LERNBATCH_PG_BIN")
    first = binaries(Path(chosen) if chosen else None)
    return [first, DEBIAN] if DEBIAN.is_dir() and first != DEBIAN else [first]


@contextlib.contextmanager
def open_folder() -> Iterator[Path]:
    """A folder with a short path that every user may pass; pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="lb-")).resolve()
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def moved(home: Path, to: Path) -> Iterator[Path]:
    home.rename(to)
    try:
        yield to
    finally:
        to.rename(home)


def copied(home: Path, to: Path) -> Path:
    shutil.copytree(home, to)
    if IS_ROOT:
        for path in (data := to / "postgres/data", *data.rglob("*")):
            os.chown(path, *nobody())
    return to


def query(dsn: str, sql: str) -> Any:
    async def ask() -> Any:
        connection = await asyncpg.connect(dsn)
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    return asyncio.run(ask())


def commands(dsn: str) -> int:
    return int(query(dsn, "SELECT count(*) FROM course"))


def postmaster(home: Path) -> int | None:
    with contextlib.suppress(FileNotFoundError):
        return int((home / "postgres/data/postmaster.pid").read_text().split()[0])
    return None


def refusal(home: Path, bin_dir: Path | None, port: int | None = None, options: dict[str, str] = SMALL) -> str:
    with pytest.raises(SupervisorError) as refused, running(home, bin_dir=bin_dir, port=port, options=options):
        pass
    return str(refused.value)


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextlib.contextmanager
def command(
    *words: object, before: Callable[[], None] | None = None, **options: Any
) -> Iterator[subprocess.Popen[str]]:
    """A process beside us, ended when we are done with it."""
    with subprocess.Popen(
        list(map(str, words)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        preexec_fn=before,
        **options,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None and process.stdin and not process.stdin.closed:
                process.stdin.close()
            process.wait(PATIENCE_SECONDS)


def user(home: Path, bin_dir: Path, **options: Any) -> contextlib.AbstractContextManager[subprocess.Popen[str]]:
    return command(sys.executable, "-c", USER, home, bin_dir, **options)


def ordinary_user(home: Path, bin_dir: Path) -> contextlib.AbstractContextManager[subprocess.Popen[str]]:
    """A user who is not root. Root's own interpreter may be closed to nobody: the launcher sees to that."""
    become = [sys.executable, LAUNCHER, *nobody(), Path(sys.executable).resolve().parent, sys.base_prefix]
    become += [sys.prefix, ROOT, bin_dir, "--"]
    return command(*(become if IS_ROOT else []), sys.executable, "-c", USER, home, bin_dir)


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def nobody() -> tuple[int, int]:
    who = pwd.getpwnam("nobody")
    return who.pw_uid, who.pw_gid
