"""Processor time: what a measurement costs, whoever else uses the machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil


@contextmanager
def spent(home: Path, service: psutil.Process | None) -> Iterator[dict[str, float]]:
    """Seconds that `service` and PostgreSQL use in the block; filled when it ends."""
    before = _service(service), _database(home)
    seconds: dict[str, float] = {}
    yield seconds
    seconds.update(service=_service(service) - before[0], database=_database(home) - before[1])


def _service(process: psutil.Process | None) -> float:
    if process is None:
        return 0.0
    return sum(_own(one) for one in [process, *process.children(recursive=True)])


def _database(home: Path) -> float:
    """Of the embedded PostgreSQL of `home`, connections that are closed included."""
    server = psutil.Process(int((home / "postgres/data/postmaster.pid").read_text(encoding="utf-8").split()[0]))
    living = sum(_own(one) for one in server.children())
    return float(sum(server.cpu_times()[:4]) + living)


def _own(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:  # a child of the server that ended meanwhile; what it took is in the server's count
        return 0.0
    return float(times.user + times.system)
