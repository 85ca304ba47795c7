"""`lernbatch` in a process that is forked from one which has loaded the code: loading takes longer than most commands.

It has a number, an environment, outputs and an exit code of its own, as if it had been started. How a command starts,
what it loads, and how it ends when its output is closed is tried in tests/cli and tests/project, where Python starts
anew.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from lernbatch import cli

WAIT_SECONDS = 600  # on a busy machine

_ROOMS = {path.partition(":")[0] for path, _ in cli.ELSEWHERE.values()}
_FORKED = multiprocessing.get_context("forkserver")
_FORKED.set_forkserver_preload([__name__, "lernbatch.app", "lernbatch.schedule", *sorted(_ROOMS)])


def _command(words: list[str], environment: dict[str, str], folder: str, outputs: list[str]) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for number, path in enumerate(outputs, 1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), number)
    sys.argv = ["lernbatch", *words]
    cli.main()


def run(
    words: Sequence[str | Path], environment: Mapping[str, str], folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """`lernbatch` with these words in `folder` (else where we are), to its end."""
    typed = [str(word) for word in words]
    with TemporaryDirectory() as kept:
        outputs = [f"{kept}/output", f"{kept}/errors"]
        process = _FORKED.Process(target=_command, args=(typed, dict(environment), str(folder or Path.cwd()), outputs))
        process.start()
        process.join(WAIT_SECONDS)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired(typed, WAIT_SECONDS)
        output, errors = (Path(path).read_text(encoding="utf-8") for path in outputs)
        return subprocess.CompletedProcess(typed, process.exitcode, output, errors)
