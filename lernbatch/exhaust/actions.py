"""What can be done with exhausts: ask, look, take a turn at what is due, forget what is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from lernbatch import db, log, sql
from lernbatch.auth import Caller
from lernbatch.batch.rules import administers, is_unbounded, may_manage
from lernbatch.config import Config
from lernbatch.db import Connection
from lernbatch.errors import Upstream
from lernbatch.exhaust import manifest, rules, wire
from lernbatch.exhaust.model import Dataset, Offer, Request, Submission, Wanted
from lernbatch.exhaust.sealing import Seal, decrypt_as_reference, key_of
from lernbatch.exhaust.store import Store
from lernbatch.services import Services

Q = sql.load("lernbatch.exhaust")
SEARCHED_COURSES = 1000
POSTPONED = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Shown:
    """A request with links that are made for this answer."""

    request: Request
    links: tuple[str, ...]
    manifest_link: str | None
    expire_at: datetime


def seal(config: Config) -> Seal:
    """What seals keys and personal data of this installation."""
    return Seal(_key(config))


def store(config: Config) -> Store:
    return Store(config, _key(config))


def _key(config: Config) -> bytes:
    return key_of(config.home, config.exhaust_key.get_secret_value())


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
    if not caller.has_role(config.exhaust_roles) and not set(person.roles) & set(config.exhaust_roles):
        raise rules.NotAuthorised
    if channel is not None and channel != person.root_org_id:
        raise rules.NotAuthorised
    return person.root_org_id or config.default_channel


async def submit(services: Services, caller: Caller, asked: Submission) -> Request:
    """Ask for a report; it is begun at once. One that was asked for today already is answered as it stands.

    Raises: rules.NotAuthorised.
    """
    wanted = _readable(asked)
    if wanted is not None:
        await _check_owner(services, caller, asked.channel, asked.dataset, wanted)
    kind = asked.config.get("type")
    request_id = rules.request_id(
        asked.dataset,
        asked.tag,
        asked.requested_by,
        asked.channel,
        services.clock.today(),
        kind if isinstance(kind, str) else None,
    )
    now = services.clock.now()
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
        sealed_key=None if asked.key is None else seal(services.config).close(asked.key.encode(), request_id),
        now=now,
        expires_at=now + _retention(services.config, asked.dataset),
    )
    services.wake.now()
    found = await find(services.pool, request_id)
    assert found is not None, "a request is not removed on the day it was made"
    if not await visible(services, caller, [found]):  # it may be an earlier one, about other batches
        raise rules.NotAuthorised
    return found


def password(config: Config, request: Request) -> str | None:
    """The key that the caller gave, plain; None without one. Values the reference's proxy encrypted are read too."""
    if request.sealed_key is None:
        return None
    given = seal(config).open(request.sealed_key, request.request_id).decode()
    return decrypt_as_reference(given, config.exhaust_encryption_salt.get_secret_value()) or None


async def find(conn: Connection, request_id: str) -> Request | None:
    return await db.one(conn, Request, Q.request_by_id, request_id=request_id)


async def of_tag(services: Services, caller: Caller, tag: str, channel: str, limit: int) -> list[Request]:
    """The requests of a tag that the caller may see, newest first."""
    found = await db.all(services.pool, Request, Q.requests_of_tag, tag=tag, channel=channel, limit=limit)
    return await visible(services, caller, found)


async def visible(services: Services, caller: Caller, requests: Sequence[Request]) -> list[Request]:
    """Those of `requests` about batches that are the caller's now: their answers carry links to the files.

    What the caller asked for themselves, and holds no file of theirs to lose, they see too: it may say what was wrong.
    """
    config = services.config
    if is_unbounded(caller, config):
        return list(requests)
    wanted = {request.request_id: _batch_ids(request) for request in requests}
    offers = await offers_of(services.pool, [one for ids in wanted.values() for one in ids])
    theirs = {offer.batch_id: may_manage(caller, offer, config) for offer in offers}

    def shown(request: Request) -> bool:
        if administers(caller, [request.channel], config):
            return True
        mine, ids = request.requested_by == caller.user_id, wanted[request.request_id]
        if not ids:
            return mine and not request.deliveries
        return all(theirs.get(batch_id, mine) for batch_id in ids)  # there is no file of what does not exist

    return [request for request in requests if shown(request)]


async def shown(services: Services, requests: Sequence[Request]) -> list[Shown]:
    """`requests` with links to their files that last from now (contract jobs §5.3)."""
    return [await _shown(services, request) for request in requests]


async def _shown(services: Services, request: Request) -> Shown:
    now, lasts = services.clock.now(), timedelta(minutes=services.config.exhaust_link_minutes)
    files = store(services.config)
    asked = {batch_id: place for place, batch_id in enumerate(_batch_ids(request))}
    delivered = sorted(request.deliveries, key=lambda one: asked.get(one["batchId"], len(asked)))
    links = tuple([await files.link(one["filePath"], now, lasts) for one in delivered])
    described = f"{manifest.folder(request)}/{manifest.NAME}" if links else None
    return Shown(request, links, await files.link(described, now, lasts) if described else None, now + lasts)


async def offers_of(conn: Connection, batch_ids: Sequence[str]) -> list[Offer]:
    """The batches that exist, each once, in the order of `batch_ids`."""
    found = {one.batch_id: one for one in await db.all(conn, Offer, Q.batches_by_id, batch_ids=list(set(batch_ids)))}
    return [found[batch_id] for batch_id in dict.fromkeys(batch_ids) if batch_id in found]


async def offers(services: Services, wanted: Wanted, dataset: Dataset, channel: str) -> list[Offer]:
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
    return await db.all(services.pool, Offer, Q.batches_of_courses, course_ids=course_ids)


async def _offers_of_channel(services: Services, wanted: Wanted, channel: str) -> list[Offer]:
    """Batches of a channel: those that started from a day on, or all, or those that run or ended yesterday."""
    running = wanted.started_from is None and not wanted.all_batches
    return await db.all(
        services.pool,
        Offer,
        Q.batches_of_channel,
        channel=channel,
        started_from=wanted.started_from,
        ended_from=services.clock.today() - timedelta(days=1) if running else None,
    )


async def forget(services: Services, request: Request) -> None:
    """Delete a request and its files; where the store does not, both are left to `forget_expired`, and due."""
    try:
        await store(services.config).delete_folder(manifest.folder(request))
    except Upstream as failure:
        log.warning("the files of an exhaust stay", request_id=request.request_id, detail=failure.detail)
        await db.run(services.pool, Q.postpone_expiry, request_id=request.request_id, until=services.clock.now())
        return
    await db.run(services.pool, Q.delete_requests, request_ids=[request.request_id])


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
        await store(services.config).delete_folder(f"{row['dataset']}/{row['request_id']}")
    except Upstream as failure:
        log.warning("the files of an expired exhaust stay", request_id=row["request_id"], detail=failure.detail)
        until = services.clock.now() + POSTPONED
        await db.run(conn, Q.postpone_expiry, request_id=row["request_id"], until=until)
        return False
    return True


def _readable(asked: Submission) -> Wanted | None:
    """What is wanted; None where the run will say what is wrong with it."""
    try:
        return wire.read_wanted(asked.config)
    except rules.CannotBeMade:
        return None


async def _check_owner(services: Services, caller: Caller, channel: str, dataset: Dataset, wanted: Wanted) -> None:
    config = services.config
    if wanted.search is not None or (dataset.spans_batches and not wanted.batch_ids):
        # Nobody can say beforehand which batches that will be, so it takes somebody who may have them all.
        allowed = administers(caller, [channel], config)
    else:
        found = await offers_of(services.pool, wanted.batch_ids)
        allowed = all(may_manage(caller, batch, config) for batch in found)
    if not allowed:
        raise rules.NotAuthorised


def _batch_ids(request: Request) -> tuple[str, ...]:
    try:
        return wire.read_wanted(request.config).batch_ids
    except rules.CannotBeMade:
        return ()


def _retention(config: Config, dataset: Dataset) -> timedelta:
    return timedelta(
        days=config.exhaust_personal_retention_days if dataset.is_personal else config.exhaust_retention_days
    )
