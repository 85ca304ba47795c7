"""Sealing anew what older keys have sealed, a bounded number at a time, while the service goes on."""

from __future__ import annotations

from dataclasses import dataclass

from lernbatch.database import db, sql
from lernbatch.database.sql import Statement
from lernbatch.errors import Unusable
from lernbatch.sealing import seal_of
from lernbatch.services import Services

Q = sql.load("lernbatch.person")
VALUES_AT_ONCE = 1000


@dataclass(slots=True)
class ResealCount:
    """How many values were looked at, sealed anew, and lost: no key opens them."""

    looked_at: int = 0
    renewed: int = 0
    lost: int = 0


async def reseal_profiles(services: Services, count: ResealCount) -> None:
    """Seal by the newest key every profile that an older one has sealed; counted in `count`."""
    await reseal(services, Q.sealed_profiles, Q.reseal_profiles, count)


async def reseal(services: Services, read: Statement, write: Statement, count: ResealCount) -> None:
    """Seal a table's values by the newest key. Each set of VALUES_AT_ONCE is a transaction, so it can be cut off.

    `read` takes `after` and `limit` and gives rows (about, sealed) in the order of `about`; `write` takes the parallel
    lists `abouts`, `before` and `sealed`, and writes where the value is still `before`.
    """
    seal, after = seal_of(services.config), ""
    while rows := await services.pool.fetch(read.text, *read.arguments({"after": after, "limit": VALUES_AT_ONCE})):
        after = rows[-1]["about"]
        renewed = []
        for row in rows:
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
