"""Handing over all batches of one person to another (contract jobs §7.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lernbatch.batch import rules
from lernbatch.batch.model import Transfer
from lernbatch.database import db, sql
from lernbatch.database.db import Connection
from lernbatch.jobs.outbox import actions as outbox
from lernbatch.jobs.outbox.actions import publishes_to_kafka
from lernbatch.jobs.outbox.events import Event
from lernbatch.jobs.outbox.telemetry import Origin, request_audit
from lernbatch.services import Services

Q = sql.load("lernbatch.batch")
BATCHES_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class _Moved:
    batch_id: str
    course_id: str


async def transfer(services: Services, wanted: Transfer) -> int:
    """Put one person in another's place, as creator and as mentor, in batches of any status; how many batches.

    Batches are done set by set; what was done stays done, and done again it finds nothing. Raises: rules.InvalidUser,
    when nobody has the new id who is active and belongs to an organisation of whoever asks.
    """
    successor = await services.sunbird.users.profile(wanted.to_user_id)
    if not rules.is_of(successor, wanted.organisation_ids):
        raise rules.InvalidUser
    if wanted.from_user_id == wanted.to_user_id:
        return 0  # everything is theirs already, and would be found again and again
    total = 0
    while moved := await _transfer_some(services, wanted):
        total += moved
    return total


async def _transfer_some(services: Services, wanted: Transfer) -> int:
    async with services.pool.acquire() as conn, conn.transaction():
        moved = await db.all(
            conn,
            _Moved,
            Q.transfer_batches,
            from_user_id=wanted.from_user_id,
            to_user_id=wanted.to_user_id,
            organisation_ids=wanted.organisation_ids,
            now=services.clock.now(),
            limit=BATCHES_AT_ONCE,
        )
        await _tell(conn, services, wanted, moved)
    return len(moved)


async def _tell(conn: Connection, services: Services, wanted: Transfer, moved: Sequence[_Moved]) -> None:
    if publishes_to_kafka(services.config):
        await outbox.publish(conn, services, [_audit(services, wanted, batch) for batch in moved])


def _audit(services: Services, wanted: Transfer, batch: _Moved) -> Event:
    return request_audit(
        services.config,
        services.clock.now_ms(),
        Origin(channel=services.config.default_channel),
        actor_id=wanted.asked_by,
        subject={"id": batch.batch_id, "type": "CourseBatch", "rollup": {"l1": batch.course_id}},
        cdata=[(wanted.from_user_id, "User"), (wanted.to_user_id, "User")],
        edata={"state": "Update", "type": "ownership-transfer", "props": ["createdBy", "mentors"]},
    )
