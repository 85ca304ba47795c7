"""Background work on batches."""

from __future__ import annotations

from lernbatch.batch import events, listings, statuses
from lernbatch.jobs.outbox.relay import Due
from lernbatch.services import Services


async def move_statuses(services: Services) -> int:
    """Give due batches the status they have today; how many moved."""
    return await statuses.move(services)


async def store_enrolment_ends(services: Services) -> int:
    """Store the last day of enrolment where it was worked out with another setting; returns how many batches."""
    return await statuses.store_enrolment_ends(services)


async def tell_listings(services: Services) -> int:
    """Tell courses' lists again where somebody asked for it; how many."""
    return await listings.tell_due(services)


async def write_listing(services: Services, event: Due) -> None:
    """Show a course's batches in the content service. Raises: Upstream."""
    await services.sunbird.content.write_batches(event.key, event.payload["batches"])


async def mail(services: Services, event: Due) -> None:
    """Send a mail to a mentor; none goes out for a course that the search does not know. Raises: Upstream."""
    course = await services.sunbird.search.mail_content(event.payload["courseId"])
    if course is None:
        return
    org_ids = event.payload.get("createdFor", [])[:1]  # what was written by an older version has none
    organisations = await services.sunbird.organisations.find(org_ids) if org_ids else {}
    org_name = next((organisation.name for organisation in organisations.values()), None)
    request = events.mail(services.config, event.payload, course.name, course.logo_url, org_name)
    await services.sunbird.notify.email(request)
