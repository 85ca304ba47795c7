"""One source row by itself: what can be said before the other rows of its learner are there."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from lernbatch.sunbird_source.catalog import ARCHIVE, BATCH_INDEX, CERTIFICATE, JOB_REQUEST
from lernbatch.sunbird_source.model import SourceRow
from lernbatch.takeover.convert.attempt_rows import aggregate_row, attempt_row
from lernbatch.takeover.convert.certificate_rows import certreg_row, registry_row
from lernbatch.takeover.convert.held import unreadable
from lernbatch.takeover.convert.learning_rows import enrolment_row, state_row
from lernbatch.takeover.convert.model import (
    BatchCourses,
    ConvertOptions,
    Fate,
    MoveProblem,
    RowResult,
    Staged,
    StagedAggregate,
    StagedAttempt,
    StagedCertificate,
    StagedEnrolment,
    StagedState,
)
from lernbatch.takeover.convert.values import (
    LONGEST_KEY,
    cleaned,
    integer,
    text,
)

RUNNING = ("SUBMITTED", "PROCESSING")
BULK_DONE = 3
_encode = msgspec.json.Encoder().encode


def convert_row(row: SourceRow, options: ConvertOptions, courses: BatchCourses) -> RowResult:
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


def _bulk(row: SourceRow, _options: ConvertOptions, _courses: BatchCourses) -> RowResult:
    is_open = integer(row.values.get("status")) != BULK_DONE
    key = (text(row.values.get("id")) or "",)
    return RowResult(fate=Fate.DERIVED, problems=[MoveProblem("bulk-open", key)] if is_open else [])


def _batch_in_index(row: SourceRow, _options: ConvertOptions, courses: BatchCourses) -> RowResult:
    """What the search index says of a batch follows from its row; where there is none, that is told."""
    values = row.values
    batch_id = text(values.get("batchId")) or text(values.get("identifier")) or text(values.get("id")) or ""
    is_known = not batch_id or batch_id in courses
    return RowResult(fate=Fate.DERIVED, problems=[] if is_known else [MoveProblem("batch-only-in-index", (batch_id,))])


def _job_request(row: SourceRow, _options: ConvertOptions, _courses: BatchCourses) -> RowResult:
    is_open = (text(row.values.get("status")) or "").upper() in RUNNING
    key = (text(row.values.get("request_id")) or "",)
    return RowResult(fate=Fate.DERIVED, problems=[MoveProblem("exhaust-open", key)] if is_open else [])


_READERS: dict[str, Callable[[SourceRow, ConvertOptions, BatchCourses], RowResult]] = {
    "user_enrolments": enrolment_row,
    "user_courses": enrolment_row,
    "user_content_consumption": state_row,
    "content_consumption": state_row,
    "assessment_aggregator": attempt_row,
    ARCHIVE: attempt_row,
    "user_activity_agg": aggregate_row,
    "cert_registry": certreg_row,
    CERTIFICATE: registry_row,
    "bulk_upload_process": _bulk,
    JOB_REQUEST: _job_request,
    BATCH_INDEX: _batch_in_index,
}
