"""Sealing anew what older keys have sealed: profiles, notes, secrets, keys of requests, drafts, what a move brought."""

from __future__ import annotations

from lernbatch.bulk import drafts
from lernbatch.database import sql
from lernbatch.mentoring import actions as mentoring
from lernbatch.person import resealing
from lernbatch.person.resealing import ResealCount
from lernbatch.services import Services
from lernbatch.webhook import actions as webhook

Q = sql.load("lernbatch.exhaust")


async def reseal(services: Services) -> ResealCount:
    """Seal by the newest key whatever an older one has sealed; how many values. Can be cut off and repeated."""
    count = ResealCount()
    await resealing.reseal_profiles(services, count)
    await resealing.reseal(services, mentoring.Q.sealed_notes, mentoring.Q.reseal_notes, count)
    await resealing.reseal(services, webhook.Q.sealed_secrets, webhook.Q.reseal_secrets, count)
    await resealing.reseal(services, drafts.Q.sealed_drafts, drafts.Q.reseal_drafts, count)
    await resealing.reseal(services, Q.sealed_keys, Q.reseal_keys, count)
    await resealing.reseal(services, Q.sealed_imports, Q.reseal_imports, count)
    await resealing.reseal(services, Q.sealed_held_rows, Q.reseal_held_rows, count)
    return count
