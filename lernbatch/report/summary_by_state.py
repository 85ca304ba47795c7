"""The older summary (contract jobs §6.2): a batch and a state a row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lernbatch.archive.model import Row
from lernbatch.course.model import Course
from lernbatch.report.cells import iso_day, joined
from lernbatch.report.model import ReportBatch, ReportTable, SummaryRow

COLUMNS = (
    "Published by",
    "Batch id",
    "Collection id",
    "Collection name",
    "Batch start date",
    "Batch end date",
    "State",
    "Total enrolments By State",
    "Total completion By State",
    "Has certificate",
    "Total Certificate issued by State",
)


def summary_by_state(batches: Mapping[str, ReportBatch], courses: Mapping[str, Course]) -> ReportTable:
    """The report of `batches`; `batches` and `courses` by batch id."""

    def expand(record: Sequence[Any]) -> Iterable[Row]:
        row = SummaryRow._make(record)
        batch = batches[row.batch_id]
        course = courses[batch.batch_id]
        return (
            (
                joined(course.content.get("organisation")),
                f"batch-{batch.batch_id}",
                course.course_id,
                course.name,
                iso_day(batch.start_date),
                iso_day(batch.end_date),
                row.state,
                row.enrolled,
                row.completed,
                "Y" if batch.has_templates else "N",
                row.certified,
            ),
        )

    return ReportTable(COLUMNS, expand)
