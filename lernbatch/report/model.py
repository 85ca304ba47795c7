"""The nouns of reports: datasets, filters, the batches they tell of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from lernbatch.archive.model import Row


class Dataset(StrEnum):
    """What is reported; the names are the platform's."""

    PROGRESS = "progress-exhaust"
    USER_INFO = "userinfo-exhaust"
    RESPONSE = "response-exhaust"
    # Reports beside the three exhausts (contract jobs §6.1 to §6.4); their names are ours.
    SUMMARY = "collection-summary-report-v2"
    SUMMARY_BY_STATE = "collection-summary-report"
    ENROLMENTS = "course-enrollment-report"
    COURSE_PROGRESS = "course-progress-report"
    ASSESSMENT = "assessment-report"

    @property
    def short(self) -> str:
        """As it stands in file names: progress, userinfo, response."""
        return self.value.removesuffix("-exhaust")

    @property
    def spans_batches(self) -> bool:
        """One file tells of all the batches, rather than one of each."""
        return self in (Dataset.SUMMARY, Dataset.SUMMARY_BY_STATE, Dataset.ENROLMENTS)

    @property
    def is_personal(self) -> bool:
        """It can hold names, e-mail addresses and phone numbers."""
        return self in (Dataset.USER_INFO, Dataset.COURSE_PROGRESS, Dataset.ASSESSMENT)


@dataclass(frozen=True, slots=True)
class Filters:
    """Which learners a report shows; None: whoever, empty: nobody. `statuses`: 0, 1, 2 of the enrolment."""

    organisation_ids: tuple[str, ...] | None = None
    districts: tuple[str, ...] | None = None
    blocks: tuple[str, ...] | None = None
    statuses: tuple[int, ...] | None = None
    user_ids: tuple[str, ...] | None = None
    added_by: str | None = None
    changed_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class ReportBatch:
    """A batch, as a report needs it."""

    batch_id: str
    course_id: str
    name: str
    created_by: str | None
    created_for: list[str]
    mentors: list[str]
    start_date: date
    end_date: date | None
    course_version: str | None = None  # the publication of the course it is held to; None: the newest
    has_templates: bool = False


# Raised when a cell is computed otherwise than before; manifests name it.
RULES_VERSION = "2"


@dataclass(frozen=True, slots=True)
class Report:
    """`expand` makes a report's rows of one row of the database, given by position."""

    columns: tuple[str, ...]
    expand: Callable[[Sequence[Any]], Iterable[Row]]
