"""What others hear of enrolments (contract enrolment-and-progress §2.1.1)."""

from __future__ import annotations

from collections.abc import Sequence

from lernbatch.enrolment.model import Wish
from lernbatch.outbox.actions import hears_kafka
from lernbatch.outbox.events import Event
from lernbatch.services import Services
from lernbatch.telemetry import request_audit


def enrolled(services: Services, wish: Wish, course_id: str) -> list[Event]:
    """A learner came in."""
    return _audit(
        services, wish, course_id, "Create", "enrol", ("userId", "courseId", "batchId", "enrolledDate", "active")
    )


def unenrolled(services: Services, wish: Wish, course_id: str) -> list[Event]:
    """A learner left. Typed as such: the reference calls it enrol too, and then counts leavers."""
    return _audit(services, wish, course_id, "Update", "unenrol", ("userId", "courseId", "batchId", "active"))


def _audit(services: Services, wish: Wish, course_id: str, state: str, kind: str, props: Sequence[str]) -> list[Event]:
    if not hears_kafka(services.config):
        return []
    event = request_audit(
        services.config,
        services.clock.now_ms(),
        wish.origin,
        actor_id=wish.user_id,
        subject={"id": wish.user_id, "type": "User", "rollup": {"l1": course_id}},
        cdata=[
            (course_id, "Course"),
            (wish.batch_id, "CourseBatch"),
            (wish.origin.message_id, "Request"),
        ],
        edata={"state": state, "type": kind, "props": list(props)},
    )
    return [event]
