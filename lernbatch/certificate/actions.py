"""What mentors and administrators do: attach and detach templates, ask for issuing, revoke."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from lernbatch import db, sql
from lernbatch.auth import Caller
from lernbatch.batch import actions as batches
from lernbatch.batch.model import Batch
from lernbatch.certificate import events, files, keys, looks, rules, wire
from lernbatch.certificate.keys import Ring
from lernbatch.certificate.model import DEFAULT_TEMPLATE, Standing, Template
from lernbatch.certificate.wire import Attachment, IssueRequest
from lernbatch.config import Config
from lernbatch.course import actions as courses
from lernbatch.errors import NotFound, Unauthorized
from lernbatch.outbox import actions as outbox
from lernbatch.services import Services
from lernbatch.sunbird.http import chunks

Q = sql.load("lernbatch.certificate")
EVENTS_AT_ONCE = 250


@dataclass(frozen=True, slots=True)
class Asked:
    """Who is to be judged."""

    user_id: str


@dataclass(frozen=True, slots=True)
class Changed:
    """Whose certificate changed."""

    user_id: str
    batch_id: str


@dataclass(frozen=True, slots=True)
class Attached:
    """What came of attaching a template: how many learners are judged now, and what its owner should know."""

    due: int
    warnings: list[str] = field(default_factory=list)


def ring(config: Config) -> Ring:
    """The keys that sign, read again when the folder changes. Raises: Unusable."""
    folder = keys.folder_of(config)
    return _ring(folder, config.public_url, folder.stat().st_mtime_ns if folder.is_dir() else 0)


@cache
def _ring(folder: Path, public_url: str, _changed: int) -> Ring:
    return keys.open_ring(folder, public_url)


async def attach(services: Services, caller: Caller, asked: Attachment) -> Attached:
    """Put a template on a batch, in place of one of the same id, and judge everybody it may be for.

    Raises the refusals of contract batches §4.1, A24 to A34; rules.UnreadableTemplate when its SVG is broken.
    """
    batch = await owned_batch(services, caller, asked.batch_id, asked.course_id)
    stored = await _composed(services, asked)
    template = wire.read_template(asked.template_id, stored)
    warnings = await files.fetch(services, template)
    warnings += await _doubts(services, batch, template)
    status = template.criteria.enrolment_status
    async with services.pool.acquire() as conn, conn.transaction():
        await db.run(conn, Q.attach_template, batch_id=batch.batch_id, template_id=asked.template_id, template=stored)
        due = await _ask(conn, services, batch.batch_id, "template", status=status)
        await looks.begin(conn, batch.batch_id, services.clock.now())
    services.wake.now()
    return Attached(len(due), warnings)


async def considered(services: Services, batch: Batch, asked: Attachment) -> tuple[dict[str, Any], list[str]]:
    """A template as it would be attached, and what its owner should know; nothing is kept."""
    stored = await _composed(services, asked)
    return stored, await _doubts(services, batch, wire.read_template(asked.template_id, stored))


async def detach(services: Services, caller: Caller, asked: Attachment) -> None:
    """Take a template off a batch, known elsewhere or not (defect 29); what was issued stays."""
    batch = await owned_batch(services, caller, asked.batch_id, asked.course_id)
    await db.run(services.pool, Q.detach_template, batch_id=batch.batch_id, template_id=asked.template_id)


async def ask(services: Services, caller: Caller, asked: IssueRequest, *, again: bool) -> int:
    """Judge the named learners, or all who completed, now; how many. `again`: also who has the certificate already.

    Raises the refusals of contract batches §4.3, I4 to I6.
    """
    batch = await owned_batch(services, caller, asked.batch_id, asked.course_id)
    if not batch.templates:
        raise rules.NoTemplates(batch.batch_id)
    named = list(asked.user_ids) or None
    status = None if named else rules.COMPLETED
    async with services.pool.acquire() as conn, conn.transaction():
        due = await _ask(conn, services, batch.batch_id, "asked", user_ids=named, status=status, again=again)
        if outbox.hears_kafka(services.config):
            now_ms = services.clock.now_ms()
            for some in chunks(due, EVENTS_AT_ONCE):  # others have their turn between
                told = [events.instruction(services.config, now_ms, batch, one, again=again) for one in some]
                await outbox.tell(conn, services, told)
    services.wake.now()
    return len(due)


async def change_standing(
    services: Services, caller: Caller, certificate_id: str, standing: Standing, reason: str
) -> None:
    """Revoke or suspend a certificate, or reinstate a suspended one; the status lists and its page say so at once.

    A revoked certificate leaves the learner's list; only a re-issue gives another. Raises: NotFound, Unauthorized,
    rules.CannotChange.
    """
    batch_id = await db.value(services.pool, Q.batch_of_certificate, certificate_id=certificate_id)
    if batch_id is None:
        raise NotFound
    await owned_batch(services, caller, batch_id)
    async with services.pool.acquire() as conn, conn.transaction():
        changed = await db.one(
            conn,
            Changed,
            Q.set_standing,
            certificate_id=certificate_id,
            status=standing.value,
            admitted=[one.value for one in rules.CHANGES[standing]],
            changed_by=caller.user_id,
            reason=reason,
            now=services.clock.now(),
        )
        if changed is None:
            raise rules.CannotChange(standing)
        if standing is Standing.REVOKED:
            key = {"user_id": changed.user_id, "batch_id": changed.batch_id}
            await db.run(conn, Q.remove_entry, certificate_id=certificate_id, **key)


async def retry(services: Services, batch_id: str, user_id: str | None = None) -> int:
    """Judge again those of a batch whose certificates failed and were parked; how many."""
    return await db.run(services.pool, Q.retry_parked, batch_id=batch_id, user_id=user_id, now=services.clock.now())


async def _ask(
    conn: db.Connection,
    services: Services,
    batch_id: str,
    reason: str,
    *,
    user_ids: Sequence[str] | None = None,
    status: int | None = None,
    again: bool = False,
) -> list[str]:
    """Have learners judged; whom."""
    rows = await db.all(
        conn,
        Asked,
        Q.ask_for_batch,
        batch_id=batch_id,
        user_ids=user_ids,
        status=status,
        reason=reason,
        re_issue=again,
        now=services.clock.now(),
    )
    return [row.user_id for row in rows]


async def owned_batch(services: Services, caller: Caller, batch_id: str, course_id: str | None = None) -> Batch:
    """The batch, if it exists, is of the course, and the caller may award in it.

    Raises: rules.NoSuchBatch, rules.NotOfCourse, Unauthorized.
    """
    batch = await batches.find(services.pool, batch_id)
    if batch is None:
        raise rules.NoSuchBatch
    if course_id is not None and batch.course_id != course_id:
        raise rules.NotOfCourse
    roles = services.config.administrator_roles
    if services.config.ownership_enforced and not rules.may_award(
        caller, batch.created_by, batch.mentors, batch.created_for, roles
    ):
        raise Unauthorized
    return batch


async def _composed(services: Services, asked: Attachment) -> dict[str, Any]:
    """The template as the batch keeps it: the request's, completed from the asset it names."""
    issuer, signatories = asked.template.get("issuer"), asked.template.get("signatoryList")
    if asked.template_id == DEFAULT_TEMPLATE:
        own = {"name": services.config.certificate_issuer_name, "url": services.config.public_url}
        name = str(asked.template.get("name") or "Certificate")
        return _complete(asked, name, default_url(services.config), issuer or own, signatories)
    asset = await services.sunbird.templates.template(asked.template_id)
    if asset is None:
        raise rules.UnknownTemplate(asked.template_id)
    if asset.template_id != asked.template_id:
        raise rules.InvalidTemplate(asked.template_id)
    base = services.config.cloud_store_url
    url = asset.artifact_url
    if base and url.startswith(base):
        url = services.config.cloud_store_placeholder + url.removeprefix(base)
    return _complete(asked, asset.title, url, issuer or asset.issuer, signatories or asset.signatories)


def _complete(
    asked: Attachment, name: str, url: str, issuer: Mapping[str, Any] | None, signatories: Sequence[Any] | None
) -> dict[str, Any]:
    signatories = [signatory for signatory in signatories or () if isinstance(signatory, dict) and signatory]
    if not issuer or not signatories:
        raise rules.NoSigner(asked.template_id)
    return wire.stored_template(asked, name=name, url=url, issuer=issuer, signatories=signatories)


def default_url(config: Config) -> str:
    """Where our own template is read, for portals that draw certificates themselves."""
    return f"{config.public_url.rstrip('/')}/certs/templates/{DEFAULT_TEMPLATE}.svg"


async def _doubts(services: Services, batch: Batch, template: Template) -> list[str]:
    """What may be wrong with a template although it can be attached, as sentences."""
    doubts = []
    others = [name for name in batch.templates if name != template.template_id]
    for other in others:
        if wire.read_template(other, batch.templates[other]).name.lower() == template.name.lower():
            doubts.append(f"Template {other} has the same name: a learner gets only one certificate of a name.")
    doubts += [
        f"The user's {name} is not copied: anybody may see a certificate." for name in rules.not_shareable(template)
    ]
    if rules.needs_scores(template.criteria):
        course = await courses.course(services, batch.course_id, batch.course_version)
        if course is not None:
            assessments = [leaf.content_id for leaf in course.assessments]
            doubts += rules.never_satisfied(template.criteria, course.leaf_node_ids, assessments)
    return doubts
