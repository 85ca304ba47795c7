"""What can be done with accounts: merge one into another, forget a deleted one. Both can be done twice."""

from __future__ import annotations

from lernbatch import log, metrics
from lernbatch.account import rules
from lernbatch.account.model import EnrolmentRow, SupersededCertificate
from lernbatch.database import db, sql
from lernbatch.erasure import actions as erasure
from lernbatch.exhaust import actions as exhaust
from lernbatch.person import actions as person
from lernbatch.progress import actions as progress
from lernbatch.progress.model import Work
from lernbatch.services import Services
from lernbatch.threads import beside
from lernbatch.web import audit
from lernbatch.web.audit import By

Q = sql.load("lernbatch.account")


async def merge(services: Services, from_id: str, into_id: str, by: By = audit.OPERATOR) -> int:
    """Give one account's learning to another. Returns in how many batches the account given up was enrolled.

    The platform says that the two are one person, so nobody is asked for permission. An account that the user service
    does not know is accepted: it may be newer than what that service answers.
    Progress and certificates that follow from the joined states are recomputed after the commit, row by row. If that
    is interrupted, the learner's next report, `lernbatch reconcile --fix` or a second merge completes it.

    Raises: SameAccount, AccountEnded, Upstream.
    """
    if from_id == into_id:
        raise rules.SameAccount
    person = await services.sunbird.users.profile(into_id)
    if person is not None and not person.is_active:
        raise rules.AccountEnded
    async with services.pool.acquire() as conn, conn.transaction():
        accounts = {"from_id": from_id, "into_id": into_id}
        rows = {
            user_id: await db.all(conn, EnrolmentRow, Q.enrolments_to_merge, user_id=user_id)
            for user_id in sorted(accounts.values())
        }
        targets, sources = {row.batch_id: row for row in rows[into_id]}, rows[from_id]
        now = services.clock.now()
        # Of two valid certificates of one name the account that stays keeps its own. A merge that is done again must
        # leave out those superseded by the first, too.
        source_ids, target_ids = rules.certificate_ids(sources), rules.certificate_ids(targets.values())
        await db.run(conn, Q.supersede_duplicates, source_ids=source_ids, target_ids=target_ids, now=now)
        certificates = await db.all(conn, SupersededCertificate, Q.superseded_certificates, certificate_ids=source_ids)
        superseded = {certificate.certificate_id for certificate in certificates}
        merged = await beside(
            len(sources),
            lambda: [rules.merged(row, targets.get(row.batch_id), into_id, superseded) for row in sources],
        )
        changed = [row for row in merged if row != targets.get(row.batch_id)]
        await db.run(
            conn,
            Q.save_enrolments,
            now=now,
            as_text=services.config.states_as_text,
            certificates=[db.json(row.certificates) for row in changed],
            **db.columns(
                changed,
                user_ids="user_id",
                batch_ids="batch_id",
                course_ids="course_id",
                active="active",
                added_by="added_by",
                added_how="added_how",
                enrolled_at="enrolled_at",
                statuses="status",
                progress="progress",
                percentages="percentage",
                completed_at="completed_at",
                states="states",
            ),
        )
        await db.run(conn, Q.copy_attempts, **accounts, now=now)
        await db.run(conn, Q.unenrol_from_all, user_id=from_id)
        await db.run(conn, Q.save_merge, **accounts, now=now)
        await db.run(conn, Q.save_ended, user_id=from_id, is_ended=True, now=now)
        await db.run(conn, Q.save_ended, user_id=into_id, is_ended=False, now=now)
        await audit.write(conn, now, by, "account.merge", whom=(from_id, into_id))
    services.tokens.end(from_id)
    services.tokens.revive(into_id)
    for row in merged:
        await progress.record_one(services, Work(into_id, row.batch_id, (), rewrite=True))
    log.info("accounts merged", batches=len(merged))
    metrics.BUSINESS.labels("account-merged").inc()
    return len(merged)


async def forget(services: Services, user_id: str, by: By = audit.OPERATOR, *, erase: bool = False) -> None:
    """Delete what is kept of a deleted person; enrolments, scores and certificates stay (contract jobs §7.5).

    `erase`, an addition: those stay without the person; `erasure.erase_due` does it in steps, from now on.
    Raises: AccountMerged.
    """
    now = services.clock.now()
    async with services.pool.acquire() as conn, conn.transaction():
        if erase:
            if await db.value(conn, Q.is_merged, user_id=user_id):
                raise rules.AccountMerged
            ended_ids = await erasure.ask(conn, services, user_id)
        else:
            ended_ids = [user_id]
            await exhaust.withdraw_files_with(conn, ended_ids, now)
        await audit.write(conn, now, by, "account.erase" if erase else "account.delete", whom=ended_ids)
        await person.forget(conn, user_id, now)
        await db.run(conn, Q.erase_certificate_copies, user_id=user_id)
        await db.run(conn, Q.save_ended, user_id=user_id, is_ended=True, now=now)
    services.tokens.end(user_id)
    services.wake.now()
    metrics.BUSINESS.labels("account-forgotten").inc()
