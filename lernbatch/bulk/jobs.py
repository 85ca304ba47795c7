"""Background work on files of people."""

from __future__ import annotations

from lernbatch.bulk import actions
from lernbatch.services import Services


async def work_on_files(services: Services) -> int:
    """Do one set of people of the file that waits longest; how many."""
    return await actions.work_on(services)
