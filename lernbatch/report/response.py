"""The response exhaust (contract jobs §5.8): a row a question, of all attempts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from lernbatch.archive.model import Row
from lernbatch.course.model import Course
from lernbatch.report import cells
from lernbatch.report.model import ReportBatch, ReportTable

COLUMNS = (
    "Collection Id",
    "Collection Name",
    "Batch Id",
    "Batch Name",
    "User UUID",
    "QuestionSet Id",
    "QuestionSet Title",
    "Attempt Id",
    "Attempted On",
    "Question Id",
    "Question Type",
    "Question Title",
    "Question Description",
    "Question Duration",
    "Question Score",
    "Question Max Score",
    "Question Options",
    "Question Response",
)


_NO_QUESTION: Row = ("", "", "", "", None, None, None, "", "")


class ResponseRow(NamedTuple):
    """A row of queries.sql, response_rows."""

    user_id: str
    content_id: str
    attempt_id: str
    attempted_ms: int
    questions: list[dict[str, Any]]


def response(course: Course, batch: ReportBatch, titles: Mapping[str, str], zone: ZoneInfo) -> ReportTable:
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
        return [(*start, *question_cells(question)) for question in attempt.questions] or [(*start, *_NO_QUESTION)]

    return ReportTable(tuple(COLUMNS), expand)


def question_cells(question: Mapping[str, Any]) -> Row:
    """The cells of one question of an attempt, as states keep it; what it lacks is empty."""
    return (
        cells.texts(question.get("id")),
        cells.texts(question.get("type")),
        cells.texts(question.get("title")),
        cells.texts(question.get("description")),
        cells.whole(question.get("duration")),
        cells.decimal(question.get("score")),
        cells.decimal(question.get("max_score")),
        cells.question_options(question.get("params")),
        cells.question_options(question.get("resvalues")),
    )
