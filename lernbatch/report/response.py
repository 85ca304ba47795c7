"""The response exhaust (contract jobs §5.8): a row a question, of all attempts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from lernbatch.archive.model import Row
from lernbatch.course.model import Course
from lernbatch.report import cells
from lernbatch.report import columns as columns_of
from lernbatch.report.model import Report, ReportBatch

_NO_QUESTION: Row = ("", "", "", "", None, None, None, "", "")


class ResponseRow(NamedTuple):
    """A row of queries.sql, response_rows."""

    user_id: str
    content_id: str
    attempt_id: str
    attempted_ms: int
    questions: list[dict[str, Any]]


def response(course: Course, batch: ReportBatch, titles: Mapping[str, str], zone: ZoneInfo) -> Report:
    """The response exhaust: a row a question, of all attempts. `titles` of question sets by id."""
    head = (course.course_id, course.name, f"BatchId_{batch.batch_id}", batch.name)

    def expand(record: Sequence[Any]) -> Iterable[Row]:
        attempt = ResponseRow._make(record)
        start = (
            *head,
            attempt.user_id,
            attempt.content_id,
            titles.get(attempt.content_id, ""),
            attempt.attempt_id,
            cells.instant(attempt.attempted_ms, zone),
        )
        return [(*start, *_question(question)) for question in attempt.questions] or [(*start, *_NO_QUESTION)]

    return Report(tuple(columns_of.RESPONSE), expand)


def _question(question: Mapping[str, Any]) -> Row:
    return (
        cells.texts(question.get("id")),
        cells.texts(question.get("type")),
        cells.texts(question.get("title")),
        cells.texts(question.get("description")),
        cells.whole(question.get("duration")),
        cells.decimal(question.get("score")),
        cells.decimal(question.get("max_score")),
        cells.options(question.get("params")),
        cells.options(question.get("resvalues")),
    )
