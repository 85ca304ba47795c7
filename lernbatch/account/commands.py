"""Commands about accounts."""

from __future__ import annotations

import asyncio

from cyclopts import App

from lernbatch import command
from lernbatch.account import actions

app = App(name="account", help="Accounts: merge two, forget one.")


@app.command
def merge(from_id: str, into_id: str, /) -> None:
    """Give one account's enrolments, progress, scores and certificates to another. Can be done twice.

    Example: `lernbatch account merge 0b1e3c5a 9f86d081`

    Args:
        from_id: the account that is given up
        into_id: the account that stays
    """

    async def work() -> int:
        async with command.services() as services:
            return await actions.merge(services, from_id, into_id)

    print(f"{asyncio.run(work())} batches went over.")


@app.command
def forget(user_id: str, /) -> None:
    """Erase a deleted person's data. Enrolments, scores and certificates stay.

    Example: `lernbatch account forget 0b1e3c5a`

    Args:
        user_id: the deleted account
    """

    async def work() -> None:
        async with command.services() as services:
            await actions.forget(services, user_id)

    asyncio.run(work())
    print("Forgotten.")
