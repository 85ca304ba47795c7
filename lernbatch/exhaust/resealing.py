"""Sealing anew what older keys have sealed: people's profiles, the keys of requests, what a move brought."""

from __future__ import annotations

from lernbatch.database import sql
from lernbatch.person import resealing
from lernbatch.person.resealing import ResealCount
from lernbatch.services import Services

Q = sql.load("lernbatch.exhaust")


async def reseal(services: Services) -> ResealCount:
    """Seal by the newest key whatever an older one has sealed; how many values. Can be cut off and repeated."""
    count = ResealCount()
    await resealing.reseal_profiles(services, count)
    await resealing.reseal(services, Q.sealed_keys, Q.reseal_keys, count)
    await resealing.reseal(services, Q.sealed_imports, Q.reseal_imports, count)
    await resealing.reseal(services, Q.sealed_held_rows, Q.reseal_held_rows, count)
    return count
