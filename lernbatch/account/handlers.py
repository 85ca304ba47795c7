"""HTTP routes of accounts: whoever listens to the platform's topics hands its events over here."""

from __future__ import annotations

from lernbatch.account import actions, wire
from lernbatch.web import audit
from lernbatch.web.request import Call
from lernbatch.web.schema import Done, takes


@takes(wire.AccountMergeEvent)
async def merge(call: Call) -> wire.MergedAccount:
    """POST /private/v1/user/account/merge: Merge two accounts. The event of the topic `lms.user.account.merge`."""
    merge = wire.read_merge(wire.read_event(await call.read_body()))
    batches = await actions.merge(call.services, merge.from_account_id, merge.to_account_id, audit.by(call))
    return wire.MergedAccount(batches=batches)


@takes(wire.AccountDeletionEvent)
async def forget(call: Call) -> Done:
    """POST /private/v1/user/account/delete: Delete an account. The event of the topic `delete.user`."""
    deletion = wire.read_deletion(wire.read_event(await call.read_body()))
    await actions.forget(call.services, deletion.user_id, audit.by(call), erase=deletion.erase)
    return Done()
