"""The locks in `home/postgres`. The kernel drops a dead process's locks, so none can be stale."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path

from postgres_supervisor.cluster import START_SECONDS, STOP_SECONDS
from postgres_supervisor.errors import SupervisorError

TURN_SECONDS = START_SECONDS + STOP_SECONDS


def opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


@contextlib.contextmanager
def turn(folder: Path) -> Iterator[None]:
    """One command at a time looks whether a server runs, starts or stops it."""
    deadline = time.monotonic() + TURN_SECONDS
    lock = opened(folder / "lock")
    try:
        while True:
            try:
                flock(lock, LOCK_EX | LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise SupervisorError(
                        f"Another command has been starting or stopping the database server in {folder} "
                        f"for {TURN_SECONDS:g} seconds: end that command, then try again."
                    ) from None
                time.sleep(0.01)
        yield
    finally:
        os.close(lock)
