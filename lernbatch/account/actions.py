"""What can be done with accounts: merge one into another, forget a deleted one. Both can be done twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from lernbatch import log, metrics
from lernbatch.account import rules
from lernbatch.account.model import Enrolment, Merge, Superseded
from lernbatch.database import db, sql
from lernbatch.database.db import Connection
from lernbatch.erasure import actions as erasure
from lernbatch.exhaust import actions as exhaust
from lernbatch.progress import actions as progress
from lernbatch.progress.model import Work
from lernbatch.services import Services
from lernbatch.threads import beside
from lernbatch.web import audit
from lernbatch.web.audit import By

Q = sql.load("lernbatch.account")


async def merge(services: Services, asked: Merge, by: By = audit.OPERATOR) -> int:
    """Give one account's learning to another; of how many batches. Raises: SameAccount, AccountEnded, Upstream.

    It is one person by the platform's word, so that nobody is asked whose the batches are. An account that the user
    service does not know yet may be newer than what it answers.
    What follows from the joined states and attempts is reckoned afterwards, row by row: should that be cut off, the
    next report of the learner, `lernbatch reconcile --fix` or another merge completes it.
    """
    if asked.from_id == asked.into_id:
        raise rules.SameAccount
    person = await services.sunbird.users.profile(asked.into_id)
    if person is not None and not person.is_active:
        raise rules.AccountEnded
    async with services.pool.acquire() as conn, conn.transaction():
        both = {"from_id": asked.from_id, "into_id": asked.into_id}
        found = await db.all(conn, Enrolment, Q.enrolments_of_both, **both)
        targets = {row.batch_id: row for row in found if row.user_id == asked.into_id}
        sources = [row for row in found if row.user_id == asked.from_id]
        now = services.clock.now()
        gone = await _supersede_twice_held(conn, sources, targets.values(), now)
        merged = await beside(
            len(sources),
            lambda: [rules.merged(source, targets.get(source.batch_id), asked.into_id, gone) for source in sources],
        )
        await _put(conn, services, [row for row in merged if row != targets.get(row.batch_id)])
        await db.run(conn, Q.copy_attempts, **both, now=now)
        await db.run(conn, Q.leave_all, user_id=asked.from_id)
        await db.run(conn, Q.note_merge, **both, now=now)
        await db.run(conn, Q.note_ended, user_id=asked.from_id, is_ended=True, now=now)
        await db.run(conn, Q.note_ended, user_id=asked.into_id, is_ended=False, now=now)
        await audit.write(conn, now, by, "account.merge", whom=(asked.from_id, asked.into_id))
    services.gate.end(asked.from_id)
    services.gate.revive(asked.into_id)
    for row in merged:
        await progress.record_one(services, Work(asked.into_id, row.batch_id, (), rewrite=True))
    log.info("accounts merged", batches=len(merged))
    metrics.BUSINESS.labels("account-merged").inc()
    return len(merged)


async def _supersede_twice_held(
    conn: Connection, sources: Iterable[Enrolment], targets: Iterable[Enrolment], now: datetime
) -> frozenset[str]:
    """Leave one valid certificate of a name; the ids of those of `sources` that are superseded, now or before."""
    source_ids, target_ids = rules.certificate_ids(sources), rules.certificate_ids(targets)
    await db.run(conn, Q.supersede_twice_held, source_ids=source_ids, target_ids=target_ids, now=now)
    gone = await db.all(conn, Superseded, Q.superseded_of, certificate_ids=source_ids)
    return frozenset(row.certificate_id for row in gone)


async def _put(conn: Connection, services: Services, rows: Sequence[Enrolment]) -> None:
    await db.run(
        conn,
        Q.put_enrolments,
        now=services.clock.now(),
        user_ids=[row.user_id for row in rows],
        batch_ids=[row.batch_id for row in rows],
        course_ids=[row.course_id for row in rows],
        active=[row.active for row in rows],
        added_by=[row.added_by for row in rows],
        added_how=[row.added_how for row in rows],
        enrolled_at=[row.enrolled_at for row in rows],
        statuses=[row.status for row in rows],
        progress=[row.progress for row in rows],
        percentages=[row.percentage for row in rows],
        completed_at=[row.completed_at for row in rows],
        states=[row.states for row in rows],
        certificates=[db.json(row.certificates) for row in rows],
    )


async def forget(services: Services, user_id: str, by: By = audit.OPERATOR, *, erase: bool = False) -> None:
    """What is kept here of a deleted person's data goes; enrolments, scores and certificates stay (contract §7.5).

    `erase`, an addition: those stay without the person; `erasure.erase_due` does it in steps, from now on.
    Raises: AccountMerged.
    """
    async with services.pool.acquire() as conn, conn.transaction():
        now = services.clock.now()
        if erase:
            if await db.value(conn, Q.is_merged, user_id=user_id):
                raise rules.AccountMerged
            ended = await erasure.ask(conn, services, user_id)
        else:
            ended = [user_id]
            await exhaust.withdraw_files_with(conn, ended, now)
        await audit.write(conn, now, by, "account.erase" if erase else "account.delete", whom=ended)
        await db.run(conn, Q.forget_person, user_id=user_id, now=services.clock.now())
        await db.run(conn, Q.forget_consents, user_id=user_id)
        await db.run(conn, Q.forget_beside_certificates, user_id=user_id)
        await db.run(conn, Q.note_ended, user_id=user_id, is_ended=True, now=services.clock.now())
    services.gate.end(user_id)
    services.wake.now()
    metrics.BUSINESS.labels("account-forgotten").inc()
