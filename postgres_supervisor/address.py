"""Where the embedded server listens: a Unix socket where its path is short enough, else a port of 127.0.0.1."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import stat
import tempfile
from pathlib import Path

SOCKET_PATH_BYTES = 107


def may_hold_socket(folder: Path) -> bool:
    """Short enough for the kernel, and plain: PostgreSQL and the drivers read a comma as the next folder."""
    path = f"{folder}/.s.PGSQL.65535"
    return len(os.fsencode(path)) <= SOCKET_PATH_BYTES and re.fullmatch(r"[\w./+-]+", path, re.ASCII) is not None


def private_folder(before: Path | None, uid: int, gid: int) -> Path | None:
    """A folder of that user alone with a short name, again `before` if it can be; None if there is no place."""
    if before and _is_private(before, uid):
        return before
    if before:
        with contextlib.suppress(OSError):  # it was cleaned away, or taken by somebody else
            before.mkdir(mode=0o700)
            os.chown(before, uid, gid)
            return before
    if not may_hold_socket(Path(tempfile.gettempdir(), "lernbatch-12345678")):
        return None
    folder = Path(tempfile.mkdtemp(prefix="lernbatch-"))
    os.chown(folder, uid, gid)
    return folder


def _is_private(folder: Path, uid: int) -> bool:
    try:
        about = folder.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(about.st_mode) and about.st_uid == uid and stat.S_IMODE(about.st_mode) == 0o700


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
