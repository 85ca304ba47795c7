"""The JSON of the successor's calls that aggregate directly (contract enrolment §3.6).

Here nothing waits to be aggregated, so they record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from lernbatch.errors import Refused
from lernbatch.progress.attempts.model import Submission
from lernbatch.progress.attempts.wire import read_submission
from lernbatch.progress.model import Report, Work
from lernbatch.progress.wire import AssessEvents, AttemptedAt, ContentId, completion_by, items_of
from lernbatch.web.fields import blank, text
from lernbatch.web.schema import BatchId, CourseId, Done, Fields, UserId


class MandatoryMissing(Refused):
    """A mandatory parameter is missing, in the successor's words."""

    code = "MANDATORY_PARAMETER_MISSING"


class InvalidStatus(Refused):
    code = "INVALID_REQUESTED_DATA"


class SubjectMissing(Refused):
    """An attempt of nobody, or in no course (E68)."""

    code = "MANDATORY_PARAMETER_MISSING"
    message = "Missing userId/courseId in Request Body"


class ContentDone(Fields):
    """A content and how far a learner is in it."""

    content_id: ContentId
    status: Annotated[int, Meta(ge=0, le=2)]


class ActivityAggregation(Fields):
    """The statuses of one learner's contents."""

    user_id: UserId
    course_id: CourseId
    batch_id: BatchId
    contents: Annotated[
        list[ContentDone] | None, Meta(description="Left out: progress is recomputed from what is stored.")
    ] = None


class AttemptAggregation(Fields, kw_only=True):
    """One attempt; `assessments` may hold several, to which the other fields apply where they say nothing."""

    user_id: UserId | UnsetType = UNSET
    course_id: CourseId
    batch_id: BatchId
    content_id: ContentId
    attempt_id: Annotated[str, Meta(examples=["a-1"])] | UnsetType = UNSET
    assessment_ts: AttemptedAt
    events: AssessEvents | UnsetType = UNSET


class AggregatedAttempt(Done, kw_only=True):
    """What became of attempts. `attemptId`: N/A where there were several."""

    attempt_id: Annotated[str, Meta(examples=["a-1"])]


def read_activity(request: Mapping[str, Any]) -> Work:
    """{"userId": "u-1", "courseId": "do_1", "batchId": "0137", "contents": [{"contentId": "do_11", "status": 2}]}

    Without `contents` the enrolment is recomputed from what is stored. Complains as E61 to E67.
    """
    user_id, course_id, batch_id = (_stated(request, key) for key in ("userId", "courseId", "batchId"))
    reports = []
    for item in items_of(request, "contents"):
        content_id, status = _stated(item, "contentId", " in contents"), item.get("status")
        if status is None:
            raise MandatoryMissing("status is mandatory in contents")
        if not isinstance(status, int | float) or isinstance(status, bool):
            raise InvalidStatus("status must be a number")
        if status not in (0, 1, 2):
            raise InvalidStatus("status must be 0, 1, or 2")
        reports.append(Report(content_id, course_id, int(status)))
    return Work(user_id, batch_id, tuple(reports))


def _stated(fields: Mapping[str, Any], key: str, where: str = "") -> str:
    value = text(fields, key)
    if value is None or blank(value):
        raise MandatoryMissing(f"{key} is mandatory{where}")
    return value


def read_attempts(request: Mapping[str, Any], caller_id: str) -> tuple[str, list[Submission]]:
    """One attempt, or `assessments` with the request's values where an item says nothing. Complains as E68.

    The learner, by default the caller, and the attempts.
    """
    shared = {key: value for key, value in request.items() if key != "assessments"}
    user_id = text(shared, "userId") or caller_id
    if blank(user_id) or blank(text(shared, "courseId")):
        raise SubjectMissing
    submissions = []
    for item in items_of(request, "assessments") or [shared]:
        fields = {**shared, **item, "userId": user_id}
        at_ms = fields.get("assessmentTs", fields.get("assessmentTimestamp"))
        attempt_id = fields.get("attemptId") or f"{user_id}_{fields.get('contentId')}_{at_ms}"
        fields |= {"assessmentTs": at_ms, "attemptId": attempt_id, "events": fields.get("events") or []}
        submissions.append(read_submission(fields, user_id))
    return user_id, submissions


def works_of(user_id: str, submissions: Sequence[Submission]) -> tuple[Work, ...]:
    """The attempts as works, one a batch."""
    by_batch: dict[str, list[Submission]] = {}
    for submission in submissions:
        by_batch.setdefault(submission.batch_id, []).append(submission)
    return tuple(
        Work(user_id, batch_id, tuple(completion_by(attempt) for attempt in attempts), tuple(attempts))
        for batch_id, attempts in by_batch.items()
    )
