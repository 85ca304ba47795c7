"""Commands about what was heard from the platform's topics."""

from __future__ import annotations

import asyncio
from typing import Literal

from cyclopts import App

from lernbatch import command
from lernbatch.inbox import actions

app = App(name="inbox", help="What was heard from the platform's topics and given up: list, replay.")


@app.command(name="list")
def list_() -> None:
    """Print the messages that were given up: number, what it is, where it stands, when it came, why.

    Example: `lernbatch inbox list`
    """

    async def work() -> None:
        async with command.services() as held:
            messages = await actions.parked(held)
        for message in messages:
            place = f"{message.topic} {message.partition}:{message.position}"
            print(f"{message.message_id}  {message.kind}  {place}  {message.received_at:%Y-%m-%d %H:%M:%S} UTC")
            print(f"    {message.error}")
        print(f"{len(messages)} messages were given up.")

    asyncio.run(work())


@app.command
def replay(
    kind: Literal["account-merge", "account-deletion", "ownership-transfer", "publication"] | None = None, /
) -> None:
    """Handle the messages that were given up again, each as it came.

    Example: `lernbatch inbox replay ownership-transfer`

    Args:
        kind: those of one kind alone
    """

    async def work() -> int:
        async with command.services() as held:
            return await actions.replay(held, kind)

    print(f"{asyncio.run(work())} messages will be handled again.")
