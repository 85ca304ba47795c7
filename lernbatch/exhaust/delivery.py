"""What a turn does: find the batches, know their people, make a file of each part, deliver it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
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
from lernbatch.exhaust.model import LeftOut, Request, Selection
from lernbatch.exhaust.sources import ReportScope
from lernbatch.person import consents, profiles
from lernbatch.report.model import Dataset, Filters, ReportBatch
from lernbatch.sealing import seal_of
from lernbatch.services import Services

Q = sql.load("lernbatch.exhaust")
RETIRED = "Retired"
# While PostgreSQL reads for one, this process writes another, and a third is being stored. A fourth gains nothing.
FILES_AT_ONCE = 3
ALL_BATCHES = "all"  # the name of the only part of a report that spans batches


@dataclass(frozen=True, slots=True)
class ReportFile:
    """What one file is about. `name` is known to the request once it is delivered; `courses` by batch id."""

    name: str
    batches: tuple[ReportBatch, ...]
    courses: Mapping[str, Course]


@dataclass(frozen=True, slots=True)
class DeliveryPlan:
    """What holds for every file of a request."""

    dataset: Dataset
    wanted: Selection
    filters: Filters
    protection: Protection


async def make_files(turn: Lease, failures: Failures) -> bool:
    """Make what is not delivered yet, as far as one turn goes; whether something is left for the next.

    What is wrong with a single file goes to `failures`. Raises: CannotBeMade, for what is wrong with all; Upstream.
    """
    config = turn.services.config
    plan = await _plan(turn.services, turn.request)
    parts = await _parts(turn, plan)
    turn.deliveries = [wire.read_delivery(one) for one in turn.request.deliveries]
    if not turn.deliveries:  # what lies there is a dead worker's, or was closed before the request was asked for again
        folder = manifest.folder(turn.request.dataset, turn.request.request_id)
        await Store(config).delete_folder(folder)
    delivered = {delivery.batch_id for delivery in turn.deliveries}
    turn.rows_before = sum(turn.row_counts.get(name, 0) for name in delivered)
    waiting = [part for part in parts if part.name not in delivered]
    await _make_some(turn, plan, waiting[: config.exhaust_batches_per_lease], failures)
    if turn.deliveries:
        await _describe(turn, plan.protection)
    return len(waiting) > config.exhaust_batches_per_lease


async def _make_some(turn: Lease, plan: DeliveryPlan, parts: list[ReportFile], failures: Failures) -> None:
    """Make the files of `parts`, FILES_AT_ONCE; one that fails leaves the others be. Raises: LeaseLost."""
    room = asyncio.Semaphore(FILES_AT_ONCE)

    async def make_in_turn(part: ReportFile) -> None:
        async with room:
            await _make_file(turn, plan, part)

    ended = await asyncio.gather(*map(make_in_turn, parts), return_exceptions=True)
    for part, failure in zip(parts, ended, strict=True):
        if failure is not None:
            failures.note(failure, part.name)


async def _plan(services: Services, request: Request) -> DeliveryPlan:
    dataset, wanted = Dataset(request.dataset), wire.read_wanted(request.config)
    key = actions.password(services.config, request)
    rules.check_selectors(wanted, dataset, key is not None, services.config.exhaust_batches_per_request)
    filters = await _filters(services, request, wanted)
    strong = rules.is_strong(ZipEncryption(request.zip_encryption), usually=services.config.exhaust_strong_zip)
    return DeliveryPlan(dataset, wanted, filters, _protection(services, dataset, key, strong=strong))


async def _parts(turn: Lease, plan: DeliveryPlan) -> list[ReportFile]:
    """What files there will be, and how many rows are read for each."""
    offered = await _offered(turn, plan)
    statement = Q.attempts_of_batches if plan.dataset is Dataset.RESPONSE else Q.learners_of_batches
    rows = await turn.services.pool.fetch(statement.text, [batch.batch_id for batch, _ in offered])
    counts = {row["batch_id"]: row["row_count"] for row in rows}
    if plan.dataset.spans_batches:
        turn.row_counts = {ALL_BATCHES: sum(counts.values())}
        courses = {batch.batch_id: course for batch, course in offered}
        return [ReportFile(ALL_BATCHES, tuple(batch for batch, _ in offered), courses)]
    turn.row_counts = {batch.batch_id: counts.get(batch.batch_id, 0) for batch, _ in offered}
    return [ReportFile(batch.batch_id, (batch,), {batch.batch_id: course}) for batch, course in offered]


async def _offered(turn: Lease, plan: DeliveryPlan) -> list[tuple[ReportBatch, Course]]:
    """The requester's batches with their courses, without those of retired ones.

    Raises: NothingFound, Retired, NotTheirs.
    """
    services, found = turn.services, []
    left_out: dict[str, type[model.CannotBeMade]] = dict.fromkeys(plan.wanted.batch_ids, rules.NothingFound)
    for batch in await actions.offers(services, plan.wanted, plan.dataset, turn.request.channel):
        if not rules.may_have(turn.request.requester, batch):
            if batch.batch_id in left_out:  # who searched is not told what else there is
                left_out[batch.batch_id] = rules.NotTheirs
            continue
        left_out.pop(batch.batch_id, None)
        course = await find_course(services, batch.course_id, batch.course_version)
        if course is not None and course.status != RETIRED:
            found.append((batch, course))
        elif course is not None or await _is_retired(services, batch.course_id):
            left_out[batch.batch_id] = rules.Retired
        else:
            left_out[batch.batch_id] = rules.NothingFound
    if not found:
        reasons = left_out.values()
        raise next((reason for reason in (rules.Retired, rules.NotTheirs) if reason in reasons), rules.NothingFound)
    turn.left_out = [LeftOut(batch_id, str(reason.message)) for batch_id, reason in left_out.items()]
    await turn.note_batches([batch.batch_id for batch, _ in found])
    return found


async def _is_retired(services: Services, course_id: str) -> bool:
    """Whether a course without a tree was retired, rather than never there."""
    content = await services.sunbird.content.course(course_id)
    return content is not None and content.status == RETIRED


def _protection(services: Services, dataset: Dataset, key: str | None, *, strong: bool) -> Protection:
    config = services.config
    level = rules.level_of(dataset, config.exhaust_levels)
    if level is Level.TEXT_KEY and key is None:
        raise rules.NoSelector
    public_key = _public_key(config.exhaust_public_key) if level is Level.PUBLIC_KEY else None
    return Protection(level, key, strong, public_key)


def _public_key(path: Path | None) -> RSAPublicKey:
    """Raises: KeyMissing, WrongKey."""
    if path is None:
        raise rules.KeyMissing
    try:
        pem = path.read_bytes()
    except OSError as unreadable:
        raise rules.KeyMissing from unreadable
    return packing.public_key(pem)


async def _filters(services: Services, request: Request, wanted: Selection) -> Filters:
    if wanted.since_request is None:
        return wanted.filters
    earlier = await actions.find(services.pool, wanted.since_request)
    if earlier is None or earlier.channel != request.channel:
        raise rules.NoEarlierRequest
    return wire.changed_since(wanted.filters, earlier.submitted_at)


async def _make_file(turn: Lease, plan: DeliveryPlan, part: ReportFile) -> None:
    turn.check()
    services, request = turn.services, turn.request
    for batch in part.batches:
        await profiles.fetch_profiles(services, batch.batch_id, turn.renew)
    subject = ReportScope(
        dataset=plan.dataset,
        batches=part.batches,
        courses=part.courses,
        channel=request.channel,
        consumer_id=await _consents(turn, plan.dataset, part),
        filters=plan.filters,
        extras=plan.wanted.columns,
        titles=await _titles(services, plan.dataset, part),
        unseal=partial(profiles.unseal, seal_of(services.config)),
    )
    manner = streaming.FileOptions(
        name=part.name,
        folder=manifest.folder(request.dataset, request.request_id),
        wanted=rules.file_format(FileFormat(request.output_format), services.config.exhaust_csv_format),
        protection=plan.protection,
        expected_rows=turn.row_counts.get(part.name, 0),
        put=Store(services.config).put,
        counted=partial(turn.counted, part.name),
    )
    begun_at = services.clock.now()
    await turn.deliver(await streaming.make(services, subject, manner), begun_at)


async def _describe(turn: Lease, protection: Protection) -> None:
    """Put the manifest of all that is delivered so far. Raises: Upstream."""
    written = manifest.manifest(turn.request, turn.deliveries, turn.left_out, protection, turn.services.clock.now())
    path = f"{manifest.folder(turn.request.dataset, turn.request.request_id)}/{manifest.NAME}"
    await Store(turn.services.config).put(path, manifest.pieces(written))


async def _consents(turn: Lease, dataset: Dataset, part: ReportFile) -> str:
    """Know the consents that a personal report needs; whom they must be given to, "" for nobody.

    Raises: ConsentNotAsked.
    """
    if not dataset.is_personal:
        return ""
    (batch,) = part.batches
    asks = str(part.courses[batch.batch_id].content.get("userConsent", "")).lower() == "yes"
    if dataset is Dataset.USER_INFO and not asks:
        raise rules.ConsentNotAsked
    if not asks or turn.request.channel == turn.services.config.custodian_org:
        return ""
    await consents.fetch_consents(turn.services, batch.batch_id, batch.course_id, turn.request.channel, turn.renew)
    return turn.request.channel


async def _titles(services: Services, dataset: Dataset, part: ReportFile) -> dict[str, str]:
    """Names of the question sets of a response exhaust: from the course, and from the search for what left it."""
    if dataset is not Dataset.RESPONSE:
        return {}
    (batch,) = part.batches
    known = {leaf.content_id: leaf.name for leaf in part.courses[batch.batch_id].leaf_nodes}
    rows = await services.pool.fetch(Q.attempted_contents.text, batch.batch_id)
    unknown = [row["content_id"] for row in rows if row["content_id"] not in known]
    return known | (await services.sunbird.search.titles(unknown) if unknown else {})
