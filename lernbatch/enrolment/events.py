"""What others hear of enrolments (contract enrolment-and-progress §2.1.1)."""

from __future__ import annotations

from collections.abc import Sequence

from lernbatch.batch.events import mails
from lernbatch.enrolment.model import How, Standing, Wish
from lernbatch.jobs.outbox.actions import publishes_to_kafka
from lernbatch.jobs.outbox.events import Event
from lernbatch.jobs.outbox.telemetry import request_audit
from lernbatch.services import Services

_CAME = ("userId", "courseId", "batchId", "enrolledDate", "active")
_LEFT = ("userId", "courseId", "batchId", "active")


def enrolled(services: Services, wish: Wish, standing: Standing) -> list[Event]:
    """A learner came in."""
    mail = _mail(services, wish, standing, ("Course Invitation", "openBatchLearnerEnrol"))
    return [*_audit(services, wish, standing, "Create", "enrol", _CAME), *mail]


def unenrolled(services: Services, wish: Wish, standing: Standing) -> list[Event]:
    """A learner left. Typed as such: the reference calls it enrol too, and then counts leavers."""
    mail = _mail(services, wish, standing, ("Unenrolled from Training", "openBatchLearnerUnenrol"))
    return [*_audit(services, wish, standing, "Update", "unenrol", _LEFT), *mail]


def _mail(services: Services, wish: Wish, standing: Standing, kind: tuple[str, str]) -> list[Event]:
    """Files of people send none, as in the reference."""
    wanted = services.config.mail_enabled and wish.how is not How.FILE
    return mails(standing, [wish.user_id], kind) if wanted else []


def _audit(
    services: Services, wish: Wish, standing: Standing, state: str, kind: str, props: Sequence[str]
) -> list[Event]:
    if not publishes_to_kafka(services.config):
        return []
    event = request_audit(
        services.config,
        services.clock.now_ms(),
        wish.origin,
        actor_id=wish.user_id,
        subject={"id": wish.user_id, "type": "User", "rollup": {"l1": standing.course_id}},
        cdata=[
            (standing.course_id, "Course"),
            (wish.batch_id, "CourseBatch"),
        ],
        edata={"state": state, "type": kind, "props": list(props)},
    )
    return [event]
