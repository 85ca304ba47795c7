"""What can be done with exhausts: submit a request, list and search requests, forget those that are over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from lernbatch import log
from lernbatch.archive import model
from lernbatch.archive.store import Store
from lernbatch.config import Config
from lernbatch.database import db, sql
from lernbatch.database.db import Connection
from lernbatch.errors import Upstream
from lernbatch.exhaust import manifest, rules, wire
from lernbatch.exhaust.model import (
    COUNTING,
    ExhaustRequest,
    LinkedRequest,
    ReportSubmission,
    Requester,
    RequestSearch,
    Selection,
)
from lernbatch.exhaust.wire_selection import read_selection
from lernbatch.report.model import Dataset, ReportBatch
from lernbatch.sealing import decrypt_as_reference, seal_of
from lernbatch.services import Services
from lernbatch.web import audit
from lernbatch.web.caller import Caller

Q = sql.load("lernbatch.exhaust")
POSTPONED = timedelta(hours=1)


async def admitted(services: Services, caller: Caller, channel: str | None) -> str:
    """The channel for which the caller may request reports. `channel`: the one they name; None: their own.

    Raises: rules.NotAuthorised, without a fitting role or in another organisation's channel; Upstream.
    """
    config = services.config
    if not caller.authentication_enabled:
        return channel or config.default_channel
    profile = await services.sunbird.users.profile(caller.user_id or "", caller.token)
    if profile is None:
        raise rules.NotAuthorised
    roles = {*config.exhaust_roles, *config.report_roles}
    if not caller.administers([profile.root_org_id], roles) and roles.isdisjoint(profile.roles):
        raise rules.NotAuthorised
    if channel is not None and channel != profile.root_org_id:
        raise rules.NotAuthorised
    return profile.root_org_id or config.default_channel


async def submit(services: Services, requester: Requester, submission: ReportSubmission) -> LinkedRequest:
    """Store a request, which a worker begins at once. One that was made today already is answered as it stands.

    Raises: rules.ShortKey; rules.NotAuthorised, when a batch is not the requester's.
    """
    config, selection = services.config, submission.selection
    if submission.key is not None and len(_plain(config, submission.key)) < config.exhaust_key_characters:
        raise rules.ShortKey(config.exhaust_key_characters)
    if selection is not None:
        if selection.search is not None or (submission.dataset.spans_batches and not selection.batch_ids):
            # Nobody can say beforehand which batches that will be; of those, the run leaves out what is not theirs.
            permitted = rules.reports_for(requester, submission.channel)
        else:
            batches = await batches_of(services.pool, selection.batch_ids)
            permitted = all(rules.may_have(requester, batch) for batch in batches)
        if not permitted:
            raise rules.NotAuthorised
    fingerprint = seal_of(config).digest(wire.write_essence(submission))
    request_id, another_id = rules.request_ids(submission, services.clock.today(), fingerprint)
    request = await _insert(services, requester, submission, request_id, fingerprint)
    if request.fingerprint != fingerprint:  # the tag stands for another request, whose files answer another question
        request = await _insert(services, requester, submission, another_id, fingerprint)
    services.wake.now()
    linked = await linked_requests(services, requester, [request])
    if not linked:  # it was made earlier, about batches that have become others'
        raise rules.NotAuthorised
    return linked[0]


async def _insert(
    services: Services, requester: Requester, submission: ReportSubmission, request_id: str, fingerprint: bytes
) -> ExhaustRequest:
    """Store the submission under this id. Returns the request under that id, which may be an earlier one."""
    config, now, organisation_ids = services.config, services.clock.now(), requester.organisation_ids
    is_personal = submission.dataset.is_personal
    retention_days = config.exhaust_personal_retention_days if is_personal else config.exhaust_retention_days
    key = None if submission.key is None else seal_of(config).close(submission.key.encode(), request_id)
    async with services.pool.acquire() as conn, conn.transaction():
        is_new = await db.run(
            conn,
            Q.insert_request,
            request_id=request_id,
            tag=submission.tag,
            dataset=submission.dataset,
            requested_by=submission.requested_by,
            channel=submission.channel,
            config=dict(submission.config),
            output_format=submission.output_format,
            sealed_key=key,
            fingerprint=fingerprint,
            requester_id=requester.user_id,
            organisation_ids=None if organisation_ids is None else sorted(organisation_ids),
            zip_encryption=submission.zip_encryption,
            now=now,
            expires_at=now + timedelta(days=retention_days),
        )
        if is_new:
            await audit.end(conn)
    request = await find(services.pool, request_id)
    assert request is not None, "a request is not removed on the day it was made"
    return request


def password(config: Config, request: ExhaustRequest) -> str | None:
    """The key that the caller gave, plain; None without one."""
    if request.sealed_key is None:
        return None
    return _plain(config, seal_of(config).open(request.sealed_key, request.request_id).decode()) or None


def _plain(config: Config, key: str) -> str:
    """A key as it was typed: the reference's proxy passes it on encrypted."""
    return decrypt_as_reference(key, config.exhaust_encryption_salt.get_secret_value())


async def find(conn: Connection, request_id: str) -> ExhaustRequest | None:
    """The request with this id; None when there is none."""
    return await db.one(conn, ExhaustRequest, Q.request_by_id, request_id=request_id)


async def is_there(services: Services, path: str) -> bool:
    """Whether the request of a stored file still delivers files: a link may outlive them."""
    return bool(await db.value(services.pool, Q.is_delivered, request_id=path.split("/")[1] if "/" in path else ""))


async def of_tag(services: Services, requester: Requester, tag: str, channel: str, limit: int) -> list[LinkedRequest]:
    """The requests of a tag that the requester may see, newest first, out of the newest `limit`."""
    rows = await db.all(services.pool, ExhaustRequest, Q.requests_of_tag, tag=tag, channel=channel, limit=limit)
    return await linked_requests(services, requester, rows)


async def of_requester(services: Services, requester: Requester, limit: int) -> list[LinkedRequest]:
    """The newest requests that the requester made and may still see."""
    rows = await db.all(
        services.pool, ExhaustRequest, Q.requests_of_requester, requester_id=requester.user_id, limit=limit
    )
    return await linked_requests(services, requester, rows)


async def search(services: Services, requester: Requester, channel: str, filters: RequestSearch) -> list[LinkedRequest]:
    """The requests of a channel that match and that the requester may see, newest first, out of the newest `limit`."""
    rows = await db.all(
        services.pool,
        ExhaustRequest,
        Q.requests_matching,
        dataset=filters.dataset,
        channel=channel,
        status=filters.status,
        submitted_from=filters.submitted_from,
        submitted_before=filters.submitted_before,
        limit=filters.limit,
    )
    return await linked_requests(services, requester, rows)


async def linked_requests(
    services: Services, requester: Requester, requests: Sequence[ExhaustRequest]
) -> list[LinkedRequest]:
    """Those of `requests` that the requester may see, with links that last from now (contract jobs §5.3).

    They see requests about batches that are all theirs now; of a request without batches and files, which only says
    what was wrong with it, those that they made or that are of a channel they report for. Raises: Upstream.
    """
    selected: dict[str, tuple[str, ...]] = {}  # the batches that a request names
    for request in requests:
        try:
            selected[request.request_id] = read_selection(request.config).batch_ids
        except model.CannotBeMade:  # its `datasetConfig` cannot be read
            selected[request.request_id] = ()
    if requester.organisation_ids is not None:
        batch_ids = {batch_id for request in requests for batch_id in request.batch_ids}
        batches = await batches_of(services.pool, [*batch_ids.union(*selected.values())])
        permitted = {batch.batch_id: rules.may_have(requester, batch) for batch in batches}
        requests = [
            request
            for request in requests
            if rules.may_see(requester, request, {*selected[request.request_id], *request.batch_ids}, permitted)
        ]
    now, lasts = services.clock.now(), timedelta(minutes=services.config.exhaust_link_minutes)
    store, linked = Store(services.config), []
    for request in requests:
        order = {batch_id: place for place, batch_id in enumerate(selected[request.request_id])}
        deliveries = sorted(request.deliveries, key=lambda stored: order.get(stored["batchId"], len(order)))
        links = tuple([await store.link(stored["filePath"], now, lasts) for stored in deliveries])
        manifest_path = manifest.path(request.dataset, request.request_id)
        manifest_link = await store.link(manifest_path, now, lasts) if links else None
        linked.append(LinkedRequest(request, links, manifest_link, now + lasts))
    return linked


async def batches_of(conn: Connection, batch_ids: Sequence[str]) -> list[ReportBatch]:
    """The batches that exist, each once, in the order of `batch_ids`."""
    rows = await db.all(conn, ReportBatch, Q.batches_by_id, batch_ids=list(set(batch_ids)))
    batches = {batch.batch_id: batch for batch in rows}
    return [batches[batch_id] for batch_id in dict.fromkeys(batch_ids) if batch_id in batches]


async def selected_batches(
    services: Services, selection: Selection, dataset: Dataset, channel: str
) -> list[ReportBatch]:
    """The batches that a request is about (contract jobs §5.5, §6.1). Raises: Upstream, TooManyCourses.

    A report that spans batches and names none has those of the channel: those that started from a day on, or all, or
    those that run or ended yesterday.
    """
    if selection.batch_ids:
        return await batches_of(services.pool, selection.batch_ids)
    if selection.search is not None:
        filters = selection.search.get("filters")
        most = services.config.exhaust_courses_per_search
        hits = await services.sunbird.search.courses(
            filters if isinstance(filters, dict) else {}, fields=["identifier"], limit=most + 1
        )
        if len(hits) > most:
            raise rules.TooManyCourses(most)
        course_ids = [str(hit["identifier"]) for hit in hits if "identifier" in hit]
        return await db.all(services.pool, ReportBatch, Q.batches_of_courses, course_ids=course_ids)
    if not dataset.spans_batches:
        return []
    only_running = selection.started_from is None and not selection.all_batches
    return await db.all(
        services.pool,
        ReportBatch,
        Q.batches_of_channel,
        channel=channel,
        started_from=selection.started_from,
        ended_from=services.clock.today() - timedelta(days=1) if only_running else None,
    )


async def forget(services: Services, request: ExhaustRequest) -> None:
    """Delete a request and its files. Where the store fails, both stay, and `forget_expired` is due to delete them."""
    if await delete_files(services, request.dataset, request.request_id):
        await db.run(services.pool, Q.delete_requests, request_ids=[request.request_id])


async def delete_files(services: Services, dataset: str, request_id: str) -> bool:
    """Delete the files of a request. Returns False where the store fails; `forget_expired` is then due to do it."""
    try:
        await Store(services.config).delete_folder(manifest.folder(dataset, request_id))
    except Upstream as failure:
        log.warning("the files of an exhaust stay", request_id=request_id, detail=failure.detail)
        await db.run(services.pool, Q.postpone_expiry, request_id=request_id, until=services.clock.now())
        return False
    return True


async def withdraw_files_with(conn: Connection, user_ids: Sequence[str], now: datetime) -> int:
    """End every request whose files hold one of `user_ids`, running ones too; how many.

    Must be called before their enrolments are deleted, which tell the batches they are in. From the transaction's end
    nobody gets a link to those files or one of them; `forget_expired` deletes them within minutes.
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
    """Delete up to `limit` requests whose time is over, their files first; how many.

    A request whose files the store does not delete stays, and is due again after POSTPONED.
    """
    async with services.pool.acquire() as conn, conn.transaction():
        now, store, emptied = services.clock.now(), Store(services.config), []
        for row in await conn.fetch(
            Q.requests_expired.text, *Q.requests_expired.arguments({"now": now, "limit": limit})
        ):
            request_id = row["request_id"]
            try:
                await store.delete_folder(manifest.folder(row["dataset"], request_id))
            except Upstream as failure:
                log.warning("the files of an expired exhaust stay", request_id=request_id, detail=failure.detail)
                until = services.clock.now() + POSTPONED
                await db.run(conn, Q.postpone_expiry, request_id=request_id, until=until)
            else:
                emptied.append(request_id)
        # Should the process die between files and rows, the next run finds the files gone and deletes the rows.
        return await db.run(conn, Q.delete_requests, request_ids=emptied)
