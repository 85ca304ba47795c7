"""Stops the embedded server when its last user was killed: `python -m postgres_supervisor.keeper FOLDER BIN_DIR`.

Whoever starts a server starts a keeper, too. It waits for the lock `users`, which it gets when no user is left: then
the last one has stopped the server, and the keeper ends; or the last one was killed, and the keeper stops the server.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, LOCK_UN, flock
from pathlib import Path

from postgres_supervisor.cluster import Cluster
from postgres_supervisor.locks import opened

END_SECONDS = 3.0


def start(cluster: Cluster) -> None:
    """Leave a keeper running, unless there is one; it survives us and no Ctrl-C of a terminal reaches it."""
    if _is_there(cluster.folder):
        return
    subprocess.run(  # noqa: S603 - no shell, our own arguments
        [sys.executable, "-m", "postgres_supervisor.keeper", str(cluster.folder), str(cluster.bin_dir)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).parents[2],  # from where -m finds us, installed or not
        env={name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ},
        check=False,  # without one a server may outlive its users, as it did before there were keepers
    )


def await_end(cluster: Cluster) -> None:
    """Wait until the keeper has let go of the folder, which may be unmounted next; not if a new user keeps it."""
    deadline = time.monotonic() + END_SECONDS
    while _is_there(cluster.folder) and time.monotonic() < deadline:
        time.sleep(0.005)


def _is_there(folder: Path) -> bool:
    lock = opened(folder / "keeper")
    try:
        flock(lock, LOCK_SH | LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def keep(cluster: Cluster, users: int, lock: int) -> None:
    """Wait until no user is left; stop the server if it still runs, but not while it starts: it may be recovering.

    `users` is not held while waiting for `lock`, whose holder may be just about to become a user.
    """
    while True:
        flock(users, LOCK_EX)
        pause = 0.01
        with contextlib.suppress(BlockingIOError):
            flock(lock, LOCK_EX | LOCK_NB)
            postmaster = cluster.postmaster()
            if postmaster and postmaster.is_ready:
                cluster.stop()
                return
            if not cluster.processes.any_alive():
                return
            flock(lock, LOCK_UN)
            pause = 0.1
        flock(users, LOCK_UN)
        time.sleep(pause)


def main(folder: Path, bin_dir: Path) -> None:
    # All is opened before who started us goes on, for the folder may be removed when the server has been stopped.
    keeper, users, lock = (opened(folder / name) for name in ("keeper", "users", "lock"))
    try:
        flock(keeper, LOCK_EX | LOCK_NB)  # given back only with `lock`, when the process ends
    except BlockingIOError:
        return
    if os.fork():
        os._exit(0)
    os.setsid()
    os.chdir("/")
    keep(Cluster(folder, bin_dir), users, lock)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
