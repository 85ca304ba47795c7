"""Issuing: sign what due learners have earned, and write it once.

A set of due rows is claimed, evaluated and signed outside any transaction; one transaction then deletes the rows and
writes certificates, entries and events together. Whatever happens in between, a claimed row that was not deleted
becomes due again, and a certificate's id is computed from what it is for: nothing is lost or issued twice.
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
from lernbatch.certificate import events, rechecks, rules, wire
from lernbatch.certificate.evaluation import (
    DueLearner,
    Earned,
    EnrolmentKey,
    Evaluation,
    UnsavedCertificate,
    describe_failure,
    evaluate,
)
from lernbatch.credential import keys, open_badge, proof, status_list
from lernbatch.credential.open_badge import Award
from lernbatch.credential.status_list import LIST_SIZE
from lernbatch.database import db, sql
from lernbatch.errors import Unusable, Upstream
from lernbatch.jobs.outbox import actions as outbox
from lernbatch.jobs.pauses import pause_after
from lernbatch.services import Services
from lernbatch.template import criteria, issuers
from lernbatch.template.files import real_url
from lernbatch.template.wire_criteria import show_result

Q = sql.load("lernbatch.certificate")
LONGEST_PAUSE = timedelta(hours=1)
_PAUSE_EVERY = 25  # certificates signed before other tasks of the process may run
# The database cannot hold a value: NUL in a text, a lone surrogate, a row or a number too large.
# The driver raises ValueError for it before anything is sent.
_REFUSED = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class LockedRow:
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
    """Evaluate one set of due learners and issue what they have earned. Returns their number.

    It may be killed, repeated, and run in several processes at once. While the service is muted, learners stay due.
    """
    if services.config.is_muted:
        return 0
    await rechecks.queue_due(services)
    claim = str(uuid4())
    now = services.clock.now()
    due = await db.all(
        services.pool,
        DueLearner,
        Q.claim_due,
        now=now,
        until=now + timedelta(seconds=services.config.lease_seconds),
        limit=services.config.certificate_set_size,
        claim=claim,
    )
    if due:
        evaluation = await evaluate(services, due)
        try:
            certificates = await _signed(services, evaluation)
        except Unusable as unusable:  # a key cannot be read: nobody gets a certificate, and explain says why
            log.warning("certificates cannot be signed", error=str(unusable))
            certificates, evaluation = [], Evaluation(failures={row.key: keys.KeysUnusable.message for row in due})
        await _write(services, claim, due, certificates, evaluation.failures)
    return len(due)


async def _signed(services: Services, evaluation: Evaluation) -> list[UnsavedCertificate]:
    """Sign what was earned, with pauses for other tasks of the process. Raises: Unusable."""
    earned = evaluation.earned
    if not earned:
        return []
    try:
        vouching = await issuers.names(services, {award.batch.batch_id: award.batch.created_for for award in earned})
    except Upstream as failed:
        log.warning("nobody is known to vouch for certificates", error=failed.detail)
        evaluation.failures |= {award.due.key: "The organisation that awards this cannot be read." for award in earned}
        return []
    places = await db.all(
        services.pool, StatusPlace, Q.status_places, count=len(earned), size=LIST_SIZE, key=token_bytes(16)
    )
    indices = [place.number * LIST_SIZE + status_list.place(place.key, place.given_before) for place in places]
    secret, certificates = keys.secret(keys.folder_of(services.config)), []
    issuer_keys, now = keys.key_set(services.config), services.clock.now()
    for count, (earning, index) in enumerate(zip(earned, indices, strict=True), start=1):
        try:
            issuer, certificate_id = vouching[earning.batch.batch_id], earning.certificate_id(secret)
            days = earning.template.valid_days
            expires_at = None if days is None else earning.earned_at + timedelta(days=days)
            award = award_of(services, earning, issuer, certificate_id, index, expires_at)
            credential = proof.sign(open_badge.build(award, issuer_keys.did), issuer_keys, now)
            certificates.append(UnsavedCertificate(earning, issuer, certificate_id, index, credential, expires_at))
        except Unusable:
            raise
        except Exception as broken:  # noqa: BLE001 - bad data of one learner fails this learner alone
            evaluation.failures[earning.due.key] = describe_failure("signed", earning.due, broken)
        if count % _PAUSE_EVERY == 0:
            await asyncio.sleep(0)
    return certificates


def award_of(
    services: Services, earned: Earned, issuer: str, certificate_id: str, status_index: int, expires_at: datetime | None
) -> Award:
    """What the credential of an earned certificate says."""
    base = services.config.base_url
    return Award(
        identifier=f"{base}/certs/{certificate_id}",
        name=earned.template.name,
        issuer_name=issuer,
        issuer_url=services.config.public_url,
        recipient_id=earned.due.user_id,
        recipient_name=earned.person.name,
        achievement_id=rules.achievement_id(earned.due.batch_id, earned.template.name),
        achievement_code=earned.batch.course_id,
        description=earned.course_name,
        narrative=criteria.narrative(earned.template),
        earned_at=earned.earned_at,
        earned_on=earned.earned_at.astimezone(services.clock.zone).date(),
        expires_at=expires_at,
        percent=criteria.percent_of(earned.result),
        status_list_url=f"{base}/certs/status",
        status_list=status_index // LIST_SIZE,
        status_index=status_index % LIST_SIZE,
    )


async def _write(
    services: Services,
    claim: str,
    due: Sequence[DueLearner],
    certificates: Sequence[UnsavedCertificate],
    failures: Mapping[EnrolmentKey, str],
) -> None:
    """Write the certificates. A row that the database refuses is found by halving, and fails alone.

    One such row among n learners costs about 2 log2 n transactions more.
    """
    try:
        await _write_at_once(services, claim, due, certificates, failures)
    except _REFUSED as refused:
        if len(due) == 1:
            reason = describe_failure("written", due[0], refused)
            await _write_at_once(services, claim, due, [], {due[0].key: reason})
            return
        middle = len(due) // 2
        for half in (due[:middle], due[middle:]):
            keys = {row.key for row in half}
            await _write(
                services,
                claim,
                half,
                [certificate for certificate in certificates if certificate.earned.due.key in keys],
                failures,
            )


async def _write_at_once(
    services: Services,
    claim: str,
    due: Sequence[DueLearner],
    certificates: Sequence[UnsavedCertificate],
    failures: Mapping[EnrolmentKey, str],
) -> None:
    """One transaction: delete the due rows that are still ours, and write their certificates."""
    now = services.clock.now()
    async with services.pool.acquire() as conn, conn.transaction():
        await db.all(
            conn, LockedRow, Q.lock_enrolments, **_columns([certificate.earned.due.key for certificate in certificates])
        )
        held = await db.all(conn, LockedRow, Q.hold_claimed, claim=claim, **_columns([row.key for row in due]))
        ours = {(row.user_id, row.batch_id) for row in held}
        await db.run(conn, Q.drop_held, **_columns([key for key in ours if key not in failures]))
        # A failure is retried later, or parked after too many attempts.
        failed = [row for row in due if row.key in ours and row.key in failures]
        tries = [row.attempts + 1 for row in failed]
        await db.run(
            conn,
            Q.postpone_held,
            **_columns([row.key for row in failed]),
            attempts=tries,
            errors=[failures[row.key][:500] for row in failed],
            due_at=[now + pause_after(count, LONGEST_PAUSE) for count in tries],
            parked=[count >= services.config.certificate_attempts for count in tries],
        )
        # A learner with a failure who asked for a new issue gets all of it at the next try, or he would get some twice.
        written = [
            certificate
            for certificate in certificates
            if certificate.earned.due.key in ours
            and not (certificate.earned.due.re_issue and certificate.earned.due.key in failures)
        ]
        if written:
            await _insert(conn, written, now)
            entries = [
                wire.show_entry(
                    certificate.earned.template.name,
                    certificate.certificate_id,
                    now,
                    real_url(services.config, certificate.earned.template.url),
                )
                for certificate in written
            ]
            keys = [certificate.earned.due.key for certificate in written]
            await db.run(conn, Q.add_entries, **_columns(keys), entries=entries)
            news = [event for certificate in written for event in events.issued(services, certificate, now)]
            await outbox.publish(conn, services, news)
    metrics.BUSINESS.labels("certificate-issued").inc(len(written))
    if failed:
        metrics.BUSINESS.labels("certificate-failed").inc(len(failed))


def _columns(keys: Sequence[EnrolmentKey]) -> dict[str, list[str]]:
    return {"user_ids": [user_id for user_id, _ in keys], "batch_ids": [batch_id for _, batch_id in keys]}


async def _insert(conn: db.Connection, certificates: Sequence[UnsavedCertificate], now: datetime) -> None:
    """The new certificates; only then are those they replace superseded."""
    identity = {
        **_columns([certificate.earned.due.key for certificate in certificates]),
        "template_ids": [certificate.earned.template.template_id for certificate in certificates],
        "revisions": [certificate.earned.revision for certificate in certificates],
    }
    await db.run(
        conn,
        Q.insert_certificates,
        **identity,
        certificate_ids=[certificate.certificate_id for certificate in certificates],
        course_ids=[certificate.earned.batch.course_id for certificate in certificates],
        names=[certificate.earned.template.name for certificate in certificates],
        status_indices=[certificate.status_index for certificate in certificates],
        credentials=[certificate.credential for certificate in certificates],
        templates=[
            wire.show_appearance(
                certificate.earned.template, certificate.earned.course_name, certificate.earned.related
            )
            for certificate in certificates
        ],
        decisions=[show_result(certificate.earned.result) for certificate in certificates],
        earned_at=[certificate.earned.earned_at for certificate in certificates],
        expires_at=[certificate.expires_at for certificate in certificates],
        now=now,
    )
    if any(certificate.earned.revision > 1 or certificate.earned.due.re_issue for certificate in certificates):
        names = [certificate.earned.template.name for certificate in certificates]
        await db.run(
            conn,
            Q.supersede,
            **identity,
            names=names,
            certificate_ids=[certificate.certificate_id for certificate in certificates],
            now=now,
        )
        await db.run(
            conn,
            Q.supersede_merged,
            **_columns([certificate.earned.due.key for certificate in certificates]),
            names=names,
            now=now,
        )
        await db.run(
            conn,
            Q.supersede_imported,
            **_columns([certificate.earned.due.key for certificate in certificates]),
            names=names,
            now=now,
        )
