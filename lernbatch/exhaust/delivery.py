"""What a run of a request does: find the batches, refresh their people's data, write a file each, deliver it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, time
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from lernbatch.archive import model, packing
from lernbatch.archive.model import FileFormat, Level, ZipEncryption
from lernbatch.archive.packing import Protection
from lernbatch.archive.store import Store
from lernbatch.course.actions import course as find_course
from lernbatch.course.model import Course
from lernbatch.database import sql
from lernbatch.exhaust import actions, manifest, rules, streaming, wire
from lernbatch.exhaust.lease import Failures, Lease
from lernbatch.exhaust.model import ExhaustRequest, LeftOut, Selection
from lernbatch.exhaust.sources import ReportScope
from lernbatch.exhaust.wire_selection import read_selection
from lernbatch.person import consents, profiles
from lernbatch.report.model import Dataset, Filters, ReportBatch
from lernbatch.sealing import seal_of
from lernbatch.services import Services

Q = sql.load("lernbatch.exhaust")
RETIRED = "Retired"
# While PostgreSQL reads for one, this process writes another, and a third is being stored. A fourth gains nothing.
FILES_AT_ONCE = 3
ALL_BATCHES = "all"  # the name of the only file of a report that spans batches


@dataclass(frozen=True, slots=True)
class ReportFile:
    """One file to write: its name, the batches in it, and their courses by batch id."""

    name: str
    batches: tuple[ReportBatch, ...]
    courses: Mapping[str, Course]


@dataclass(frozen=True, slots=True)
class DeliveryPlan:
    """What holds for every file of a request."""

    dataset: Dataset
    selection: Selection
    filters: Filters
    protection: Protection


async def make_files(lease: Lease, failures: Failures) -> bool:
    """Write and deliver the files that are missing, at most `exhaust_batches_per_lease`; True: some are left.

    A failure of a single file goes to `failures`. Raises: CannotBeMade, when no file can be made; Upstream; LeaseLost.
    """
    services, request = lease.services, lease.request
    files_per_run = services.config.exhaust_batches_per_lease
    plan = await _plan(services, request)
    files = await _report_files(lease, plan)
    lease.deliveries = [wire.read_delivery(stored) for stored in request.deliveries]
    if not lease.deliveries:  # what lies there is a dead worker's, or was closed before the request was asked for again
        await Store(services.config).delete_folder(manifest.folder(request.dataset, request.request_id))
    delivered = {delivery.batch_id for delivery in lease.deliveries}
    lease.rows_before = sum(lease.row_counts.get(name, 0) for name in delivered)
    missing = [file for file in files if file.name not in delivered]
    places = asyncio.Semaphore(FILES_AT_ONCE)

    async def make_in_turn(file: ReportFile) -> None:
        async with places:
            await _make_file(lease, plan, file)

    # A failure does not stop the other files.
    now_made = missing[:files_per_run]
    results = await asyncio.gather(*map(make_in_turn, now_made), return_exceptions=True)
    for file, failure in zip(now_made, results, strict=True):
        if failure is not None:
            failures.note(failure, file.name)
    if lease.deliveries:
        described = manifest.manifest(request, lease.deliveries, lease.left_out, plan.protection, services.clock.now())
        path = manifest.path(request.dataset, request.request_id)
        await Store(services.config).put(path, manifest.pieces(described))
    return len(missing) > files_per_run


async def _plan(services: Services, request: ExhaustRequest) -> DeliveryPlan:
    """Raises: CannotBeMade, when the selection, its key or its protection is not right."""
    config = services.config
    dataset, selection = Dataset(request.dataset), read_selection(request.config)
    key = actions.password(config, request)
    rules.check_selectors(selection, dataset, key is not None, config.exhaust_batches_per_request)
    filters = selection.filters
    if selection.since_request is not None:
        earlier = await actions.find(services.pool, selection.since_request)
        if earlier is None or earlier.channel != request.channel:
            raise rules.NoEarlierRequest
        filters = replace(filters, changed_since=earlier.submitted_at)
    elif selection.since_day is not None:
        start = datetime.combine(selection.since_day, time.min, services.clock.zone)
        filters = replace(filters, changed_since=start)
    level = rules.level_of(dataset, config.exhaust_levels)
    if level is Level.TEXT_KEY and key is None:
        raise rules.NoSelector
    public_key = _public_key(config.exhaust_public_key) if level is Level.PUBLIC_KEY else None
    strong = rules.is_strong(ZipEncryption(request.zip_encryption), usually=config.exhaust_strong_zip)
    return DeliveryPlan(dataset, selection, filters, Protection(level, key, strong, public_key))


def _public_key(path: Path | None) -> RSAPublicKey:
    """Raises: KeyMissing, WrongKey."""
    if path is None:
        raise rules.KeyMissing
    try:
        pem = path.read_bytes()
    except OSError as unreadable:
        raise rules.KeyMissing from unreadable
    return packing.public_key(pem)


async def _report_files(lease: Lease, plan: DeliveryPlan) -> list[ReportFile]:
    """The files of the request; the rows that will be read for each are counted in the lease."""
    courses = await _courses_by_batch(lease, plan)
    batches = {batch.batch_id: batch for batch, _ in courses}
    statement = Q.attempts_of_batches if plan.dataset is Dataset.RESPONSE else Q.learners_of_batches
    rows = await lease.services.reports.read(lambda conn: conn.fetch(statement.text, list(batches)))
    row_counts = {row["batch_id"]: row["row_count"] for row in rows}
    if plan.dataset.spans_batches:
        lease.row_counts = {ALL_BATCHES: sum(row_counts.values())}
        by_batch = {batch.batch_id: course for batch, course in courses}
        return [ReportFile(ALL_BATCHES, tuple(batches.values()), by_batch)]
    lease.row_counts = {batch_id: row_counts.get(batch_id, 0) for batch_id in batches}
    return [ReportFile(batch.batch_id, (batch,), {batch.batch_id: course}) for batch, course in courses]


async def _courses_by_batch(lease: Lease, plan: DeliveryPlan) -> list[tuple[ReportBatch, Course]]:
    """The batches that the requester may have, with their courses; without batches of retired courses.

    Raises: NothingFound, Retired, NotTheirs, when no batch is left.
    """
    services, request = lease.services, lease.request
    permitted: list[tuple[ReportBatch, Course]] = []
    left_out: dict[str, type[model.CannotBeMade]] = dict.fromkeys(plan.selection.batch_ids, rules.NothingFound)
    for batch in await actions.selected_batches(services, plan.selection, plan.dataset, request.channel):
        if not rules.may_have(request.requester, batch):
            if batch.batch_id in left_out:  # who searched is not told what else there is
                left_out[batch.batch_id] = rules.NotTheirs
            continue
        left_out.pop(batch.batch_id, None)
        course = await find_course(services, batch.course_id, batch.course_version)
        if course is None:  # it was retired, or was never there
            content = await services.sunbird.content.course(batch.course_id)
            is_retired = content is not None and content.status == RETIRED
        else:
            is_retired = course.status == RETIRED
        if course is None or is_retired:
            left_out[batch.batch_id] = rules.Retired if is_retired else rules.NothingFound
        else:
            permitted.append((batch, course))
    if not permitted:
        reasons = left_out.values()
        raise next((reason for reason in (rules.Retired, rules.NotTheirs) if reason in reasons), rules.NothingFound)
    lease.left_out = [LeftOut(batch_id, str(reason.message)) for batch_id, reason in left_out.items()]
    await lease.note_batches([batch.batch_id for batch, _ in permitted])
    return permitted


async def _make_file(lease: Lease, plan: DeliveryPlan, file: ReportFile) -> None:
    """Refresh what the file needs, write it and deliver it. Raises: CannotBeMade, Upstream, LeaseLost."""
    lease.check()
    services, request = lease.services, lease.request
    for batch in file.batches:
        await profiles.fetch_profiles(services, batch.batch_id, lease.renew)
    titles: dict[str, str] = {}  # of question sets: from the course, and from the search for those that left it
    if plan.dataset is Dataset.RESPONSE:
        (batch,) = file.batches
        titles = {leaf.content_id: leaf.name for leaf in file.courses[batch.batch_id].leaf_nodes}
        rows = await services.reports.read(lambda conn: conn.fetch(Q.attempted_contents.text, batch.batch_id))
        removed = [row["content_id"] for row in rows if row["content_id"] not in titles]
        titles |= await services.sunbird.search.titles(removed) if removed else {}
    scope = ReportScope(
        dataset=plan.dataset,
        batches=file.batches,
        courses=file.courses,
        channel=request.channel,
        consumer_id=await _refresh_consents(lease, plan.dataset, file),
        filters=plan.filters,
        extras=plan.selection.columns,
        titles=titles,
        unseal=partial(profiles.unseal, seal_of(services.config)),
    )
    options = streaming.FileOptions(
        name=file.name,
        folder=manifest.folder(request.dataset, request.request_id),
        file_format=rules.file_format(FileFormat(request.output_format), services.config.exhaust_csv_format),
        protection=plan.protection,
        expected_rows=lease.row_counts.get(file.name, 0),
        from_standby=request.iteration == 0,  # a standby may end a read that stands in its way; then not again there
        put=Store(services.config).put,
        rows_read=partial(lease.count_rows, file.name),
    )
    begun_at = services.clock.now()
    await lease.deliver(await streaming.stream_file(services, scope, options), begun_at)


async def _refresh_consents(lease: Lease, dataset: Dataset, file: ReportFile) -> str:
    """Refresh the consents a personal report needs. Returns the organisation they must name, or "".

    Raises: ConsentNotAsked, Upstream.
    """
    if not dataset.is_personal:
        return ""
    (batch,) = file.batches
    asks_consent = str(file.courses[batch.batch_id].content.get("userConsent", "")).lower() == "yes"
    if dataset is Dataset.USER_INFO and not asks_consent:
        raise rules.ConsentNotAsked
    channel = lease.request.channel
    if not asks_consent or channel == lease.services.config.custodian_org:
        return ""
    await consents.fetch_consents(lease.services, batch.batch_id, batch.course_id, channel, lease.renew)
    return channel
