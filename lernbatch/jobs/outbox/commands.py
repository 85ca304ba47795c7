"""Commands about the outbox."""

from __future__ import annotations

import asyncio

from lernbatch import command
from lernbatch.jobs.outbox import actions


def replay(destination: str | None = None, /) -> None:
    """Send the parked events of the outbox again, each as it was written.

    Example: `lernbatch replay kafka`

    Args:
        destination: kafka, content, mail or feed alone
    """

    async def work() -> int:
        async with command.services() as held, held.pool.acquire() as conn:
            return await actions.replay(conn, held, destination)

    print(f"{asyncio.run(work())} events will be sent again.")
