"""SummaryRow of batches instead of rows of learners (contract jobs §6.1, §6.2, §6.4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from lernbatch.archive.model import Row
from lernbatch.batch.model import BatchStatus
from lernbatch.batch.rules import status_on
from lernbatch.course.model import Course
from lernbatch.report import cells
from lernbatch.report import columns as columns_of
from lernbatch.report.model import Report, ReportBatch

_STATUS = {BatchStatus.UPCOMING: "Upcoming", BatchStatus.ONGOING: "Ongoing", BatchStatus.ENDED: "Expired"}


class SummaryRow(NamedTuple):
    """A row of queries.sql, summary_rows. Texts are None where nobody is known."""

    batch_id: str
    state: str
    district: str
    enrolled: int
    completed: int
    certified: int
    org_name: str | None
    user_type: str | None
    user_sub_type: str | None


def summary(batches: Mapping[str, ReportBatch], courses: Mapping[str, Course], now: datetime) -> Report:
    """By batch, state and district. `courses` by batch id."""

    def expand(record: Sequence[Any]) -> Iterable[Row]:
        figures = SummaryRow._make(record)
        batch = batches[figures.batch_id]
        course = courses[batch.batch_id]
        return (
            (
                _joined(course.content.get("organisation")),
                course.name,
                course.status,
                _joined(course.content.get("keywords")),
                course.channel,
                _joined(batch.created_for),
                _joined(course.content.get("medium")),
                _joined(course.content.get("subject")),
                f"batch-{batch.batch_id}",
                course.course_id,
                batch.name,
                _iso(batch.start_date),
                _iso(batch.end_date),
                "Y" if batch.has_templates else "N",
                figures.state,
                figures.district,
                figures.enrolled,
                figures.completed,
                figures.certified,
                figures.org_name or "",
                figures.user_type or "",
                figures.user_sub_type or "",
                int(now.timestamp() * 1000),
            ),
        )

    return Report(columns_of.SUMMARY, expand)


def summary_by_state(batches: Mapping[str, ReportBatch], courses: Mapping[str, Course]) -> Report:
    """By batch and state. `courses` by batch id."""

    def expand(record: Sequence[Any]) -> Iterable[Row]:
        figures = SummaryRow._make(record)
        batch = batches[figures.batch_id]
        course = courses[batch.batch_id]
        return (
            (
                _joined(course.content.get("organisation")),
                f"batch-{batch.batch_id}",
                course.course_id,
                course.name,
                _iso(batch.start_date),
                _iso(batch.end_date),
                figures.state,
                figures.enrolled,
                figures.completed,
                "Y" if batch.has_templates else "N",
                figures.certified,
            ),
        )

    return Report(columns_of.SUMMARY_BY_STATE, expand)


def enrolments(batches: Mapping[str, ReportBatch], courses: Mapping[str, Course], today: date) -> Report:
    """By batch, those without learners too. `courses` by batch id."""

    def expand(record: Sequence[Any]) -> Iterable[Row]:
        figures = SummaryRow._make(record)
        batch = batches[figures.batch_id]
        status = _STATUS[status_on(today, batch.start_date, batch.end_date)]
        name = courses[batch.batch_id].name
        return ((f"{today:%d-%m-%Y}", name, batch.name, status, figures.enrolled, figures.completed),)

    return Report(columns_of.ENROLMENTS, expand)


def _joined(value: object) -> str:
    if isinstance(value, list | tuple):
        return ",".join(one for one in value if isinstance(one, str))
    return cells.texts(value)


def _iso(day: date | None) -> str:
    return "" if day is None else day.isoformat()
