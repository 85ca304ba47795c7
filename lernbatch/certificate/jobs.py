"""Background work on certificates."""

from __future__ import annotations

from lernbatch.certificate import issue
from lernbatch.jobs.outbox.relay import DueEvent
from lernbatch.services import Services


async def issue_due(services: Services) -> int:
    """Judge learners who are due and issue what they have earned; how many were judged."""
    return await issue.issue_due(services)


async def notify(services: Services, event: DueEvent) -> None:
    """Send the mail or message about a certificate; a blocked person gets none. Raises: Upstream."""
    await services.sunbird.notify.notification(event.payload)


async def feed(services: Services, event: DueEvent) -> None:
    """Write a certificate into its learner's feed. Raises: Upstream."""
    await services.sunbird.notify.feed(event.payload)
