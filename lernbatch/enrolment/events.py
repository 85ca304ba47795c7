"""What others hear of enrolments (contract enrolment §2.1.1)."""

from __future__ import annotations

from collections.abc import Sequence

from lernbatch.batch.events import mails
from lernbatch.config import Config
from lernbatch.enrolment.model import Eligibility, EnrolmentRequest, EnrolmentSource
from lernbatch.jobs.outbox.actions import publishes_to_kafka
from lernbatch.jobs.outbox.announcements import announcement
from lernbatch.jobs.outbox.events import Event
from lernbatch.jobs.outbox.telemetry import request_audit


def enrolled(config: Config, now_ms: int, request: EnrolmentRequest, eligibility: Eligibility) -> list[Event]:
    """A learner was enrolled."""
    props = ("userId", "courseId", "batchId", "enrolledDate", "active")
    mail = ("Course Invitation", "openBatchLearnerEnrol")
    announced = announcement(config, now_ms, "learner.enrolled", request.batch_id, userId=request.user_id)
    return announced + _events(config, now_ms, request, eligibility, ("Create", "enrol", props), mail)


def unenrolled(config: Config, now_ms: int, request: EnrolmentRequest, eligibility: Eligibility) -> list[Event]:
    """A learner left. Typed as such: the reference calls it enrol too, and then counts leavers."""
    props = ("userId", "courseId", "batchId", "active")
    mail = ("Unenrolled from Training", "openBatchLearnerUnenrol")
    announced = announcement(config, now_ms, "learner.unenrolled", request.batch_id, userId=request.user_id)
    return announced + _events(config, now_ms, request, eligibility, ("Update", "unenrol", props), mail)


def _events(
    config: Config,
    now_ms: int,
    request: EnrolmentRequest,
    eligibility: Eligibility,
    audit: tuple[str, str, Sequence[str]],
    mail: tuple[str, str],
) -> list[Event]:
    """The audit event (state, type, props), and the mail (subject, template) where the learner gets one."""
    events = []
    if publishes_to_kafka(config):
        state, kind, props = audit
        events.append(
            request_audit(
                config,
                now_ms,
                request.origin,
                actor_id=request.user_id,
                subject={"id": request.user_id, "type": "User", "rollup": {"l1": eligibility.course_id}},
                cdata=[(eligibility.course_id, "Course"), (request.batch_id, "CourseBatch")],
                edata={"state": state, "type": kind, "props": list(props)},
            )
        )
    if config.mail_enabled and request.source is not EnrolmentSource.FILE:  # files send none, as in the reference
        events += mails(eligibility, [request.user_id], mail)
    return events
