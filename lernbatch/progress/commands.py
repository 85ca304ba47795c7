"""Commands about progress: is it what the reports say, and why is a learner where he is."""

from __future__ import annotations

import asyncio
import sys

from lernbatch import command
from lernbatch.progress import recomputing

SHOWN = 100


def reconcile(*, batch: str | None = None, fix: bool = False) -> None:
    """Recompute enrolments from the stored states and attempts, and report what differs. Exit code 0: nothing does.

    Example: `lernbatch reconcile --batch 0147095690579066880`

    Args:
        batch: only this batch; none: all
        fix: write what was reckoned
    """

    async def work() -> int:
        async with command.services() as held:
            found = [difference async for difference in recomputing.differences(held, batch)]
            for one in found[:SHOWN]:
                print(f"{one.user_id} in {one.batch_id}: {one.column} is {one.stored}, should be {one.reckoned}")
            print(f"{len(found)} differences" + (f", {SHOWN} shown" if len(found) > SHOWN else ""))
            if fix and found:
                print(f"{await recomputing.repair(held, found)} enrolments reckoned again")
                return 0
            return len(found)

    if asyncio.run(work()):
        sys.exit(1)
