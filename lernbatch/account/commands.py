"""Commands about accounts."""

from __future__ import annotations

import asyncio

from cyclopts import App

from lernbatch import command
from lernbatch.account import actions
from lernbatch.erasure import actions as erasure

app = App(name="account", help="Accounts: merge two, delete or erase one.")


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


@app.command(name=["delete", "forget"])
def delete(user_id: str, /, *, erase: bool = False) -> None:
    """Delete what is kept of a deleted person. What was learned stays; with --erase it no longer names the person.

    Example: `lernbatch account delete --erase 0b1e3c5a` (`lernbatch account forget 0b1e3c5a` is its old name)

    Args:
        user_id: the deleted account
        erase: nothing that stays names the person any more: answers go, certificates are withdrawn. Cannot be undone
    """

    async def work() -> None:
        async with command.services() as services:
            await actions.forget(services, user_id, erase=erase)
            while erase and await erasure.erase_due(services):
                pass

    asyncio.run(work())
    print("Erased." if erase else "Forgotten.")
