"""The summary of batches (contract jobs §6.1): a batch, a state and a district a row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from lernbatch.archive.model import Row
from lernbatch.course.model import Course
from lernbatch.report.cells import iso_day, joined
from lernbatch.report.model import ReportBatch, ReportTable, SummaryRow

COLUMNS = (
    "contentorg",
    "collectionname",
    "contentstatus",
    "keywords",
    "channel",
    "createdfor",
    "medium",
    "subject",
    "batchid",
    "courseid",
    "batchname",
    "startdate",
    "enddate",
    "hascertified",
    "state",
    "district",
    "enrolleduserscount",
    "completionuserscount",
    "certificateissuedcount",
    "orgname",
    "usertype",
    "usersubtype",
    "timestamp",
)


def summary(batches: Mapping[str, ReportBatch], courses: Mapping[str, Course], now: datetime) -> ReportTable:
    """The report of `batches`; `batches` and `courses` by batch id. `now` is its timestamp column."""

    def expand(record: Sequence[Any]) -> Iterable[Row]:
        row = SummaryRow._make(record)
        batch = batches[row.batch_id]
        course = courses[batch.batch_id]
        return (
            (
                joined(course.content.get("organisation")),
                course.name,
                course.status,
                joined(course.content.get("keywords")),
                course.channel,
                joined(batch.created_for),
                joined(course.content.get("medium")),
                joined(course.content.get("subject")),
                f"batch-{batch.batch_id}",
                course.course_id,
                batch.name,
                iso_day(batch.start_date),
                iso_day(batch.end_date),
                "Y" if batch.has_templates else "N",
                row.state,
                row.district,
                row.enrolled,
                row.completed,
                row.certified,
                row.org_name or "",
                row.user_type or "",
                row.user_sub_type or "",
                int(now.timestamp() * 1000),
            ),
        )

    return ReportTable(COLUMNS, expand)
