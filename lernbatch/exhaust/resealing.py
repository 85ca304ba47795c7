"""Sealing anew what older keys have sealed, a bounded number at a time, while the service goes on."""

from __future__ import annotations

from dataclasses import dataclass

from lernbatch.database import db, sql
from lernbatch.errors import Unusable
from lernbatch.exhaust import actions
from lernbatch.services import Services

Q = sql.load("lernbatch.exhaust")
VALUES_AT_ONCE = 1000
# What is sealed: the statement that reads it in order, and the one that writes it.
_SEALED = ((Q.sealed_profiles, Q.reseal_profiles), (Q.sealed_keys, Q.reseal_keys))


@dataclass(slots=True)
class Count:
    """How many values were looked at, sealed anew, and lost: no key opens them."""

    looked_at: int = 0
    renewed: int = 0
    lost: int = 0


async def reseal(services: Services) -> Count:
    """Seal by the newest key whatever an older one has sealed. Each set is a transaction, so it can be cut off."""
    seal, count = actions.seal(services.config), Count()
    for read, write in _SEALED:
        after, rows = "", [None]
        while rows:
            look = {"after": after, "limit": VALUES_AT_ONCE}
            rows = await services.pool.fetch(read.text, *read.arguments(look))
            renewed = []
            for row in rows:
                after = row["about"]
                try:
                    sealed = seal.renewed(row["sealed"], row["about"])
                except Unusable:
                    count.lost += 1
                    continue
                if sealed is not None:
                    renewed.append((row["about"], row["sealed"], sealed))
            count.looked_at += len(rows)
            if renewed:
                abouts, before, values = zip(*renewed, strict=True)
                count.renewed += await db.run(services.pool, write, abouts=abouts, before=before, sealed=values)
    return count
