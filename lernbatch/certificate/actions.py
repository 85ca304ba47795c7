"""What mentors and administrators do: attach and detach templates, ask for issuing, revoke."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lernbatch.batch import actions as batches
from lernbatch.batch.model import Batch
from lernbatch.batch.rules import may_manage
from lernbatch.certificate import events, imported, rechecks, rules
from lernbatch.certificate.model import CertificateStatus
from lernbatch.certificate.wire import IssueRequest, StatusChange
from lernbatch.credential import proof
from lernbatch.credential.keys import key_set
from lernbatch.database import db, sql
from lernbatch.enrolment.model import Progress
from lernbatch.errors import NotFound, Unauthorized
from lernbatch.jobs.outbox import actions as outbox
from lernbatch.services import Services
from lernbatch.sunbird.http import chunks
from lernbatch.template import files
from lernbatch.template.actions import compose, doubts_about, find_asset
from lernbatch.template.model import DEFAULT_TEMPLATE
from lernbatch.template.rules import NoSuchBatch, NotOfCourse
from lernbatch.template.wire import Attachment, read_template
from lernbatch.web import audit
from lernbatch.web.caller import Caller

Q = sql.load("lernbatch.certificate")
RE_SIGN_AT_ONCE = 200
EVENTS_AT_ONCE = 250


@dataclass(frozen=True, slots=True)
class QueuedLearner:
    """A learner who was queued for evaluation."""

    user_id: str


@dataclass(frozen=True, slots=True)
class CertificateHolder:
    """A learner whose certificate it is, and its batch."""

    user_id: str
    batch_id: str


@dataclass(frozen=True, slots=True)
class PassedOver:
    """How many learners a bulk action leaves out, because a certificate of theirs was revoked or suspended."""

    revoked: int = 0
    suspended: int = 0


@dataclass(frozen=True, slots=True)
class QueuedIssue:
    """How many learners an issue call has queued, and how many of them are passed over."""

    due: int
    passed_over: PassedOver


@dataclass(frozen=True, slots=True)
class SignedCertificate:
    """A certificate's signed credential."""

    certificate_id: str
    credential: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ReSigning:
    """How many certificates of bad keys are signed anew, and the ids of those whose records were changed."""

    count: int
    broken: list[str]


@dataclass(frozen=True, slots=True)
class AttachResult:
    """How many learners attaching a template has queued, and what its owner should know, as sentences."""

    due: int
    warnings: list[str] = field(default_factory=list)


async def attach(services: Services, caller: Caller, attachment: Attachment) -> AttachResult:
    """Put a template on a batch, in place of one of the same id, and queue everybody it may be for.

    Raises the refusals of contract batches §4.1, A24 to A34; rules.UnreadableTemplate when its SVG is broken; those of
    `files.fetch`.
    """
    batch = await managed_batch(services, caller, attachment.batch_id, attachment.course_id)
    composition = await compose(services, caller, batch, attachment)
    stored = composition.stored
    template = read_template(attachment.template_id, stored)
    client = caller.user_id or f"batch {batch.batch_id}"
    warnings = composition.doubts + await files.fetch(services, template, composition.foreign, client)
    warnings += await doubts_about(services, batch, template)
    status = template.criteria.enrolment_status
    async with services.pool.acquire() as conn, conn.transaction():
        revision = await db.value(
            conn, Q.attach_template, batch_id=batch.batch_id, template_id=attachment.template_id, template=stored
        )
        await batches.note_change(
            conn, batch.batch_id, revision, services.clock.now(), caller.user_id, {"template": None}
        )
        due = await _queue(conn, services, batch.batch_id, "template", status=status)
        passed_over = await _passed_over(conn, batch.batch_id, status)
        await rechecks.schedule_first(conn, batch.batch_id, services.clock.now())
        await audit.end(conn)
    services.wake.now()
    if passed_over.revoked:
        warnings.append(
            f"{passed_over.revoked} learners are passed over, because a certificate of theirs in this batch was "
            "revoked: only an issue call that names them awards this template to them."
        )
    return AttachResult(len(due), warnings)


async def compose_preview(
    services: Services, caller: Caller, batch: Batch, attachment: Attachment
) -> tuple[dict[str, Any], list[str]]:
    """A template as it would be attached, and what its owner should know; nothing is stored."""
    composition = await compose(services, caller, batch, attachment)
    template = read_template(attachment.template_id, composition.stored)
    return composition.stored, composition.doubts + await doubts_about(services, batch, template)


async def detach(services: Services, caller: Caller, attachment: Attachment) -> None:
    """Take a template off a batch, known elsewhere or not (defect 29); what was issued stays.

    One that is not attached must at least be a template: raises the refusals of contract batches §4.2, R9 to R13.
    """
    batch = await managed_batch(services, caller, attachment.batch_id, attachment.course_id)
    key = {"batch_id": batch.batch_id, "template_id": attachment.template_id}
    async with services.pool.acquire() as conn, conn.transaction():
        if detached := await db.run(conn, Q.detach_template, **key):
            await audit.end(conn)
    if not detached and attachment.template_id != DEFAULT_TEMPLATE:
        await find_asset(services, attachment.template_id)


async def queue_issue(services: Services, caller: Caller, request: IssueRequest, *, again: bool) -> QueuedIssue:
    """Queue the named learners, or all who completed, for evaluation. `again`: replace what was issued.

    Without names, learners with a revoked or suspended certificate are passed over (template.rules.passed_over).
    Raises the refusals of contract batches §4.3, I4 to I6.
    """
    batch = await managed_batch(services, caller, request.batch_id, request.course_id)
    if not batch.templates:
        raise rules.NoTemplates(batch.batch_id)
    named = list(request.user_ids) or None
    status = None if named else Progress.COMPLETED
    async with services.pool.acquire() as conn, conn.transaction():
        due = await _queue(conn, services, batch.batch_id, "asked", user_ids=named, status=status, again=again)
        passed_over = PassedOver() if named else await _passed_over(conn, batch.batch_id, status)
        if outbox.publishes_to_kafka(services.config):
            now_ms = services.clock.now_ms()
            for user_ids in chunks(due, EVENTS_AT_ONCE):  # other tasks of the process run in between
                instructions = [
                    events.instruction(services.config, now_ms, batch, user_id, again=again) for user_id in user_ids
                ]
                await outbox.publish(conn, services, instructions)
        await audit.end(conn)
    services.wake.now()
    return QueuedIssue(len(due), passed_over)


async def change_status(services: Services, caller: Caller, change: StatusChange) -> None:
    """Revoke or suspend a certificate, or reinstate a suspended one; the status lists and its page say so at once.

    A revoked certificate leaves the learner's list; only a re-issue that names the learner gives another.
    Raises: NotFound, Unauthorized, rules.CannotChange.
    """
    holders = await db.all(
        services.pool, CertificateHolder, Q.holders_of_certificate, certificate_id=change.certificate_id
    )
    statement = Q.set_status
    if not holders:  # perhaps another service issued it, and its data was moved here
        stored = await imported.find(services, change.certificate_id)
        if stored is None or stored.is_erased:
            raise NotFound
        holders, statement = [CertificateHolder(stored.user_id, stored.batch_id)], Q.set_imported_status
    batch_id, user_ids = holders[0].batch_id, [holder.user_id for holder in holders]
    await managed_batch(services, caller, batch_id)
    async with services.pool.acquire() as conn, conn.transaction():
        # The same locks in the same order as issuing takes them, or the two would deadlock.
        await db.all(
            conn, CertificateHolder, Q.lock_enrolments, user_ids=user_ids, batch_ids=[batch_id] * len(user_ids)
        )
        await db.run(conn, Q.withdraw_re_issue, user_ids=user_ids, batch_id=batch_id)
        changed = await db.run(
            conn,
            statement,
            certificate_id=change.certificate_id,
            status=change.status.value,
            admitted=[status.value for status in rules.CHANGES[change.status]],
            changed_by=caller.user_id,
            reason=change.reason,
            code=change.code,
            now=services.clock.now(),
        )
        if not changed:
            raise rules.CannotChange(change.status)
        if change.status is CertificateStatus.REVOKED:
            entry = {"certificate_id": change.certificate_id, "batch_id": batch_id}
            await db.run(conn, Q.remove_entry, **entry, user_ids=user_ids)
        await audit.end(conn)


async def re_sign(services: Services) -> ReSigning:
    """Sign again, with the key that signs now, whatever a bad key has signed here. Can be done twice.

    What it says stays to the letter. A record that does not fit its signature was changed: it is not signed.
    """
    issuer_keys, after, count, broken = key_set(services.config), "", 0, []
    bad_names = [key.name for key in issuer_keys.bad]
    while page := await db.all(
        services.pool, SignedCertificate, Q.signed_by, names=bad_names, after=after, limit=RE_SIGN_AT_ONCE
    ):
        signed = []
        for certificate in page:
            if proof.trusted_proofs(certificate.credential, issuer_keys.bad):
                unsigned = {name: value for name, value in certificate.credential.items() if name != "proof"}
                signing = replace(
                    issuer_keys, did=certificate.credential["issuer"]["id"]
                )  # the address may be another since
                signed.append((certificate.certificate_id, proof.sign(unsigned, signing, services.clock.now())))
            else:
                broken.append(certificate.certificate_id)
            await asyncio.sleep(0)
        await db.run(
            services.pool,
            Q.replace_credentials,
            certificate_ids=[certificate_id for certificate_id, _ in signed],
            credentials=[document for _, document in signed],
        )
        count, after = count + len(signed), page[-1].certificate_id
    return ReSigning(count, broken)


async def retry(services: Services, batch_id: str, user_id: str | None = None) -> int:
    """Queue the parked learners of a batch again, or one of them. Returns their number."""
    return await db.run(services.pool, Q.retry_parked, batch_id=batch_id, user_id=user_id, now=services.clock.now())


async def retry_all(services: Services) -> int:
    """Queue the parked learners of all batches again. Returns their number."""
    return await db.run(services.pool, Q.retry_all_parked, now=services.clock.now())


async def _queue(
    conn: db.Connection,
    services: Services,
    batch_id: str,
    reason: str,
    *,
    user_ids: Sequence[str] | None = None,
    status: int | None = None,
    again: bool = False,
) -> list[str]:
    """Queue learners for evaluation. Returns their user ids."""
    rows = await db.all(
        conn,
        QueuedLearner,
        Q.queue_learners,
        batch_id=batch_id,
        user_ids=user_ids,
        status=status,
        reason=reason,
        re_issue=again,
        now=services.clock.now(),
    )
    return [row.user_id for row in rows]


async def _passed_over(conn: db.Connection, batch_id: str, status: int | None) -> PassedOver:
    """How many learners a bulk action leaves out. `status`: of their enrolments; None: any."""
    passed_over = await db.one(conn, PassedOver, Q.decided_in_batch, batch_id=batch_id, status=status)
    return passed_over or PassedOver()


async def managed_batch(services: Services, caller: Caller, batch_id: str, course_id: str | None = None) -> Batch:
    """The batch, if it exists, is of the course, and the caller may award in it.

    Raises: rules.NoSuchBatch, rules.NotOfCourse, Unauthorized.
    """
    batch = await batches.find(services.pool, batch_id)
    if batch is None:
        raise NoSuchBatch
    if course_id is not None and batch.course_id != course_id:
        raise NotOfCourse
    if not may_manage(caller, batch, services.config):
        raise Unauthorized
    return batch
