"""Every job: kind, function, how often. All background work on one page."""

from __future__ import annotations

from functools import partial

from lernbatch.batch import jobs as batch
from lernbatch.course import jobs as course
from lernbatch.outbox import events
from lernbatch.outbox.relay import Sender, relay, to_kafka
from lernbatch.worker import Job

# Who sends what the outbox holds, by destination.
SENDERS: dict[str, Sender] = {
    events.KAFKA: to_kafka,
}

JOBS: list[Job] = [
    Job("batch.move_statuses", batch.move_statuses, every_seconds=60),
    Job("course.refresh", course.refresh_courses, every_seconds=300),
    Job("outbox.relay", partial(relay, senders=SENDERS), every_seconds=1),
]
