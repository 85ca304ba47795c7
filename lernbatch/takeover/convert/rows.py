"""One source row by itself: what can be said before the other rows of its learner are there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import msgspec

from lernbatch.progress.model import COMPLETED, ContentState
from lernbatch.sunbird_source.catalog import ARCHIVE, BATCH_INDEX, CERTIFICATE, JOB_REQUEST
from lernbatch.sunbird_source.model import SourceRow
from lernbatch.takeover.convert.model import (
    ConvertOptions,
    Fate,
    HeldRow,
    MoveProblem,
    Note,
    RowResult,
    Staged,
    StagedAggregate,
    StagedAttempt,
    StagedCertificate,
    StagedEnrolment,
    StagedState,
)
from lernbatch.takeover.convert.values import (
    LARGEST,
    LONGEST_KEY,
    cleaned,
    date_ms,
    held_to,
    integer,
    is_absent,
    iso,
    mapping,
    number,
    parsed,
    text,
    total,
    words_ms,
)

# Batch id → its course, of the batches that will be in the target; None: rows of two courses want the id.
Courses: TypeAlias = Mapping[str, str | None]
DAY_MS = 86_400_000
TOLERANCE = 0.005  # of sums of marks: stored ones were rounded now and then
RUNNING = ("SUBMITTED", "PROCESSING")
BULK_DONE = 3
_encode = msgspec.json.Encoder().encode


def convert_row(row: SourceRow, options: ConvertOptions, courses: Courses) -> RowResult:
    """What `row` is by itself. Rows of batches are not for this function: they need each other."""
    read = _READERS.get(row.table)
    if read is None:
        return RowResult(fate=Fate.DERIVED)
    result = read(row, options, courses)
    if result.staged is not None:
        if _key_length(result.user_id, result.staged) > LONGEST_KEY:
            return unreadable(row, f"its ids have more than {LONGEST_KEY} characters together")
        if "\0" in result.user_id:  # encoded() says so
            result.user_id = cleaned(result.user_id)[0]
    return result


def _key_length(user_id: str, staged: Staged) -> int:
    """How long that is which an index of ours must hold."""
    length = len(user_id) + len(staged.batch_id) + len(staged.course_id)
    if isinstance(staged, StagedState):
        return length + len(staged.content_id)
    if isinstance(staged, StagedEnrolment):
        return max(length, len(staged.added_by or ""))
    if isinstance(staged, StagedAttempt):
        return length + len(staged.content_id) + len(staged.attempt_id)
    if isinstance(staged, StagedCertificate):
        return length + len(staged.certificate_id)
    names = [*staged.figures, *(content_id + attempt_id for content_id, attempt_id, *_ in staged.details)]
    return length + max(map(len, names), default=0)


def encoded(staged: Staged) -> bytes:
    """`staged` as JSON; what PostgreSQL cannot store of it is replaced, which is noted."""
    try:
        body = _encode(staged)
        if b"u0000" not in body:
            return body
        builtins = msgspec.json.decode(body)
    except UnicodeEncodeError:
        builtins = msgspec.to_builtins(staged)
    clean, changed = cleaned(builtins)
    again: Staged = msgspec.convert(clean, type(staged))
    if changed and not isinstance(again, StagedAggregate):
        again.notes.append(("text-nul", {}))
    return _encode(again)


def unreadable(row: SourceRow, reason: str) -> RowResult:
    """A row that does not say what it is about, or not as anything can keep it."""
    problem = MoveProblem("row-unreadable", (row.table,), {"place": row.place, "reason": reason})
    return RowResult("", None, Fate.HELD, [problem], [HeldRow("row-unreadable", row.table, (row.table,), row.values)])


def _dated(values: Mapping[str, Any], new: str, old: str, notes: list[Note]) -> int | None:
    """A date of the timestamp column, else of the text; nonsense and disagreement are noted."""
    stamp, said = values.get(new), values.get(old)
    if stamp is None and said is None:
        return None
    at = None
    if not is_absent(stamp):
        at = date_ms(stamp)
        if at is None:
            notes.append(("state-date-unreadable", {"column": new}))
    if is_absent(said):
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


def _state(row: SourceRow, options: ConvertOptions, courses: Courses) -> RowResult:
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
        _raw(row, batch_id, course_id, courses),
    )  # fmt: skip
    return RowResult(options.plain_id(spelled), staged)


def _raw(row: SourceRow, batch_id: str, course_id: str, courses: Courses) -> Any:
    """The row itself, where it will be held."""
    return None if courses.get(batch_id) == course_id else msgspec.to_builtins(row.values)


def _enrolment(row: SourceRow, options: ConvertOptions, courses: Courses) -> RowResult:
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
        raw=_raw(row, batch_id, course_id, courses),
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


def _attempt(row: SourceRow, options: ConvertOptions, courses: Courses) -> RowResult:
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
        raw=_raw(row, batch_id, course_id, courses),
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
    return [{str(key): text(one) or "" for key, one in entry.items()} for entry in listed if isinstance(entry, dict)]


def _aggregate(row: SourceRow, options: ConvertOptions, courses: Courses) -> RowResult:
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


def _certreg(row: SourceRow, options: ConvertOptions, _: Courses) -> RowResult:
    """A row of the old registry; what it is about stands in texts that are JSON, or are not."""
    values = row.values
    certificate_id = text(values.get("id"))
    if not certificate_id:
        return unreadable(row, "it has no id")
    related, recipient = _object(values.get("related")), _object(values.get("recipient"))
    data = _object(values.get("data"))
    batch_id, course_id = text(related.get("batchId")), text(related.get("courseId"))
    user_id = text(recipient.get("id")) or text(_object(data.get("recipient")).get("id"))
    if not (batch_id and course_id and user_id):
        return _unrelated(row, certificate_id)
    created = date_ms(values.get("createdat"))
    staged = StagedCertificate(
        certificate_id=certificate_id,
        batch_id=options.batch_id(course_id, batch_id),
        course_id=course_id,
        source="certreg",
        name=text(_object(data.get("badge")).get("name")) or "",
        is_active=values.get("isrevoked") is not True,
        reason=text(values.get("reason")),
        token=text(values.get("accesscode")) or "",
        template_url="",
        issued_ms=created if created is not None else date_ms(data.get("issuedOn")),
        record=_record(values),
        notes=[],
    )
    return RowResult(options.plain_id(user_id), staged)


def _registry(row: SourceRow, options: ConvertOptions, _: Courses) -> RowResult:
    """An entity of the registry that replaced it."""
    values = row.values
    certificate_id = text(values.get("osid"))
    if not certificate_id:
        return unreadable(row, "it has no osid")
    training, recipient = mapping(values.get("training")), mapping(values.get("recipient"))
    batch_id, course_id = text(training.get("batchId")), text(training.get("id"))
    user_id = text(recipient.get("id"))
    if not (batch_id and course_id and user_id):
        return _unrelated(row, certificate_id)
    created = date_ms(values.get("osCreatedAt"))
    status = text(values.get("status")) or "ACTIVE"
    staged = StagedCertificate(
        certificate_id=certificate_id,
        batch_id=options.batch_id(course_id, batch_id),
        course_id=course_id,
        source="registry",
        name=text(values.get("certificateLabel")) or "",
        is_active=status.upper() == "ACTIVE",
        reason=None,
        token="",
        template_url=text(values.get("templateUrl")) or "",
        issued_ms=created if created is not None else date_ms(values.get("osUpdatedAt")),
        record=_record(values),
        notes=[],
    )
    return RowResult(options.plain_id(user_id), staged)


def _record(values: Mapping[str, Any]) -> dict[str, Any]:
    """A record verbatim; what is a moment in the source is its text."""
    return {name: iso(value) if hasattr(value, "astimezone") else value for name, value in values.items()}


def _unrelated(row: SourceRow, certificate_id: str) -> RowResult:
    kind, key = "certificate-related-unreadable", (certificate_id,)
    return RowResult(
        "", None, Fate.HELD, [MoveProblem(kind, key)], [HeldRow(kind, row.table, key, _record(row.values))]
    )


def _object(value: Any) -> dict[str, Any]:
    """An object, or a text that is one in JSON; else an empty one."""
    if isinstance(value, str):
        try:
            value = parsed(value)
        except ValueError:
            return {}
    return mapping(value)


def _bulk(row: SourceRow, _options: ConvertOptions, _courses: Courses) -> RowResult:
    is_open = integer(row.values.get("status")) != BULK_DONE
    key = (text(row.values.get("id")) or "",)
    return RowResult(fate=Fate.DERIVED, problems=[MoveProblem("bulk-open", key)] if is_open else [])


def _batch_in_index(row: SourceRow, _options: ConvertOptions, courses: Courses) -> RowResult:
    """What the search index says of a batch follows from its row; where there is none, that is told."""
    values = row.values
    batch_id = text(values.get("batchId")) or text(values.get("identifier")) or text(values.get("id")) or ""
    is_known = not batch_id or batch_id in courses
    return RowResult(fate=Fate.DERIVED, problems=[] if is_known else [MoveProblem("batch-only-in-index", (batch_id,))])


def _job_request(row: SourceRow, _options: ConvertOptions, _courses: Courses) -> RowResult:
    is_open = (text(row.values.get("status")) or "").upper() in RUNNING
    key = (text(row.values.get("request_id")) or "",)
    return RowResult(fate=Fate.DERIVED, problems=[MoveProblem("exhaust-open", key)] if is_open else [])


_READERS: dict[str, Callable[[SourceRow, ConvertOptions, Courses], RowResult]] = {
    "user_enrolments": _enrolment,
    "user_courses": _enrolment,
    "user_content_consumption": _state,
    "content_consumption": _state,
    "assessment_aggregator": _attempt,
    ARCHIVE: _attempt,
    "user_activity_agg": _aggregate,
    "cert_registry": _certreg,
    CERTIFICATE: _registry,
    "bulk_upload_process": _bulk,
    JOB_REQUEST: _job_request,
    BATCH_INDEX: _batch_in_index,
}
