"""Background work on files of people."""

from __future__ import annotations

from lernbatch.bulk import actions
from lernbatch.services import Services


async def process_files(services: Services) -> int:
    """Process one set of people of the oldest open file. Returns how many."""
    return await actions.work_on_next(services)
