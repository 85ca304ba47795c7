"""What others hear of progress (contract enrolment §3.4, jobs §2.7)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from lernbatch.config import Config
from lernbatch.jobs.outbox.events import KAFKA, Event, job_request
from lernbatch.jobs.outbox.telemetry import progress_audit
from lernbatch.progress.attempts.model import Submission
from lernbatch.progress.model import NotPermitted, Row, States, SyncRequest, Work

_UPDATER = "Course Batch Updater"


def contents_changed(
    config: Config, now_ms: int, row: Row, before: States, content_ids: Iterable[str]
) -> Iterator[Event]:
    """Reports of these contents changed the row's states, which were `before`."""
    user_id, batch_id = row.key
    contents = [
        {"contentId": content_id, "status": row.states[content_id].status} for content_id in dict.fromkeys(content_ids)
    ]
    yield instruction(config, now_ms, user_id, batch_id, row.learner.course_id, contents)
    yield from content_audits(config, now_ms, user_id, batch_id, row.learner.course_id, before, row.states)


def concluded(config: Config, now_ms: int, row: Row) -> Iterator[Event]:
    """What a completion, and attempts that are written, mean for certificates and for who counts completions."""
    user_id, batch_id = row.key
    if row.has_finished:
        yield certificate_due(config, now_ms, user_id, batch_id, row.learner.course_id)
        yield completed(config, now_ms, user_id, batch_id, row.learner.course_id)
    if row.written:
        latest = max(row.attempts.values(), key=lambda attempt: attempt.attempted_ms)
        attempt_id = latest.attempt_id if len(row.scores) == 1 else ""
        yield certificate_due(config, now_ms, user_id, batch_id, row.learner.course_id, attempt_id)


def instruction(
    config: Config, now_ms: int, user_id: str, batch_id: str, course_id: str, contents: Sequence[Mapping[str, Any]]
) -> Event:
    """A learner's contents changed: each with its merged status."""
    edata = {
        "action": "batch-enrolment-update",
        "iteration": 1,
        "userId": user_id,
        "batchId": batch_id,
        "courseId": course_id,
        "contents": contents,
    }
    return Event(KAFKA, config.topic_instruction, user_id, _enrolment_job(now_ms, user_id, batch_id, edata))


def sync(config: Config, now_ms: int, request: SyncRequest) -> Event:
    """Somebody asks to have an enrolment recomputed."""
    edata = {
        "action": "user-enrolment-sync",
        "iteration": 1,
        "batchId": request.batch_id,
        "userId": request.user_id,
        "courseId": request.course_id,
    }
    payload = _enrolment_job(now_ms, request.user_id, request.batch_id, edata)
    return Event(KAFKA, config.topic_enrolment_sync, request.user_id, payload)


def _enrolment_job(now_ms: int, user_id: str, batch_id: str, edata: Mapping[str, Any]) -> dict[str, Any]:
    return job_request(
        now_ms=now_ms,
        actor=_UPDATER,
        object_id=f"{batch_id}_{user_id}",
        object_type="CourseBatchEnrolment",
        edata=edata,
    )


def assessed(config: Config, submission: Submission, user_id: str) -> Event:
    """An attempt, as it was sent, of the learner it is counted for."""
    return Event(KAFKA, config.topic_assessment, user_id, submission.payload)


def assessment_failed(config: Config, submission: Submission, user_id: str, reason: str) -> Event:
    """An attempt that does not count, with the reason beside it (contract jobs §3.5)."""
    payload = {
        **submission.payload,
        "metadata": {"validation_error": reason, "src": "AssessmentAggregator"},
    }
    return Event(KAFKA, config.topic_assessment_failed, user_id, payload)


def certificate_due(
    config: Config, now_ms: int, user_id: str, batch_id: str, course_id: str, attempt_id: str | None = None
) -> Event:
    """A learner may have earned a certificate."""
    edata: dict[str, Any] = {
        "userIds": [user_id],
        "action": "issue-certificate",
        "iteration": 1,
        "trigger": "auto-issue",
        "batchId": batch_id,
        "reIssue": False,
        "courseId": course_id,
    }
    if attempt_id is not None:
        edata["attemptId"] = attempt_id
    payload = job_request(
        now_ms=now_ms,
        actor="Course Certificate Generator",
        object_id=f"{batch_id}_{course_id}",
        object_type="CourseCertificateGeneration",
        edata=edata,
    )
    return Event(KAFKA, config.topic_certificate, user_id, payload)


def completed(config: Config, now_ms: int, user_id: str, batch_id: str, course_id: str) -> Event:
    """A learner has completed the course."""
    return progress_audit(
        config,
        now_ms,
        user_id=user_id,
        cdata=[(batch_id, "CourseBatch"), (course_id, "Course")],
        subject={"id": user_id, "type": "User", "rollup": {"l1": course_id}},
        kind="enrol-complete",
        props=("status", "completedon"),
    )


def content_audits(
    config: Config, now_ms: int, user_id: str, batch_id: str, course_id: str, before: States, after: States
) -> Iterator[Event]:
    """The first view and the first completion of each content that changed."""
    for content_id, state in after.items():
        old = before.get(content_id)
        if state is old:
            continue
        firsts: list[tuple[str, tuple[str, ...]]] = []
        if state.views and not (old and old.views):
            firsts.append(("start", ("viewcount",)))
        if state.completions and not (old and old.completions):
            firsts.append(("complete", ("viewcount", "completedcount")))
        for kind, props in firsts:
            yield progress_audit(
                config,
                now_ms,
                user_id=user_id,
                cdata=[(batch_id, "CourseBatch")],
                subject={"id": content_id, "type": "Content", "rollup": {"l1": course_id}},
                kind=kind,
                props=props,
            )


def invalid(config: Config, now_ms: int, items: Sequence[Mapping[str, Any]], valid_user_ids: Sequence[str]) -> Event:
    """Items that were not stored: they name somebody else, or somebody who is not enrolled."""
    payload = {"validUserIds": list(valid_user_ids), "invalidContents": list(items), "ets": now_ms}
    return Event(KAFKA, config.topic_invalid_state, "", payload)


def not_permitted(config: Config, now_ms: int, refused: NotPermitted) -> Event:
    """Items of learners for whom the caller does not speak."""
    return invalid(config, now_ms, refused.items, refused.valid_user_ids)


def not_enrolled(config: Config, now_ms: int, work: Work, content_ids: Sequence[str]) -> Event:
    """Reports of a learner who is not enrolled."""
    items = [
        {
            "userId": work.user_id,
            "batchId": work.batch_id,
            "courseId": report.course_id,
            "contentId": report.content_id,
            "status": report.status,
        }
        for report in work.reports
        if report.content_id in content_ids
    ]
    return invalid(config, now_ms, items, [])
