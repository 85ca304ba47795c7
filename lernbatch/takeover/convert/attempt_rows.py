"""Rows of attempts, and of the aggregates that were made of them, each by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lernbatch.sunbird_source.catalog import ARCHIVE
from lernbatch.sunbird_source.model import SourceRow
from lernbatch.takeover.convert.held import raw, unreadable
from lernbatch.takeover.convert.model import (
    TOLERANCE,
    BatchCourses,
    ConvertOptions,
    Fate,
    Note,
    RowResult,
    StagedAggregate,
    StagedAttempt,
)
from lernbatch.takeover.convert.values import (
    date_ms,
    mapping,
    number,
    parsed,
    text,
    total,
    words_ms,
)


def attempt_row(row: SourceRow, options: ConvertOptions, courses: BatchCourses) -> RowResult:
    values = row.values
    spelled, course_id = text(values.get("user_id")), text(values.get("course_id"))
    batch_id, content_id = text(values.get("batch_id")), text(values.get("content_id"))
    attempt_id = text(values.get("attempt_id"))
    if not (spelled and course_id and batch_id and content_id and attempt_id):
        return unreadable(row, "it has no learner, course, batch, content or attempt")
    batch_id = options.batch_id(course_id, batch_id)
    notes: list[Note] = []
    times = {name: date_ms(values.get(name)) for name in ("last_attempted_on", "updated_on", "created_on")}
    taken_from, attempted = next(((name, at) for name, at in times.items() if at is not None), (None, None))
    if taken_from not in ("last_attempted_on", None):
        notes.append(("attempt-without-date", {"taken_from": taken_from}))
    score, of = number(values.get("total_score")), number(values.get("total_max_score"))
    if score is None or of is None:
        written = total(values.get("grand_total"))
        score = score if score is not None else written[0] if written else 0.0
        of = of if of is not None else written[1] if written else 0.0
        notes.append(("attempt-score-from-text", {}))
    listed = values.get("question")
    questions = [_question(entry) for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    marks = sum(question["score"] for question in questions)
    if questions and abs(marks - score) > TOLERANCE:
        notes.append(("attempt-total-differs", {"stored": score, "reckoned": marks}))
    if row.rounded:
        notes.append(("score-rounded", {}))
    staged = StagedAttempt(
        batch_id=batch_id,
        course_id=course_id,
        content_id=content_id,
        attempt_id=attempt_id,
        spelled=spelled,
        archived=row.table == ARCHIVE,
        attempted_ms=attempted,
        score=score,
        max_score=of,
        questions=questions,
        created_ms=times["created_on"],
        updated_ms=times["updated_on"],
        notes=notes,
        raw=raw(row, batch_id, course_id, courses),
    )
    return RowResult(options.plain_id(spelled), staged)


def _question(entry: Mapping[str, Any]) -> dict[str, Any]:
    """An answer as `assessment.model.Question` has it; a description that is null stays null."""
    description = entry.get("description")
    return {
        "id": text(entry.get("id")) or "",
        "assess_ts": date_ms(entry.get("assess_ts")) or 0,
        "max_score": number(entry.get("max_score")) or 0.0,
        "score": number(entry.get("score")) or 0.0,
        "type": text(entry.get("type")) or "",
        "title": text(entry.get("title")) or "",
        "resvalues": _text_maps(entry.get("resvalues")),
        "params": _text_maps(entry.get("params")),
        "description": description if isinstance(description, str) else None,
        "duration": number(entry.get("duration")) or 0.0,
    }


def _text_maps(value: Any) -> list[dict[str, str]]:
    listed = value if isinstance(value, list) else []
    return [
        {str(key): text(value) or "" for key, value in entry.items()} for entry in listed if isinstance(entry, dict)
    ]


def aggregate_row(row: SourceRow, options: ConvertOptions, courses: BatchCourses) -> RowResult:
    values = row.values
    spelled, course_id = text(values.get("user_id")), text(values.get("activity_id"))
    context = text(values.get("context_id")) or ""
    is_course = (text(values.get("activity_type")) or "").lower() == "course"
    if not (spelled and course_id and is_course and context.startswith("cb:")):
        return RowResult(fate=Fate.DERIVED)
    batch_id = options.batch_id(course_id, context.removeprefix("cb:"))
    if courses.get(batch_id, "") not in (course_id, None):
        return RowResult(fate=Fate.DERIVED)
    figures = {
        str(name): figure
        for name, value in {**mapping(values.get("agg")), **mapping(values.get("aggregates"))}.items()
        if (figure := number(value)) is not None
    }
    times = {
        str(name): at
        for name, value in mapping(values.get("agg_last_updated")).items()
        if (at := date_ms(value)) is not None
    }
    listed = values.get("agg_details")
    details = [detail for entry in listed if (detail := _detail(entry, options))] if isinstance(listed, list) else []
    return RowResult(options.plain_id(spelled), StagedAggregate(batch_id, course_id, spelled, figures, times, details))


def _detail(entry: Any, options: ConvertOptions) -> tuple[str, str, float, float, int | None] | None:
    """An attempt as an aggregate lists it, of JSON."""
    try:
        said = mapping(parsed(entry) if isinstance(entry, str) else entry)
    except ValueError:
        return None
    content_id, attempt_id = text(said.get("content_id")), text(said.get("attempt_id"))
    score = number(said.get("score"))
    if not content_id or not attempt_id or score is None:
        return None
    when = words_ms(said.get("last_attempted_on"), options.job_zone)
    return content_id, attempt_id, score, number(said.get("max_score")) or 0.0, when
