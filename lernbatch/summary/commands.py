"""The command that explains a learner's progress."""

from __future__ import annotations

import asyncio

import msgspec

from lernbatch import command
from lernbatch.summary import explain as explanations


def explain(user: str, batch: str, /) -> None:
    """Explain a learner's status and percentage, what is missing, and whether a certificate follows.

    Example: `lernbatch explain 0b1e3c5a 0147095690579066880`

    Args:
        user: the learner
        batch: the batch
    """

    async def work() -> bytes:
        async with command.services() as services:
            return msgspec.json.encode(explanations.show(await explanations.explain(services, user, batch)))

    print(msgspec.json.format(asyncio.run(work()), indent=2).decode())
