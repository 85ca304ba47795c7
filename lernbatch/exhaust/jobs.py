"""Background work on exhausts."""

from __future__ import annotations

from lernbatch.exhaust import actions, closing, worker
from lernbatch.services import Services


async def run_due(services: Services) -> int:
    """Take one turn at the request that is due next; 1, or 0 when none is."""
    return int(await worker.take(services))


async def close_withdrawn(services: Services) -> int:
    """Close the files of people who withdrew their consent; how many requests."""
    return await closing.close_withdrawn(services)


async def forget_expired(services: Services) -> int:
    """Delete files and requests whose time is over; how many."""
    return await actions.forget_expired(services)
