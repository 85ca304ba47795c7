"""The hand-over: from then on we are the truth. What is missing for it is said, all of it at once."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from lernbatch.batch import listings
from lernbatch.batch.model import ListingsRequest
from lernbatch.database import db
from lernbatch.database.db import Connection
from lernbatch.errors import LernbatchError
from lernbatch.services import Services
from lernbatch.takeover import actions, lease
from lernbatch.takeover.database import Q, Tables
from lernbatch.takeover.report import KindCount

FRESH = timedelta(hours=1)  # so old may a verification be
OPEN_KINDS = ("bulk-open", "exhaust-open")
ORDER = (
    "the gateway closes writes; reads go on",
    "the Flink jobs have worked off their topics, and are stopped",
    "lernbatch sunbird catch-up",
    "lernbatch sunbird verify",
    "lernbatch sunbird hand-over",
    "the gateway sends everything here",
    "writes are opened",
)


class NotReady(LernbatchError):
    """Something is missing for the hand-over."""

    def __init__(self, missing: list[str]) -> None:
        super().__init__("This cannot be handed over yet:\n" + "\n".join(f"  - {sentence}" for sentence in missing))


@dataclass(frozen=True, slots=True)
class Readiness:
    """What is missing, as sentences, and since when writes must have been closed."""

    missing: list[str]
    minutes_since_catch_up: float


async def is_done(conn: Connection) -> bool:
    """Whether this installation was handed over."""
    return await actions.latest(actions.permanent(conn), actions.HAND_OVER) is not None


async def readiness(
    services: Services, tables: Tables, accepted_held: Collection[str], accepted_open: Collection[str]
) -> Readiness:
    """What stands in the way. `accepted_held`, `accepted_open`: kinds that somebody has looked at (M14, M41)."""
    now, missing = services.clock.now(), []
    copied = await actions.latest(tables, actions.COPY, actions.CATCH_UP)
    verified = await actions.latest(tables, "verify")
    if copied is None:
        raise actions.NothingCopied
    if copied.ended_at is None:
        missing.append(f"The {copied.command} that began at {copied.began_at:%Y-%m-%d %H:%M} UTC is not done.")
    if verified is None or verified.ended_at is None:
        missing.append("Nothing was verified: run `lernbatch sunbird verify`.")
    else:
        differences = verified.counts["differences"]
        if now - verified.ended_at > FRESH:
            missing.append("The last verification is older than an hour.")
        if copied.ended_at is None or verified.began_at < copied.ended_at:
            missing.append(f"The last verification began before the last {copied.command} was done.")
        if differences["without_reason"]:
            missing.append(f"The last verification found {differences['without_reason']} differences without a reason.")
    played = await actions.latest(tables, actions.JOURNAL)
    if played is not None and played.began_at > copied.began_at:
        missing += [f"Of the journal: {sentence}" for sentence in played.counts["lacking"]]
    for row in await tables.all(KindCount, Q.held_counts):
        if row.kind not in accepted_held:
            missing.append(f"{row.count} rows are held as {row.kind}: mend them, or give --accept-held {row.kind}.")
    for row in await tables.all(KindCount, Q.problem_counts):
        if row.kind in OPEN_KINDS and row.kind not in accepted_open:
            missing.append(
                f"{row.count} jobs of the old service are open ({row.kind}): let them end, or give --accept-open "
                f"{row.kind} and ask for them here again."
            )
    began_at = copied.began_at if played is None else max(copied.began_at, played.began_at)
    return Readiness(missing, (now - began_at).total_seconds() / 60)


async def hand_over(
    services: Services, conn: Connection, accepted_held: Collection[str], accepted_open: Collection[str], *, clean: bool
) -> dict[str, Any]:
    """Set the mark, and have the lists of all courses published again. `clean`: drop what was staged, too.

    Returns what was done. Raises: NotReady, actions.NothingCopied, lease.AlreadyMoving.
    """
    tables, now = actions.permanent(conn), services.clock.now()
    if (done := await actions.latest(tables, actions.HAND_OVER)) is None:
        async with lease.held(services, actions.HAND_OVER) as owner:
            ready = await readiness(services, tables, accepted_held, accepted_open)
            if ready.missing:
                raise NotReady(ready.missing)
            told = {
                "accepted_held": sorted(accepted_held),
                "accepted_open": sorted(accepted_open),
                "minutes_since_catch_up": round(ready.minutes_since_catch_up, 1),
            }
            async with conn.transaction():
                await lease.check(conn, owner)
                pass_id: int = await db.value(
                    conn, Q.begin_pass, command=actions.HAND_OVER, sources=[], options={}, guessed=[], now=now
                )
                await tables.run(Q.end_pass, pass_id=pass_id, now=now, counts=told)
    else:
        told = dict(done.counts)
    # Asked for again where the process died between the two: publishing a list twice does no harm.
    courses = await listings.request(services, ListingsRequest(everything=True, course_ids=[], batch_ids=[]))
    if clean:
        async with conn.transaction():
            for statement in (Q.forget_stage, Q.forget_chunks, Q.forget_slices, Q.forget_writes):
                await tables.run(statement)
    return {**told, "listings": courses, "cleaned": clean}
