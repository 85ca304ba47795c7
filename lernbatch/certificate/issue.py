"""Issuing: sign what due learners have earned, and write it once.

A set of due rows is claimed, judged and signed outside any transaction; one transaction then takes the claims away and
writes certificates, entries and events together. Whatever happens in between, a claim that was not taken away becomes
due again, and a certificate's id is computed from what it is for: nothing is lost and nothing is issued twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_bytes
from uuid import uuid4

import asyncpg

from lernbatch import log, metrics
from lernbatch.certificate import evaluation, events, issuers, rechecks, wire
from lernbatch.certificate.evaluation import Due, Earned, Judged, Key, Made
from lernbatch.credential import keys, open_badge, proof, status_list
from lernbatch.credential.keys import Ring
from lernbatch.credential.open_badge import Award
from lernbatch.credential.status_list import LIST_SIZE
from lernbatch.database import db, sql
from lernbatch.errors import Unusable, Upstream
from lernbatch.jobs.outbox import actions as outbox
from lernbatch.jobs.pauses import pause_after
from lernbatch.services import Services
from lernbatch.template import criteria
from lernbatch.template.files import real_url

Q = sql.load("lernbatch.certificate")
LONGEST_PAUSE = timedelta(hours=1)
_BREATHE_EVERY = 25  # learners signed before other tasks of the process get a turn
# What a value does that the database cannot hold: NUL in a text, a lone surrogate, a row or a number too large.
# ValueError is the driver's own word for it, before anything was sent.
_REFUSED = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class Row:
    """The key of a row that is locked."""

    user_id: str
    batch_id: str


@dataclass(frozen=True, slots=True)
class StatusPlace:
    """A place in the status lists, by its number in the order of issue."""

    number: int
    key: bytes
    given_before: int


async def issue_due(services: Services) -> int:
    """Judge one set of due learners; how many. Safe to kill, to repeat, and to run beside its twin."""
    await rechecks.ask(services)
    claim = str(uuid4())
    now = services.clock.now()
    due = await db.all(
        services.pool,
        Due,
        Q.claim_due,
        now=now,
        until=now + timedelta(seconds=services.config.lease_seconds),
        limit=services.config.certificate_set_size,
        claim=claim,
    )
    if due:
        judged = await evaluation.judge(services, due)
        try:
            made = await _signed(services, judged)
        except Unusable as unusable:  # a key that cannot be read: everybody waits, and explain says for what
            log.warning("certificates cannot be signed", error=str(unusable))
            made, judged = [], Judged(failures={row.key: keys.KeysUnusable.message for row in due})
        await _write(services, claim, due, made, judged.failures)
    return len(due)


async def _signed(services: Services, judged: Judged) -> list[Made]:
    """The certificates, signed; other tasks of the process get their turn in between. Raises: Unusable."""
    earned = judged.earned
    if not earned:
        return []
    try:
        vouching = await issuers.names(services, {one.batch.batch_id: one.batch.created_for for one in earned})
    except Upstream as failed:
        log.warning("nobody is known to vouch for certificates", error=failed.detail)
        judged.failures |= {one.due.key: "The organisation that awards this cannot be read." for one in earned}
        return []
    places = await db.all(
        services.pool, StatusPlace, Q.status_places, count=len(earned), size=LIST_SIZE, key=token_bytes(16)
    )
    indices = [one.number * LIST_SIZE + status_list.place(one.key, one.given_before) for one in places]
    secret, made = keys.secret(keys.folder_of(services.config)), []
    ring, now = keys.ring(services.config), services.clock.now()
    for count, (one, index) in enumerate(zip(earned, indices, strict=True), start=1):
        try:
            issuer = vouching[one.batch.batch_id]
            made.append(_sign_one(services, ring, one, issuer, one.certificate_id(secret), index, now))
        except Unusable:
            raise
        except Exception as broken:  # noqa: BLE001 - what one learner's data cannot bear harms him alone
            judged.failures[one.due.key] = evaluation.failure_of("signed", one.due, broken)
        if count % _BREATHE_EVERY == 0:
            await asyncio.sleep(0)
    return made


def _sign_one(
    services: Services, ring: Ring, one: Earned, issuer: str, certificate_id: str, status_index: int, now: datetime
) -> Made:
    days = one.template.valid_days
    expires_at = None if days is None else one.earned_at + timedelta(days=days)
    award = award_of(services, one, issuer, certificate_id, status_index, expires_at)
    signed = proof.sign(open_badge.build(award, ring.did), ring, now)
    return Made(one, issuer, certificate_id, status_index, signed, expires_at)


def award_of(
    services: Services, one: Earned, issuer: str, certificate_id: str, status_index: int, expires_at: datetime | None
) -> Award:
    """What the credential of something earned says."""
    base = services.config.public_url.rstrip("/")
    return Award(
        identifier=f"{base}/certs/{certificate_id}",
        name=one.template.name,
        issuer_name=issuer,
        issuer_url=services.config.public_url,
        recipient_id=one.due.user_id,
        recipient_name=one.person.name,
        course_id=one.batch.course_id,
        course_name=one.course_name,
        batch_id=one.due.batch_id,
        narrative=criteria.narrative(one.template),
        earned_at=one.earned_at,
        earned_on=one.earned_at.astimezone(services.clock.zone).date(),
        expires_at=expires_at,
        percent=criteria.percent_of(one.finding),
        status_list_url=f"{base}/certs/status",
        status_list=status_index // LIST_SIZE,
        status_index=status_index % LIST_SIZE,
    )


async def _write(
    services: Services, claim: str, due: Sequence[Due], made: Sequence[Made], failures: Mapping[Key, str]
) -> None:
    """Write what was made; whose row the database refuses is found by halving, and fails alone.

    n learners with one such among them cost about 2 log2 n transactions more.
    """
    try:
        await _write_at_once(services, claim, due, made, failures)
    except _REFUSED as refused:
        if len(due) == 1:
            reason = evaluation.failure_of("written", due[0], refused)
            await _write_at_once(services, claim, due, [], {due[0].key: reason})
            return
        middle = len(due) // 2
        for half in (due[:middle], due[middle:]):
            keys = {row.key for row in half}
            await _write(services, claim, half, [one for one in made if one.earned.due.key in keys], failures)


async def _write_at_once(
    services: Services, claim: str, due: Sequence[Due], made: Sequence[Made], failures: Mapping[Key, str]
) -> None:
    """One transaction: take the claims away, and write what was made for those that were still ours."""
    now = services.clock.now()
    async with services.pool.acquire() as conn, conn.transaction():
        await db.all(conn, Row, Q.lock_enrolments, **_columns([one.earned.due.key for one in made]))
        held = await db.all(conn, Row, Q.hold_claimed, claim=claim, **_columns([row.key for row in due]))
        ours = {(row.user_id, row.batch_id) for row in held}
        await db.run(conn, Q.drop_held, **_columns([key for key in ours if key not in failures]))
        failed = [row for row in due if row.key in ours and row.key in failures]
        await _postpone(conn, services, failed, failures)
        # A learner with a failure who asked for a new issue gets all of it at the next try, or he would get some twice.
        written = [
            one
            for one in made
            if one.earned.due.key in ours and not (one.earned.due.re_issue and one.earned.due.key in failures)
        ]
        if written:
            await _insert(conn, written, now)
            await _add_entries(conn, services, written, now)
            await outbox.tell(conn, services, [event for one in written for event in events.issued(services, one, now)])
    metrics.BUSINESS.labels("certificate-issued").inc(len(written))
    if failed:
        metrics.BUSINESS.labels("certificate-failed").inc(len(failed))


def _columns(keys: Sequence[Key]) -> dict[str, list[str]]:
    return {"user_ids": [user_id for user_id, _ in keys], "batch_ids": [batch_id for _, batch_id in keys]}


async def _postpone(conn: db.Connection, services: Services, rows: Sequence[Due], failures: Mapping[Key, str]) -> None:
    """Have `rows` tried again later, or parked after too many tries."""
    now, tries = services.clock.now(), [row.attempts + 1 for row in rows]
    await db.run(
        conn,
        Q.postpone_held,
        **_columns([row.key for row in rows]),
        attempts=tries,
        errors=[failures[row.key][:500] for row in rows],
        due_at=[now + pause_after(count, LONGEST_PAUSE) for count in tries],
        parked=[count >= services.config.certificate_attempts for count in tries],
    )


async def _insert(conn: db.Connection, made: Sequence[Made], now: datetime) -> None:
    """The new certificates; only then are those they replace superseded."""
    identity = {
        **_columns([one.earned.due.key for one in made]),
        "template_ids": [one.earned.template.template_id for one in made],
        "revisions": [one.earned.revision for one in made],
    }
    await db.run(
        conn,
        Q.insert_certificates,
        **identity,
        certificate_ids=[one.certificate_id for one in made],
        course_ids=[one.earned.batch.course_id for one in made],
        names=[one.earned.template.name for one in made],
        status_indices=[one.status_index for one in made],
        credentials=[one.credential for one in made],
        templates=[wire.show_look(one.earned.template, one.earned.course_name, one.earned.related) for one in made],
        decisions=[wire.show_criteria_met(one.earned.finding) for one in made],
        earned_at=[one.earned.earned_at for one in made],
        expires_at=[one.expires_at for one in made],
        now=now,
    )
    if any(one.earned.revision > 1 or one.earned.due.re_issue for one in made):
        names = [one.earned.template.name for one in made]
        await db.run(
            conn, Q.supersede, **identity, names=names, certificate_ids=[one.certificate_id for one in made], now=now
        )
        await db.run(conn, Q.supersede_merged, **_columns([one.earned.due.key for one in made]), names=names, now=now)


async def _add_entries(conn: db.Connection, services: Services, made: Sequence[Made], now: datetime) -> None:
    await db.run(
        conn,
        Q.add_entries,
        **_columns([one.earned.due.key for one in made]),
        entries=[
            wire.show_entry(
                one.earned.template.name,
                one.certificate_id,
                now,
                real_url(services.config, one.earned.template.url),
            )
            for one in made
        ],
    )
