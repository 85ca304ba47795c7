"""What PostgreSQL or the operating system refused, as one sentence for the operator."""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path

from postgres_supervisor.errors import SupervisorError

ROOM_BYTES = 32_000_000  # two segments of the write-ahead log; with less a server does not start

_FULL = re.compile("No space left on device|Disk quota exceeded|File too large")
_TAKEN = re.compile(r'could not bind IPv4 address "(.*)": Address already in use')
_REFUSAL = re.compile("^lernbatch: (.*)$", re.MULTILINE)
_LABEL = re.compile(r"^.*?\b(?:FATAL|PANIC|ERROR|LOG|HINT|DETAIL|error|hint|detail):\s+")


def failure(what: str, told: str, folder: Path) -> SupervisorError:
    """`told` is the output of a program of PostgreSQL that failed, and `folder` is where it writes."""
    if refusal := refused(told):
        return SupervisorError(f"{what}: {refusal}")
    room = os.statvfs(folder)
    # On a full disk the log stays empty, too.
    if _FULL.search(told) or ("FATAL" not in told and room.f_bavail * room.f_frsize < ROOM_BYTES):
        return SupervisorError(
            f"{what}: the disk of {folder} is full (or a quota or file size limit is reached), make room."
        )
    if taken := _TAKEN.search(told):
        return SupervisorError(f"{what}: the port is taken by another program on {taken[1]}, choose another port.")
    return SupervisorError(f"{what}: {compact(told) or 'it gave no reason'}.")


def refused(told: str) -> str | None:
    """The sentence of unprivileged.py, if it is that which failed."""
    refusal = _REFUSAL.search(told)
    return refusal[1] if refusal else None


def compact(told: str) -> str:
    """The last lines, without dates and levels."""
    lines = [_LABEL.sub("", line.strip()).rstrip(".") for line in told.splitlines() if line.strip()]
    return "; ".join(lines[-3:])[-600:]


@contextlib.contextmanager
def explained(home: Path) -> Iterator[None]:
    """The operating system's refusals around our own files."""
    try:
        yield
    except OSError as error:
        where = error.filename or home
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise SupervisorError(f"The disk of {home} is full (or a quota is reached): make room.") from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise SupervisorError(
                f"{where} is not open to the user {os.geteuid()} ({error.strerror}): "
                f"give this user the right to it, or choose another folder than {home}."
            ) from error
        raise SupervisorError(
            f"{where} cannot be used ({error.strerror}): choose another folder than {home}."
        ) from error
