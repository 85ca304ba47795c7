"""Commands about progress: is it what the reports say?"""

from __future__ import annotations

import asyncio
import sys

from lernbatch import command
from lernbatch.progress import recomputing

SHOWN = 100


def reconcile(*, batch: str | None = None, fix: bool = False) -> None:
    """Recompute enrolments from what is stored and print the differences. Exits with 1 if there are any.

    Example: `lernbatch reconcile --batch 0147095690579066880`

    Args:
        batch: only this batch; none: all
        fix: write what was recomputed
    """

    async def work() -> int:
        async with command.services() as services:
            differences = [difference async for difference in recomputing.differences(services, batch)]
            for row in differences[:SHOWN]:
                print(f"{row.user_id} in {row.batch_id}: {row.column} is {row.stored}, should be {row.recomputed}")
            print(f"{len(differences)} differences" + (f", {SHOWN} shown" if len(differences) > SHOWN else ""))
            if fix and differences:
                print(f"{await recomputing.repair(services, differences)} enrolments recomputed")
                return 0
            return len(differences)

    if asyncio.run(work()):
        sys.exit(1)
