"""PostgreSQL's own programs for backups, run on a database by its DSN."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO
from urllib.parse import unquote, urlsplit, urlunsplit

from lernbatch.config import Config
from lernbatch.errors import Unusable
from postgres_supervisor.binaries import binaries
from postgres_supervisor.errors import SupervisorError


@contextmanager
def dump(config: Config, dsn: str, snapshot: str) -> Iterator[IO[bytes]]:
    """What `pg_dump` writes of the database as `snapshot` shows it. Raises: Unusable, when it fails."""
    with _running(config, "pg_dump", dsn, "--format=custom", f"--snapshot={snapshot}", stdout=True) as process:
        assert process.stdout is not None
        yield process.stdout


@contextmanager
def restoring(config: Config, dsn: str | None) -> Iterator[IO[bytes]]:
    """Where a dump is written to be restored in one transaction; without `dsn` it is read to its end and that is all.

    Raises: Unusable, when it cannot be read or restored.
    """
    place = ["--file=/dev/null"] if dsn is None else ["--single-transaction", "--exit-on-error"]
    with _running(config, "pg_restore", dsn, "--no-owner", "--no-privileges", *place, stdin=True) as process:
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # it ended early, and says why
            yield process.stdin
            process.stdin.close()


@contextmanager
def _running(
    config: Config, name: str, dsn: str | None, *options: str, stdin: bool = False, stdout: bool = False
) -> Iterator[subprocess.Popen[bytes]]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("LERNBATCH_")}
    environment.setdefault("PGTARGETSESSIONATTRS", "primary")  # of several hosts the one that we are connected to
    words = [_program(config, name), *options]
    if dsn is not None:
        parts = urlsplit(dsn)
        if parts.password:  # which other users of the machine could read among the arguments
            environment["PGPASSWORD"] = unquote(parts.password)
        user, at, host = parts.netloc.rpartition("@")
        words.append(f"--dbname={urlunsplit(parts._replace(netloc=user.partition(':')[0] + at + host))}")
    with subprocess.Popen(  # noqa: S603 - PostgreSQL's own programs
        words,
        env=environment,
        stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
        stdout=subprocess.PIPE if stdout else subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise
        assert process.stderr is not None
        said = process.stderr.read().decode(errors="replace").strip()
        if process.wait() != 0:
            raise Unusable(f"{name} failed: {said.splitlines()[-1] if said else f'exit status {process.returncode}'}")


def _program(config: Config, name: str) -> str:
    """The one of LERNBATCH_PG_BIN or of the embedded PostgreSQL, else of PATH. Raises: Unusable."""
    with suppress(SupervisorError):
        path = binaries(config.pg_bin) / name
        if path.is_file():
            return str(path)
    if (program := shutil.which(name)) is None:
        raise Unusable(f"There is no {name}: install PostgreSQL's client programs, or set LERNBATCH_PG_BIN.")
    return str(Path(program))
