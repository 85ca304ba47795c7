"""Reading what strangers send in a process of its own: its seconds and its memory are bounded, and nobody waits for it.

In a thread it would hold the interpreter's lock meanwhile, and every other request would be late.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from contextlib import suppress

WAIT_SECONDS = 180  # on a machine that is busy with other things
NICENESS = 10
OUT_OF_MEMORY = 3  # how the process then ends


def run(module: str, data: bytes, *arguments: str) -> bytes | None:
    """What `python -m module` writes about `data`; None, when it came to its bounds. Blocks."""
    # The child's environment holds PYTHONPATH only, so whatever a file does there leaks no secret of ours.
    environment = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-m", module, *arguments]
    try:
        done = subprocess.run(  # noqa: S603 - our own module
            command, env=environment, input=data, stdout=subprocess.PIPE, timeout=WAIT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return None
    if done.returncode == OUT_OF_MEMORY or done.returncode < 0:  # the system ended it
        return None
    done.check_returncode()  # a bug, whose trace is in the log
    return done.stdout


def bound(seconds: int, memory: int) -> None:
    """The bounds of this process: seconds of processor time, and bytes of address space."""
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(ValueError, OSError):  # not every system has these limits
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
