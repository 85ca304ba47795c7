"""Background work on batches."""

from __future__ import annotations

from lernbatch.batch import events, listings, statuses
from lernbatch.jobs.outbox.relay import DueEvent
from lernbatch.services import Services


async def move_statuses(services: Services) -> int:
    """Store the status that due batches have today; returns how many batches."""
    return await statuses.move(services)


async def store_enrolment_ends(services: Services) -> int:
    """Store the last day of enrolment where it was worked out with another setting; returns how many batches."""
    return await statuses.store_enrolment_ends(services)


async def publish_listings(services: Services) -> int:
    """Publish the lists of batches that somebody requested; returns how many."""
    return await listings.publish_due(services)


async def write_listing(services: Services, event: DueEvent) -> None:
    """Write a course's list of batches into the content service. Raises: Upstream."""
    await services.sunbird.content.write_batches(event.key, event.payload["batches"])


async def mail(services: Services, event: DueEvent) -> None:
    """Send a mail to a mentor or a learner, unless the search does not know the course. Raises: Upstream."""
    course = await services.sunbird.search.mail_content(event.payload["courseId"])
    if course is None:
        return
    org_ids = event.payload.get("createdFor", [])[:1]  # events of an older version have none
    organisations = await services.sunbird.organisations.find(org_ids) if org_ids else {}
    org_name = next((organisation.name for organisation in organisations.values()), None)
    request = events.mail(services.config, event.payload, course.name, course.logo_url, org_name)
    await services.sunbird.notify.email(request)
