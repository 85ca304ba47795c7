"""Background work on progress."""

from __future__ import annotations

from lernbatch.progress import recomputing
from lernbatch.services import Services


async def follow_publications(services: Services) -> int:
    """Recompute enrolments by newer publications of their courses. Returns how many."""
    return await recomputing.follow_republication(services)
