"""Enrolments and completions of each batch (contract jobs §6.4), batches without learners too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from lernbatch.archive.model import Row
from lernbatch.batch.model import BatchStatus
from lernbatch.batch.rules import status_on
from lernbatch.course.model import Course
from lernbatch.report.model import ReportBatch, ReportTable, SummaryRow

COLUMNS = (
    "Date",
    "Course Name",
    "Batch Name",
    "Status",
    "Enrollment Count",
    "Completion Count",
)


_STATUS = {BatchStatus.UPCOMING: "Upcoming", BatchStatus.ONGOING: "Ongoing", BatchStatus.ENDED: "Expired"}


def enrolments(batches: Mapping[str, ReportBatch], courses: Mapping[str, Course], today: date) -> ReportTable:
    """The report of `batches`; `batches` and `courses` by batch id. `today` decides the status column."""

    def expand(record: Sequence[Any]) -> Iterable[Row]:
        row = SummaryRow._make(record)
        batch = batches[row.batch_id]
        status = _STATUS[status_on(today, batch.start_date, batch.end_date)]
        name = courses[batch.batch_id].name
        return ((f"{today:%d-%m-%Y}", name, batch.name, status, row.enrolled, row.completed),)

    return ReportTable(COLUMNS, expand)
