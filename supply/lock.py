"""Reads a lock: packages with their versions and hashes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_PINNED = re.compile(r"^([a-z0-9][a-z0-9-]*)==([^\s;\\]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True)
class Package:
    """A package as it is pinned; `hashes`: SHA-256 of each file that may be installed."""

    name: str
    version: str
    hashes: tuple[str, ...]


def read(lock: Path) -> list[Package]:
    """All packages of a lock in its order; one that is pinned for several Pythons stands for each."""
    packages: list[Package] = []
    for line in lock.read_text(encoding="utf-8").splitlines():
        if pinned := _PINNED.match(line):
            packages.append(Package(pinned[1], pinned[2], ()))
        elif found := _HASH.findall(line):
            last = packages[-1]
            packages[-1] = Package(last.name, last.version, (*last.hashes, *found))
    return packages
