"""Commands about batches."""

from __future__ import annotations

import asyncio

from cyclopts import App

from lernbatch import command
from lernbatch.batch import transfer as actions
from lernbatch.batch.model import Transfer
from lernbatch.screen import Screen
from lernbatch.web.audit import OPERATOR

batch = App(name="batch", help="Batches.")


@batch.command
def transfer(from_user_id: str, to_user_id: str, /) -> None:
    """Replace one person by another, as creator and as mentor of all batches. A second run changes nothing.

    Example: `lernbatch batch transfer 5f1c7a3e-5b5c-4d6e-8f00-1a2b3c4d5e6f 7b9c0d1e-2f3a-4b5c-8d6e-7f8091a2b3c4`

    Args:
        from_user_id: the person whose batches they are
        to_user_id: the person who takes them over
    """
    request = Transfer(from_user_id, to_user_id, organisation_ids=None, asked_by="operator")

    async def run() -> int:
        async with command.services() as services:
            return await actions.transfer(services, request, OPERATOR)

    count = asyncio.run(run())
    Screen().print(f"Batches handed over: {count}.")
