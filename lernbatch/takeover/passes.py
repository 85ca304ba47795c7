"""The nouns of a pass over a source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from lernbatch.course.model import Course
from lernbatch.progress.model import COMPLETED
from lernbatch.sealing import Seal
from lernbatch.services import Services
from lernbatch.sunbird_source.model import SunbirdSource
from lernbatch.takeover.convert.model import BatchFacts, Converted, ConvertOptions
from lernbatch.takeover.database import Tables

BYTES_AT_ONCE = 4 * 1024 * 1024  # of staged rows that are built in one transaction; a learner may have more
Watch = Callable[[str, int, int | None], None]  # what is done, how much of it, of how much (None: nobody knows)


@dataclass(slots=True)
class PassCounts:
    """What a part of a pass counted. `fates`: (table, fate) → rows; `dropped`: (table, column) → values."""

    rows: Counter[str] = field(default_factory=Counter)
    fates: Counter[tuple[str, str]] = field(default_factory=Counter)
    dropped: Counter[tuple[str, str]] = field(default_factory=Counter)
    active: Counter[tuple[str, str]] = field(default_factory=Counter)  # (course, batch), of ids that are there twice
    by_source: Counter[tuple[int, str]] = field(default_factory=Counter)  # (place of the source, table) → rows
    built: Counter[str] = field(default_factory=Counter)  # enrolments, written, unchanged …

    def as_json(self) -> dict[str, Any]:
        return {name: [[key, count] for key, count in getattr(self, name).items()] for name in self.__slots__}

    def add_json(self, counts: Mapping[str, Any]) -> None:
        for name in self.__slots__:
            for key, count in counts.get(name, ()):
                getattr(self, name)[tuple(key) if isinstance(key, list) else key] += count

    def add(self, other: PassCounts) -> None:
        self.add_json(other.as_json())

    def add_converted(self, converted: Converted) -> None:
        """What learners became."""
        for (table, fate), rows in converted.fates.items():
            self.fates[table, fate] += rows
        self.built["learners"] += len({enrolment.user_id for enrolment in converted.enrolments})
        self.built["enrolment"] += len(converted.enrolments)
        self.built["enrolment_active"] += sum(enrolment.active for enrolment in converted.enrolments)
        self.built["content_state"] += sum(len(enrolment.states) for enrolment in converted.enrolments)
        self.built["completed"] += sum(enrolment.status == COMPLETED for enrolment in converted.enrolments)
        self.built["attempt"] += len(converted.attempts)
        self.built["imported_certificate"] += len(converted.certificates)


@dataclass(slots=True)
class Pass:
    """One pass over sources. `owner`: of the lease, None where nothing is written; `unknown`: courses that the content
    service does not know; `unread`: courses that it could not be asked for.
    """

    services: Services
    tables: Tables
    command: str
    sources: Sequence[SunbirdSource]
    options: ConvertOptions
    seal: Seal
    owner: str | None
    watch: Watch
    facts: dict[str, BatchFacts] = field(default_factory=dict)
    trees: dict[str, Course | None] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    unread: set[str] = field(default_factory=set)
    zones: Counter[str] = field(default_factory=Counter)
    counts: PassCounts = field(default_factory=PassCounts)
    bytes_at_once: int = BYTES_AT_ONCE
    removes_vanished: bool = False  # what the source has not any more is taken out of the target
    removed: list[tuple[str, str]] = field(default_factory=list)  # learner and batch


@dataclass(frozen=True, slots=True)
class StoredPass:
    """A pass as it was noted."""

    pass_id: int
    command: str
    sources: list[str]
    options: Mapping[str, Any]
    began_at: datetime
    ended_at: datetime | None
    counts: Mapping[str, Any]
