"""HTTP routes of accounts: whoever listens to the platform's topics hands its events over here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lernbatch.account import actions, wire
from lernbatch.web.request import Call


async def merge(call: Call) -> Mapping[str, Any]:
    """POST /private/v1/user/account/merge: the event of the topic lms.user.account.merge."""
    edata = wire.read_event(await call.read_body())
    return {"response": "SUCCESS", "batches": await actions.merge(call.services, wire.read_merge(edata))}


async def forget(call: Call) -> Mapping[str, Any]:
    """POST /private/v1/user/account/delete: the event of the topic delete.user."""
    edata = wire.read_event(await call.read_body())
    await actions.forget(call.services, wire.read_deleted(edata))
    return {"response": "SUCCESS"}
