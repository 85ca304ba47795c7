"""Background work on courses."""

from __future__ import annotations

from lernbatch.course import actions
from lernbatch.services import Services


async def refresh_courses(services: Services) -> int:
    """Fetch courses of running batches whose snapshot is too old; returns how many."""
    return await actions.refresh_due(services)
