"""What can be done with exhausts: ask, look, take a turn at what is due, forget what is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from lernbatch import log
from lernbatch.archive import model
from lernbatch.archive.store import Store
from lernbatch.config import Config
from lernbatch.database import db, sql
from lernbatch.database.db import Connection
from lernbatch.errors import Upstream
from lernbatch.exhaust import manifest, rules, wire
from lernbatch.exhaust.model import COUNTING, Request, Requester, Selection, Submission
from lernbatch.report.model import Dataset, ReportBatch
from lernbatch.sealing import decrypt_as_reference, seal_of
from lernbatch.services import Services
from lernbatch.web.caller import Caller

Q = sql.load("lernbatch.exhaust")
SEARCHED_COURSES = 1000
POSTPONED = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class LinkedRequest:
    """A request with links that are made for this answer."""

    request: Request
    links: tuple[str, ...]
    manifest_link: str | None
    expire_at: datetime


async def admitted(services: Services, caller: Caller, channel: str | None) -> str:
    """The channel for which the caller may ask for reports. `channel`: the one they name; None: their own.

    Raises: rules.NotAuthorised, without a fitting role or in another organisation's channel; Upstream.
    """
    config = services.config
    if not caller.authentication_enabled:
        return channel or config.default_channel
    person = await services.sunbird.users.profile(caller.user_id or "", caller.token)
    if person is None:
        raise rules.NotAuthorised
    roles = {*config.exhaust_roles, *config.report_roles}
    if not caller.administers([person.root_org_id], roles) and roles.isdisjoint(person.roles):
        raise rules.NotAuthorised
    if channel is not None and channel != person.root_org_id:
        raise rules.NotAuthorised
    return person.root_org_id or config.default_channel


async def submit(services: Services, requester: Requester, asked: Submission) -> Request:
    """Ask for a report; it is begun at once. One that was asked for today already is answered as it stands.

    Raises: rules.ShortKey, rules.NotAuthorised.
    """
    if asked.key is not None and len(_plain(services.config, asked.key)) < services.config.exhaust_key_characters:
        raise rules.ShortKey(services.config.exhaust_key_characters)
    wanted = _readable(asked)
    if wanted is not None:
        await _check_owner(services, requester, asked.channel, asked.dataset, wanted)
    fingerprint = seal_of(services.config).digest(wire.write_essence(asked))
    request_id, another_id = rules.request_ids(asked, services.clock.today(), fingerprint)
    request = await _insert(services, requester, asked, request_id, fingerprint)
    if request.fingerprint != fingerprint:  # the tag stands for another request, whose files answer another question
        request = await _insert(services, requester, asked, another_id, fingerprint)
    services.wake.now()
    if not await visible(
        services, requester, [request]
    ):  # one that was asked for earlier, about batches of others since
        raise rules.NotAuthorised
    return request


async def _insert(
    services: Services, requester: Requester, asked: Submission, request_id: str, fingerprint: bytes
) -> Request:
    """Ask under this id; what stands there afterwards, be it an earlier request."""
    now, organisation_ids = services.clock.now(), requester.organisation_ids
    await db.run(
        services.pool,
        Q.insert_request,
        request_id=request_id,
        tag=asked.tag,
        dataset=asked.dataset,
        requested_by=asked.requested_by,
        channel=asked.channel,
        config=dict(asked.config),
        output_format=asked.output_format,
        sealed_key=None if asked.key is None else seal_of(services.config).close(asked.key.encode(), request_id),
        fingerprint=fingerprint,
        requester_id=requester.user_id,
        organisation_ids=None if organisation_ids is None else sorted(organisation_ids),
        zip_encryption=asked.zip_encryption,
        now=now,
        expires_at=now + _retention(services.config, asked.dataset),
    )
    request = await find(services.pool, request_id)
    assert request is not None, "a request is not removed on the day it was made"
    return request


def password(config: Config, request: Request) -> str | None:
    """The key that the caller gave, plain; None without one."""
    if request.sealed_key is None:
        return None
    return _plain(config, seal_of(config).open(request.sealed_key, request.request_id).decode()) or None


def _plain(config: Config, key: str) -> str:
    """A key as it was typed: the reference's proxy passes it on encrypted."""
    return decrypt_as_reference(key, config.exhaust_encryption_salt.get_secret_value())


async def find(conn: Connection, request_id: str) -> Request | None:
    return await db.one(conn, Request, Q.request_by_id, request_id=request_id)


async def is_there(services: Services, path: str) -> bool:
    """Whether the request that a file of the store belongs to still delivers files: a link may outlive them."""
    return bool(await db.value(services.pool, Q.is_delivered, request_id=path.split("/")[1] if "/" in path else ""))


async def of_tag(services: Services, requester: Requester, tag: str, channel: str, limit: int) -> list[Request]:
    """The requests of a tag that the requester may see, newest first."""
    rows = await db.all(services.pool, Request, Q.requests_of_tag, tag=tag, channel=channel, limit=limit)
    return await visible(services, requester, rows)


async def visible(services: Services, requester: Requester, requests: Sequence[Request]) -> list[Request]:
    """Those of `requests` about batches that are all the requester's now: their answers carry links to the files.

    What holds no file they see too, if they asked for it or report for its channel: it may say what was wrong.
    """
    if requester.organisation_ids is None:
        return list(requests)
    about = {request.request_id: {*_batch_ids(request), *request.batch_ids} for request in requests}
    batches = await offers_of(services.pool, [batch_id for batch_ids in about.values() for batch_id in batch_ids])
    theirs = {batch.batch_id: rules.may_have(requester, batch) for batch in batches}

    def may_see(request: Request) -> bool:
        mine = requester.user_id is not None and request.requester_id == requester.user_id
        mine = mine or rules.reports_for(requester, request.channel)
        if not about[request.request_id]:
            return mine and not request.deliveries
        return all(theirs.get(batch_id, mine) for batch_id in about[request.request_id])  # nobody has what is not there

    return [request for request in requests if may_see(request)]


async def shown(services: Services, requests: Sequence[Request]) -> list[LinkedRequest]:
    """`requests` with links to their files that last from now (contract jobs §5.3)."""
    return [await _shown(services, request) for request in requests]


async def _shown(services: Services, request: Request) -> LinkedRequest:
    now, lasts = services.clock.now(), timedelta(minutes=services.config.exhaust_link_minutes)
    files = Store(services.config)
    asked = {batch_id: place for place, batch_id in enumerate(_batch_ids(request))}
    delivered = sorted(request.deliveries, key=lambda one: asked.get(one["batchId"], len(asked)))
    links = tuple([await files.link(one["filePath"], now, lasts) for one in delivered])
    described = f"{manifest.folder(request.dataset, request.request_id)}/{manifest.NAME}" if links else None
    return LinkedRequest(request, links, await files.link(described, now, lasts) if described else None, now + lasts)


async def offers_of(conn: Connection, batch_ids: Sequence[str]) -> list[ReportBatch]:
    """The batches that exist, each once, in the order of `batch_ids`."""
    found = {
        one.batch_id: one for one in await db.all(conn, ReportBatch, Q.batches_by_id, batch_ids=list(set(batch_ids)))
    }
    return [found[batch_id] for batch_id in dict.fromkeys(batch_ids) if batch_id in found]


async def offers(services: Services, wanted: Selection, dataset: Dataset, channel: str) -> list[ReportBatch]:
    """The batches that a request is about (contract jobs §5.5, §6.1). Raises: Upstream."""
    if wanted.batch_ids:
        return await offers_of(services.pool, wanted.batch_ids)
    if wanted.search is None:
        return await _offers_of_channel(services, wanted, channel) if dataset.spans_batches else []
    filters = wanted.search.get("filters")
    hits = await services.sunbird.search.courses(
        filters if isinstance(filters, dict) else {}, fields=["identifier"], limit=SEARCHED_COURSES
    )
    course_ids = [str(hit["identifier"]) for hit in hits if "identifier" in hit]
    return await db.all(services.pool, ReportBatch, Q.batches_of_courses, course_ids=course_ids)


async def _offers_of_channel(services: Services, wanted: Selection, channel: str) -> list[ReportBatch]:
    """Batches of a channel: those that started from a day on, or all, or those that run or ended yesterday."""
    running = wanted.started_from is None and not wanted.all_batches
    return await db.all(
        services.pool,
        ReportBatch,
        Q.batches_of_channel,
        channel=channel,
        started_from=wanted.started_from,
        ended_from=services.clock.today() - timedelta(days=1) if running else None,
    )


async def forget(services: Services, request: Request) -> None:
    """Delete a request and its files; where the store does not, both are left to `forget_expired`, and due."""
    if await delete_files(services, request.dataset, request.request_id):
        await db.run(services.pool, Q.delete_requests, request_ids=[request.request_id])


async def delete_files(services: Services, dataset: str, request_id: str) -> bool:
    """Delete the files of a request; False where the store does not: the request is due to be forgotten with them."""
    try:
        await Store(services.config).delete_folder(manifest.folder(dataset, request_id))
    except Upstream as failure:
        log.warning("the files of an exhaust stay", request_id=request_id, detail=failure.detail)
        await db.run(services.pool, Q.postpone_expiry, request_id=request_id, until=services.clock.now())
        return False
    return True


async def withdraw_files_with(conn: Connection, user_ids: Sequence[str], now: datetime) -> int:
    """End every request whose files hold one of `user_ids`, running ones too; how many. To be called while their
    enrolments still tell where they are.

    From the transaction's end nobody gets a link or a file of those; `forget_expired` deletes them within minutes.
    """
    return await db.run(
        conn,
        Q.end_requests_with,
        user_ids=list(user_ids),
        counting=COUNTING,
        message=rules.PERSON_ERASED,
        now=now,
    )


async def forget_expired(services: Services, *, limit: int = 100) -> int:
    """Delete requests whose time is over, their files first; how many."""
    async with services.pool.acquire() as conn, conn.transaction():
        rows = await conn.fetch(
            Q.requests_expired.text, *Q.requests_expired.arguments({"now": services.clock.now(), "limit": limit})
        )
        # Should the process die between files and rows, the next run finds the files gone and deletes the rows.
        gone = [row["request_id"] for row in rows if await _is_emptied(services, conn, row)]
        return await db.run(conn, Q.delete_requests, request_ids=gone)


async def _is_emptied(services: Services, conn: Connection, row: Mapping[str, Any]) -> bool:
    """Delete the files of an expired request; where that fails its row stays, and comes after the others."""
    try:
        await Store(services.config).delete_folder(manifest.folder(row["dataset"], row["request_id"]))
    except Upstream as failure:
        log.warning("the files of an expired exhaust stay", request_id=row["request_id"], detail=failure.detail)
        until = services.clock.now() + POSTPONED
        await db.run(conn, Q.postpone_expiry, request_id=row["request_id"], until=until)
        return False
    return True


def _readable(asked: Submission) -> Selection | None:
    """What is wanted; None where the run will say what is wrong with it."""
    try:
        return wire.read_wanted(asked.config)
    except model.CannotBeMade:
        return None


async def _check_owner(
    services: Services, requester: Requester, channel: str, dataset: Dataset, wanted: Selection
) -> None:
    if wanted.search is not None or (dataset.spans_batches and not wanted.batch_ids):
        # Nobody can say beforehand which batches that will be; of those, the run leaves out what is not theirs.
        allowed = rules.reports_for(requester, channel)
    else:
        batches = await offers_of(services.pool, wanted.batch_ids)
        allowed = all(rules.may_have(requester, batch) for batch in batches)
    if not allowed:
        raise rules.NotAuthorised


def _batch_ids(request: Request) -> tuple[str, ...]:
    try:
        return wire.read_wanted(request.config).batch_ids
    except model.CannotBeMade:
        return ()


def _retention(config: Config, dataset: Dataset) -> timedelta:
    return timedelta(
        days=config.exhaust_personal_retention_days if dataset.is_personal else config.exhaust_retention_days
    )
