"""Rows of content states and of enrolments, each by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lernbatch.progress.model import COMPLETED, ContentState
from lernbatch.sunbird_source.model import SourceRow
from lernbatch.takeover.convert.held import raw, unreadable
from lernbatch.takeover.convert.model import (
    BatchCourses,
    ConvertOptions,
    Note,
    RowResult,
    StagedEnrolment,
    StagedState,
)
from lernbatch.takeover.convert.values import (
    LARGEST,
    date_ms,
    held_to,
    integer,
    is_absent,
    mapping,
    parsed,
    text,
)

DAY_MS = 86_400_000


def state_row(row: SourceRow, options: ConvertOptions, courses: BatchCourses) -> RowResult:
    values = row.values
    spelled, course_id, batch_id = text(values.get("userid")), text(values.get("courseid")), text(values.get("batchid"))
    content_id = text(values.get("contentid"))
    if not (spelled and course_id and batch_id and content_id):
        return unreadable(row, "it has no learner, course, batch or content")
    batch_id = options.batch_id(course_id, batch_id)
    notes: list[Note] = []
    said = integer(values.get("status"))
    status = held_to(said or 0, 0, COMPLETED)
    is_clamped = said is not None and said != status
    progress = 100
    if status != COMPLETED:
        given = integer(values.get("progress"))
        if given is None:
            given = integer(values.get("completionpercentage"))
        progress = held_to(given or 0, 0, 100)
        is_clamped |= given is not None and given != progress
    views, completions = integer(values.get("viewcount")) or 0, integer(values.get("completedcount")) or 0
    is_clamped |= not (0 <= views <= LARGEST and 0 <= completions <= LARGEST)
    if is_clamped:
        notes.append(("state-value-clamped", {}))
    accessed = _dated(values, "last_access_time", "lastaccesstime", notes)
    completed = _dated(values, "last_completed_time", "lastcompletedtime", notes)
    updated = _dated(values, "last_updated_time", "lastupdatedtime", notes)
    if completed is None and status == COMPLETED:
        completed = accessed
    if updated is None:
        updated = date_ms(values.get("datetime"))
    if updated is None:
        updated = accessed if accessed is not None else completed
    details = None
    if written := text(values.get("progressdetails")):
        try:
            detail = parsed(written)
        except ValueError:
            detail = written
            notes.append(("details-unreadable", {}))
        details = (accessed if accessed is not None else updated or 0, detail)
    state = ContentState(
        status,
        progress,
        held_to(views, 1 if status else 0, LARGEST),
        held_to(completions, status // COMPLETED, LARGEST),
        accessed,
        completed,
        updated or 0,
        details,
    )
    staged = StagedState(
        batch_id, course_id, content_id, spelled, row.table == "content_consumption", state, notes,
        raw(row, batch_id, course_id, courses),
    )  # fmt: skip
    return RowResult(options.plain_id(spelled), staged)


def _dated(values: Mapping[str, Any], new: str, old: str, notes: list[Note]) -> int | None:
    """A date of the timestamp column, else of the text; nonsense and disagreement are noted."""
    stamp, said = values.get(new), values.get(old)
    at = None
    if stamp is not None and not is_absent(stamp):
        at = date_ms(stamp)
        if at is None:
            notes.append(("state-date-unreadable", {"column": new}))
    if said is None or is_absent(said):
        return at
    before = date_ms(said)
    if before is None:
        notes.append(("state-date-unreadable", {"column": old}))
        return at
    if at is None:
        return before
    if abs(at - before) > DAY_MS:
        notes.append(("dates-disagree", {"column": new}))
    return at


def enrolment_row(row: SourceRow, options: ConvertOptions, courses: BatchCourses) -> RowResult:
    values = row.values
    spelled, course_id, batch_id = text(values.get("userid")), text(values.get("courseid")), text(values.get("batchid"))
    if not (spelled and course_id and batch_id):
        return unreadable(row, "it has no learner, course or batch")
    batch_id = options.batch_id(course_id, batch_id)
    older = row.table == "user_courses"
    notes: list[Note] = []
    stamp, said = date_ms(values.get("enrolled_date")), date_ms(values.get("enrolleddate"))
    if stamp is None and said is not None and not older:
        notes.append(("enrolment-date-from-text", {}))
    if stamp is not None and said is not None and abs(stamp - said) > DAY_MS:
        notes.append(("dates-disagree", {"column": "enrolled_date"}))
    active = values.get("active")
    added_by = text(values.get("addedby"))
    staged = StagedEnrolment(
        batch_id=batch_id,
        course_id=course_id,
        spelled=spelled,
        older=older,
        active=active if isinstance(active, bool) else None,
        added_by=options.plain_id(added_by) if added_by else None,
        enrolled_ms=said if stamp is None else stamp,
        status=integer(values.get("status")),
        progress=integer(values.get("progress")),
        percentage=integer(values.get("completionpercentage")),
        completed_ms=date_ms(values.get("completedon")),
        written_ms=date_ms(values.get("datetime")),
        in_map=_in_map(values),
        last_read_content_id=text(values.get("lastreadcontentid")),
        last_read_status=integer(values.get("lastreadcontentstatus")),
        last_access_ms=date_ms(values.get("lastcontentaccesstime")),
        issued=_entries(values.get("issued_certificates")),
        certificates=_entries(values.get("certificates")),
        notes=notes,
        raw=raw(row, batch_id, course_id, courses),
    )
    return RowResult(options.plain_id(spelled), staged)


def _in_map(values: Mapping[str, Any]) -> dict[str, int]:
    """Content → status by the maps of the enrolment, the highest over languages; those that are begun."""
    by_language = [entry for entry in mapping(values.get("lang_contentstatus")).values() if isinstance(entry, dict)]
    statuses: dict[str, int] = {}
    for entries in (mapping(values.get("contentstatus")), *by_language):
        for content_id, status in entries.items():
            whole = held_to(integer(status) or 0, 0, COMPLETED)
            if whole > statuses.get(content_id, 0):
                statuses[content_id] = whole
    return statuses


def _entries(value: Any) -> list[dict[str, str]]:
    """The certificates that a row lists."""
    listed = value if isinstance(value, list) else []
    return [
        {name: entry for name, entry in row.items() if isinstance(entry, str)}
        for row in listed
        if isinstance(row, dict)
    ]
