"""Every job: kind, function, how often. All background work on one page."""

from __future__ import annotations

from functools import partial

from lernbatch.batch import jobs as batch
from lernbatch.bulk import jobs as bulk
from lernbatch.certificate import jobs as certificate
from lernbatch.course import jobs as course
from lernbatch.erasure import actions as erasure
from lernbatch.exhaust import jobs as exhaust
from lernbatch.figures import jobs as figures
from lernbatch.inbox import actions as inbox
from lernbatch.jobs.outbox import events
from lernbatch.jobs.outbox.relay import Sender, one_by_one, relay, to_kafka
from lernbatch.jobs.worker import Job
from lernbatch.ops import retention
from lernbatch.person import jobs as person
from lernbatch.progress import jobs as progress
from lernbatch.session import actions as sessions
from lernbatch.webhook.delivery import deliver_due, to_webhooks

# Name in the version before → the kind of today; `lernbatch job` takes the former in this version, with a warning.
RENAMED = {
    "batch.tell_listings": "batch.publish_listings",
    "roster.work_on_files": "bulk.process_files",
    "roster.retention": "retention",
    "exhaust.forget_expired": "retention",
    "idempotency.forget": "retention",
    "progress.adopt_courses": "progress.follow_publications",
}
# What sends the outbox's events, by destination.
SENDERS: dict[str, Sender] = {
    events.KAFKA: to_kafka,
    events.CONTENT: one_by_one(batch.write_listing),
    events.MAIL: one_by_one(batch.mail),
    events.NOTIFICATION: one_by_one(certificate.notify),
    events.FEED: one_by_one(certificate.feed),
    events.WEBHOOK: to_webhooks,
}

JOBS: list[Job] = [
    Job("batch.move_statuses", batch.move_statuses, every_seconds=lambda config: config.status_seconds),
    Job("batch.store_enrolment_ends", batch.store_enrolment_ends, every_seconds=60),
    Job("batch.publish_listings", batch.publish_listings, every_seconds=60),
    Job("course.refresh", course.refresh_courses, every_seconds=300),
    Job("bulk.process_files", bulk.process_files, every_seconds=5),
    Job("progress.follow_publications", progress.follow_publications, every_seconds=60),
    Job("certificate.issue_due", certificate.issue_due, every_seconds=2, together=True),
    Job("exhaust.run_due", exhaust.run_due, every_seconds=1, together=True, heavy=True),
    Job("exhaust.close_withdrawn", exhaust.close_withdrawn, every_seconds=60),
    Job("exhaust.fetch_missing_people", person.fetch_missing_profiles, every_seconds=15, heavy=True),
    Job("figures.count", figures.count, every_seconds=10, heavy=True),
    Job("account.erase", erasure.erase_due, every_seconds=60, together=True),
    Job("console.forget_sessions", sessions.forget_old, every_seconds=600),
    Job("retention", retention.forget_old, every_seconds=60),
    Job("inbox.receive", inbox.receive, every_seconds=1, together=True),
    Job("inbox.handle", inbox.handle_due, every_seconds=1),
    Job("webhook.deliver", deliver_due, every_seconds=1),
    Job("outbox.relay", partial(relay, senders=SENDERS), every_seconds=1),
]
