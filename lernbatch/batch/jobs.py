"""Background work on batches."""

from __future__ import annotations

from lernbatch.batch import actions
from lernbatch.services import Services


async def move_statuses(services: Services) -> int:
    """Give due batches the status they have today; how many moved."""
    async with services.pool.acquire() as conn:
        return await actions.move_statuses(conn, services.clock.now(), services.clock.zone)
