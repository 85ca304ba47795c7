"""HTTP entrances of accounts: whoever listens to the platform's topics hands its events over here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lernbatch.account import actions, wire
from lernbatch.web import audit
from lernbatch.web.http import Call


async def merge(call: Call) -> Mapping[str, Any]:
    """POST /private/v1/user/account/merge: the event of the topic lms.user.account.merge."""
    edata = wire.read_event(await call.read_body())
    merged = await actions.merge(call.services, wire.read_merge(edata), audit.by(call))
    return {"response": "SUCCESS", "batches": merged}


async def forget(call: Call) -> Mapping[str, Any]:
    """POST /private/v1/user/account/delete: the event of the topic delete.user."""
    edata = wire.read_event(await call.read_body())
    by, erase = audit.by(call), wire.read_erase(edata)
    await actions.forget(call.services, wire.read_deleted(edata), by, erase=erase)
    return {"response": "SUCCESS"}
