"""Holds the locks against a stored list of advisories. It needs no network, and says how old the list is.

The list is kept by hand, since no package on the index carries a current one, and it is not complete: an empty answer
is no proof. What was written down from memory, and not read at its source, is told apart.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from supply import lock
from supply.lock import Package

LIST = Path(__file__).with_name("advisories.json")
OLD_DAYS = 90


@dataclass(frozen=True)
class Advisory:
    """`affected`: version specifiers, any of which is affected. `confirmed`: they were read at `source`."""

    id: str
    package: str
    affected: tuple[SpecifierSet, ...]
    source: str
    confirmed: bool


@dataclass(frozen=True)
class Advisories:
    """`compiled`: the day on which the list was last worked on."""

    compiled: date
    advisories: tuple[Advisory, ...]


def read(file: Path = LIST) -> Advisories:
    """The stored list."""
    stored = json.loads(file.read_text(encoding="utf-8"))
    entries = tuple(
        Advisory(
            one["id"],
            canonicalize_name(one["package"]),
            tuple(map(SpecifierSet, one["affected"])),
            one["source"],
            one["confirmed"],
        )
        for one in stored["advisories"]
    )
    return Advisories(date.fromisoformat(stored["compiled"]), entries)


def open_in(packages: Iterable[Package], advisories: Iterable[Advisory]) -> list[str]:
    """One sentence for each package that an advisory is about."""
    known = list(advisories)
    return [
        f"{package.name} {package.version} is affected by {advisory.id}: {advisory.source}"
        + ("" if advisory.confirmed else " (not confirmed)")
        for package in packages
        for advisory in known
        if advisory.package == package.name
        and any(versions.contains(package.version, prereleases=True) for versions in advisory.affected)
    ]


def main(locks: Sequence[str]) -> int:
    """Print what is open and how old the list is; 1 when anything is open."""
    known = read()
    packages = [package for name in locks for package in lock.read(Path(name))]
    complaints = list(dict.fromkeys(open_in(packages, known.advisories)))
    age = (datetime.now(UTC).date() - known.compiled).days
    confirmed = sum(advisory.confirmed for advisory in known.advisories)
    print(*complaints, sep="\n", end="\n" if complaints else "")
    count = len({(package.name, package.version) for package in packages})
    print(
        f"{count} pinned packages, {len(known.advisories)} advisories ({confirmed} confirmed): {len(complaints)} open."
        f" The list is of {known.compiled} ({age} days ago), kept by hand and not complete."
    )
    if age > OLD_DAYS:
        print("It is old: where there is a network, run `pip-audit -r requirements.lock`, and add what it names.")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
