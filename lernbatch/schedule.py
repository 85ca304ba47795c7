"""Every job: kind, function, how often. All background work on one page."""

from __future__ import annotations

from lernbatch.batch import jobs as batch
from lernbatch.worker import Job

JOBS: list[Job] = [
    Job("batch.move_statuses", batch.move_statuses, every_seconds=60),
]
