"""From rows of ours to rows of the source, in every column that it has (migration §7, M44)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, tzinfo
from typing import Any

import msgspec

from lernbatch.takeover.convert.batches import PARSED_FIELDS
from lernbatch.takeover.convert.model import ConvertedAttempt, ConvertedBatch, ConvertedEnrolment
from lernbatch.takeover.convert.values import moment

Values = dict[str, Any]


def batch_row(batch: ConvertedBatch, zone: tzinfo) -> Values:
    """A row of `course_batch`: each date as timestamp and as text, a last day at its last millisecond."""
    return {
        "courseid": batch.course_id,
        "batchid": batch.batch_id,
        "name": batch.name,
        "description": batch.description,
        "enrollmenttype": batch.enrolment_type,
        "createdby": batch.created_by,
        "createdfor": batch.created_for or None,
        "mentors": batch.mentors or None,
        "status": batch.status,
        "start_date": datetime.combine(batch.start_date, time(), zone).astimezone(UTC),
        "startdate": batch.start_date.isoformat(),
        "end_date": _last_moment(batch.end_date, zone),
        "enddate": _day(batch.end_date),
        "enrollment_enddate": _last_moment(batch.enrolment_end_date, zone),
        "enrollmentenddate": _day(batch.enrolment_end_date),
        "created_date": batch.created_at,
        "createddate": _old(batch.created_at),
        "updated_date": batch.updated_at,
        "updateddate": _old(batch.updated_at),
        "cert_templates": {
            template_id: {
                name: member if isinstance(member, str) else msgspec.json.encode(member).decode()
                for name, member in _unparsed(template).items()
            }
            for template_id, template in batch.templates.items()
        }
        or None,
    }


def _unparsed(template: Mapping[str, Any]) -> dict[str, Any]:
    """The members of a template; a text that is JSON by chance is made one that reads as that text again."""
    members = dict(template)
    for name in PARSED_FIELDS:
        if isinstance(member := members.get(name), str):
            try:
                msgspec.json.decode(member)
            except msgspec.DecodeError:
                continue
            members[name] = msgspec.json.encode(member).decode()
    return members


def enrolment_row(enrolment: ConvertedEnrolment) -> Values:
    """A row of `user_enrolments`."""
    return {
        "userid": enrolment.user_id,
        "courseid": enrolment.course_id,
        "batchid": enrolment.batch_id,
        "active": enrolment.active,
        "addedby": enrolment.added_by,
        "status": enrolment.status,
        "progress": enrolment.progress,
        "completionpercentage": enrolment.percentage,
        "completedon": enrolment.completed_at,
        "enrolled_date": enrolment.enrolled_at,
        "enrolleddate": _old(enrolment.enrolled_at),
        "datetime": enrolment.updated_at,
        "contentstatus": {content_id: state.status for content_id, state in enrolment.states.items()} or None,
        "lastreadcontentid": enrolment.last_read_content_id,
        "lastreadcontentstatus": enrolment.last_read_content_status,
        "lastcontentaccesstime": enrolment.last_access_at,
        "issued_certificates": [
            {name: value for name, value in entry.items() if isinstance(value, str)} for entry in enrolment.certificates
        ]
        or None,
    }


def state_rows(enrolment: ConvertedEnrolment) -> list[Values]:
    """Rows of `user_content_consumption`."""
    rows = []
    for content_id, state in sorted(enrolment.states.items()):
        accessed, completed = _moment(state.last_access_ms), _moment(state.last_completed_ms)
        updated = moment(state.last_updated_ms)
        rows.append(
            {
                "userid": enrolment.user_id,
                "courseid": enrolment.course_id,
                "batchid": enrolment.batch_id,
                "contentid": content_id,
                "status": state.status,
                "progress": state.progress,
                "viewcount": state.views,
                "completedcount": state.completions,
                "datetime": updated,
                "last_access_time": accessed,
                "lastaccesstime": _old(accessed),
                "last_completed_time": completed,
                "lastcompletedtime": _old(completed),
                "last_updated_time": updated,
                "lastupdatedtime": _old(updated),
                "progressdetails": None if state.details is None else _details(state.details[1]),
            }
        )
    return rows


def _details(value: Any) -> str:
    """What a player said, as JSON; what was no JSON before is not now."""
    if isinstance(value, str):
        try:
            msgspec.json.decode(value)
        except msgspec.DecodeError:
            return value
    return msgspec.json.encode(value).decode()


def attempt_row(attempt: ConvertedAttempt) -> Values:
    """A row of `assessment_aggregator`."""
    return {
        "user_id": attempt.user_id,
        "course_id": attempt.course_id,
        "batch_id": attempt.batch_id,
        "content_id": attempt.content_id,
        "attempt_id": attempt.attempt_id,
        "total_score": attempt.score,
        "total_max_score": attempt.max_score,
        "grand_total": f"{attempt.score:g}/{attempt.max_score:g}",
        "last_attempted_on": moment(attempt.attempted_ms),
        "created_on": attempt.created_at,
        "updated_on": attempt.updated_at,
        "question": [
            {**question, "assess_ts": moment(int(question.get("assess_ts") or 0))} for question in attempt.questions
        ]
        or None,
    }


def aggregate_row(enrolment: ConvertedEnrolment) -> Values | None:
    """A row of `user_activity_agg`; None where the learner has done nothing."""
    if not enrolment.states and not enrolment.scores:
        return None
    figures = {"completedCount": float(enrolment.progress)}
    for content_id, score in sorted(enrolment.scores.items()):
        figures[f"score:{content_id}"] = float(score.best)
        figures[f"max_score:{content_id}"] = float(score.max_score)
        figures[f"attempts_count:{content_id}"] = float(score.attempts)
    return {
        "activity_type": "Course",
        "activity_id": enrolment.course_id,
        "user_id": enrolment.user_id,
        "context_id": f"cb:{enrolment.batch_id}",
        "aggregates": figures,
        "agg": {name: int(figure) for name, figure in figures.items()},
        "agg_last_updated": dict.fromkeys(figures, enrolment.updated_at),
    }


def _moment(ms: int | None) -> datetime | None:
    return None if ms is None else moment(ms)


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _last_moment(day: date | None, zone: tzinfo) -> datetime | None:
    return None if day is None else datetime.combine(day, time(23, 59, 59, 999000), zone).astimezone(UTC)


def _old(at: datetime | None) -> str | None:
    """A moment as the text columns have it: a colon stands before the milliseconds."""
    if at is None:
        return None
    universal = at.astimezone(UTC)
    return f"{universal:%Y-%m-%d %H:%M:%S}:{universal.microsecond // 1000:03d}+0000"
