"""Hands over all batches of one person to another (contract jobs §7.4)."""

from __future__ import annotations

from dataclasses import dataclass

from lernbatch.batch import events, rules
from lernbatch.batch.model import Transfer
from lernbatch.database import db, sql
from lernbatch.jobs.outbox import actions as outbox
from lernbatch.jobs.outbox.actions import publishes_to_kafka
from lernbatch.services import Services
from lernbatch.web import audit
from lernbatch.web.audit import By

Q = sql.load("lernbatch.batch")
BATCHES_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class _TransferredBatch:
    batch_id: str
    course_id: str


async def transfer(services: Services, transfer: Transfer, by: By | None = None) -> int:
    """Replace one person by another, as creator and as mentor, in batches of any status; returns how many batches.

    Batches are changed in sets of BATCHES_AT_ONCE, each in one transaction with its audits and, where `by` says who
    asks, a note in the audit trail; None: the request has a note of its own. A second run finds nothing.
    Raises: rules.InvalidUser, when the successor is not an active user of one of the organisations.
    """
    successor = await services.sunbird.users.profile(transfer.to_user_id)
    if not rules.is_of(successor, transfer.successor_organisation_ids or transfer.organisation_ids):
        raise rules.InvalidUser
    if transfer.from_user_id == transfer.to_user_id:
        return 0  # the same batches would be found again and again
    total = 0
    while True:
        async with services.pool.acquire() as conn, conn.transaction():
            batches = await db.all(
                conn,
                _TransferredBatch,
                Q.transfer_batches,
                from_user_id=transfer.from_user_id,
                to_user_id=transfer.to_user_id,
                organisation_ids=transfer.organisation_ids,
                now=services.clock.now(),
                limit=BATCHES_AT_ONCE,
            )
            if publishes_to_kafka(services.config):
                audits = [
                    events.transferred(
                        services.config, services.clock.now_ms(), transfer, batch.batch_id, batch.course_id
                    )
                    for batch in batches
                ]
                await outbox.publish(conn, services, audits)
            if batches and by is not None:
                people = (transfer.from_user_id, transfer.to_user_id)
                await audit.write(conn, services.clock.now(), by, "batch.transfer", whom=people)
        if not batches:
            return total
        total += len(batches)
