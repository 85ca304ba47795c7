"""Erasing people in bounded steps, and forgetting what was kept long enough. Both go on after a kill."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from lernbatch import log, metrics
from lernbatch.database import db, sql
from lernbatch.database.db import Connection
from lernbatch.exhaust import actions as exhaust
from lernbatch.services import Services

Q = sql.load("lernbatch.erasure")
ROWS_PER_STEP = 500
FORGOTTEN_AT_ONCE = 1000
LONGEST_TOKEN = timedelta(days=30)  # what was issued before an account ended has ended itself by then
STEPS = (
    Q.erase_enrolments,
    Q.erase_adder,
    Q.erase_attempts,
    Q.erase_certificates,
    Q.erase_imported,
    Q.erase_imported_changer,
    Q.erase_changer,
    Q.erase_staged,
    Q.erase_held,
    Q.erase_oddities,
    Q.erase_due,
    Q.erase_figures,
    Q.erase_contacts,
    Q.erase_contacting,
    Q.erase_uploader,
    Q.erase_lines,
    Q.erase_people,
    Q.erase_changes,
    Q.erase_drafts,
    Q.erase_answers,
    Q.erase_events,
    Q.erase_messages,
    Q.erase_webhooks,
    Q.erase_deliveries,
    Q.erase_merges,
    Q.erase_adoptions,
    Q.erase_lookups,
    Q.erase_requester,
    Q.erase_filters,
    Q.erase_profile,
    Q.erase_consents,
    Q.erase_sessions,
    Q.erase_views,
    Q.erase_batch_changes,
    Q.erase_notes,
)


@dataclass(frozen=True, slots=True)
class Account:
    """An account that is to be erased."""

    user_id: str


@dataclass(frozen=True, slots=True)
class Due:
    """An account that is being erased, and what stands for it in what stays."""

    user_id: str
    pseudonym: str


@dataclass(frozen=True, slots=True)
class ErasedBatch:
    """A batch that named the person, of a course whose list of batches must be written anew."""

    course_id: str


async def ask(conn: Connection, services: Services, user_id: str) -> Sequence[str]:
    """Have an account erased, and those that were merged into it; their ids. From now on nobody gets a file of them."""
    now = services.clock.now()
    user_ids = [account.user_id for account in await db.all(conn, Account, Q.ask, user_id=user_id, now=now)]
    await exhaust.withdraw_files_with(conn, user_ids, now)
    return user_ids


async def erase_due(services: Services) -> int:
    """Take one step at the erasure that waits longest, in one transaction; how many rows. 0: none waits.

    An erasure is over when a step finds nothing more of the person.
    """
    now = services.clock.now()
    async with services.pool.acquire() as conn, conn.transaction():
        due = await db.one(conn, Due, Q.next_due)
        if due is None:
            return 0
        literal = re.sub(r"([^\w\s])", r"\\\1", due.user_id)  # as a regular expression that matches nothing else
        given = {
            "user_id": due.user_id,
            "pseudonym": due.pseudonym,
            "pattern": f"(^|[^[:alnum:]_.@-]){literal}(?![[:alnum:]_@-]|[.][[:alnum:]])",
            "limit": ROWS_PER_STEP,
            "now": now,
        }
        if await db.value(conn, Q.is_enrolled, user_id=due.user_id):
            # Asked for since: where the person is can be told as long as the enrolments carry the id.
            await exhaust.withdraw_files_with(conn, [due.user_id], now)
        rows = await db.run(conn, Q.names_batches, user_id=due.user_id, limit=ROWS_PER_STEP)
        of_batches = {name: given[name] for name in Q.erase_batches.parameters}
        erased = await db.all(conn, ErasedBatch, Q.erase_batches, **of_batches)
        await db.run(conn, Q.publish_listings, **db.columns(erased, course_ids="course_id"))
        for step in STEPS:
            rows += await db.run(conn, step, **{name: given[name] for name in step.parameters})
        if not rows:
            await db.run(conn, Q.finish, user_id=due.user_id)
    if not rows:
        log.info("an account was erased", pseudonym=due.pseudonym)
        metrics.BUSINESS.labels("account-erased").inc()
    return rows or 1


async def forget_old(services: Services) -> int:
    """Forget a bounded set of what no other room forgets; how many rows."""
    config, now, limit = services.config, services.clock.now(), FORGOTTEN_AT_ONCE
    pool = services.pool
    over = now - timedelta(days=config.late_token_days) - LONGEST_TOKEN
    rows = await db.run(pool, Q.forget_ended, before=over, limit=limit)
    rows += await db.run(pool, Q.forget_parked, before=now - timedelta(days=config.parked_event_days), limit=limit)
    if config.answer_days:
        rows += await db.run(pool, Q.forget_questions, before=now - timedelta(days=config.answer_days), limit=limit)
    return rows
