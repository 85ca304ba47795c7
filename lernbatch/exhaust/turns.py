"""A worker's turn at a request: claimed under a lease, batch by batch, every file delivered as soon as it is stored."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import uuid4

import asyncpg

from lernbatch import db, log, metrics, sql
from lernbatch.course.actions import course as find_course
from lernbatch.course.model import Course
from lernbatch.errors import Upstream
from lernbatch.exhaust import actions, making, manifest, people, rules, wire
from lernbatch.exhaust.formats import TooManyRows
from lernbatch.exhaust.model import Dataset, Delivery, FileFormat, Filters, Level, Offer, Request, Wanted
from lernbatch.exhaust.packing import Protection
from lernbatch.exhaust.sources import Subject
from lernbatch.services import Services

Q = sql.load("lernbatch.exhaust")
RETIRED = "Retired"
SHOWN_EVERY_SECONDS = 0.5  # how often the progress that callers see is written


class LeaseLost(Exception):
    """Somebody else has taken the request over: what this worker does no longer counts."""


@dataclass(slots=True)
class Turn:
    """One worker's hold on a request, and how far it is."""

    services: Services
    request: Request
    owner: str
    row_counts: dict[str, int] = field(default_factory=dict)  # expected, by batch
    rows_before: int = 0  # of the files that are finished
    rows_now: int = 0  # of the file in work
    deliveries: list[Delivery] = field(default_factory=list)  # of this turn and those before
    lost: bool = False

    @property
    def rows_total(self) -> int | None:
        """How many rows of the database the whole request reads; None before they are counted."""
        return sum(self.row_counts.values()) if self.row_counts else None

    def counted(self, rows: int) -> None:
        """`rows` more are done. Raises: LeaseLost."""
        self.rows_now += rows
        if self.lost:
            raise LeaseLost

    async def renew(self) -> None:
        """Keep the lease and show how far it is. Raises: LeaseLost."""
        renewed = await db.run(
            self.services.pool,
            Q.renew_request,
            request_id=self.request.request_id,
            owner=self.owner,
            until=self.services.clock.now() + timedelta(seconds=self.services.config.lease_seconds),
            rows_done=self.rows_before + self.rows_now,
            rows_total=self.rows_total,
        )
        if not renewed:
            self.lost = True
            raise LeaseLost

    async def deliver(self, delivery: Delivery) -> None:
        """Note that a file is in the store. Raises: LeaseLost."""
        self.rows_before += self.row_counts.get(delivery.batch_id, 0)
        self.rows_now = 0
        written = await db.run(
            self.services.pool,
            Q.deliver,
            request_id=self.request.request_id,
            owner=self.owner,
            delivery=[wire.write_delivery(delivery, self.request.channel)],
            rows_done=self.rows_before,
        )
        if not written:
            raise LeaseLost
        self.deliveries.append(delivery)


@dataclass(slots=True)
class Failures:
    """What went wrong with single batches. `passing`: at least one of it may pass by itself."""

    texts: list[str] = field(default_factory=list)
    passing: bool = False

    def note(self, text: str, *, passing: bool) -> None:
        self.texts.append(text)
        self.passing = self.passing or passing


async def take(services: Services) -> bool:
    """Claim the request that is due next and work on it for one turn; False when none is due."""
    now, owner = services.clock.now(), uuid4().hex
    until = now + timedelta(seconds=services.config.lease_seconds)
    request = await db.one(services.pool, Request, Q.claim_request, now=now, until=until, owner=owner)
    if request is None:
        return False
    turn, began = Turn(services, request, owner), time.perf_counter()
    try:
        async with _heartbeat(turn):
            result = await _work(turn)
        await _finish(turn, result, began)
    except LeaseLost:
        log.warning("an exhaust was taken over", request_id=request.request_id)
    return True


@asynccontextmanager
async def _heartbeat(turn: Turn) -> AsyncIterator[None]:
    async def beat() -> None:
        pause = min(SHOWN_EVERY_SECONDS, turn.services.config.lease_seconds / 3)
        while True:
            await asyncio.sleep(pause)
            try:
                await turn.renew()
            except LeaseLost:
                return  # the work sees it at its next rows
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as unreachable:
                log.exception("an exhaust's lease cannot be renewed", unreachable)

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()
        await asyncio.wait([beating])


async def _work(turn: Turn) -> rules.Outcome:
    request, config = turn.request, turn.services.config
    failures, unfinished = Failures(), False
    try:
        unfinished = await _make_files(turn, failures)
    except rules.CannotBeMade as refused:
        failures.note(str(refused), passing=False)
    except Upstream as failure:
        log.warning("an exhaust waits for another service", request_id=request.request_id, detail=failure.detail)
        failures.note(rules.crash_message(RuntimeError(failure.detail)), passing=True)
    except LeaseLost:
        raise
    except Exception as error:  # noqa: BLE001 - a request never stays unfinished: it is tried again, then FAILED
        log.exception("an exhaust failed", error, request_id=request.request_id)
        failures.note(rules.crash_message(error), passing=True)
    return rules.outcome(
        request.iteration,
        failures.texts,
        passing=failures.passing,
        unfinished=unfinished,
        attempts=config.exhaust_attempts,
    )


async def _finish(turn: Turn, result: rules.Outcome, began: float) -> None:
    now = turn.services.clock.now()
    finished = result.retry_in is None
    metrics.BUSINESS.labels(f"exhaust {result.status.lower()}").inc()
    await db.run(
        turn.services.pool,
        Q.finish_request,
        request_id=turn.request.request_id,
        owner=turn.owner,
        status=result.status,
        message=result.message,
        iteration=result.iteration,
        due_at=None if result.retry_in is None else now + result.retry_in,
        completed_at=now if finished else None,
        spent_ms=round((time.perf_counter() - began) * 1000),
        rows_done=turn.rows_before,
        rows_total=turn.rows_total,
    )
    log.info("exhaust turn ended", request_id=turn.request.request_id, status=result.status, rows=turn.rows_before)


async def _make_files(turn: Turn, failures: Failures) -> bool:
    """Make what is not delivered yet, as far as one turn goes; whether something is left for the next."""
    services, request = turn.services, turn.request
    dataset = Dataset(request.dataset)
    wanted = wire.read_wanted(request.config)
    key = actions.password(services.config, request)
    rules.check_selectors(wanted, dataset, key is not None, services.config.exhaust_batches_per_request)
    todo = await _offered(services, wanted)
    await _count(turn, dataset, [batch.batch_id for batch, _ in todo])
    turn.deliveries = [wire.read_delivery(one) for one in request.deliveries]
    delivered = {delivery.batch_id for delivery in turn.deliveries}
    turn.rows_before = sum(turn.row_counts.get(batch_id, 0) for batch_id in delivered)
    waiting = [(batch, course) for batch, course in todo if batch.batch_id not in delivered]
    protection = _protection(services, dataset, key)
    filters = await _filters(services, request, wanted)
    for batch, course in waiting[: services.config.exhaust_batches_per_turn]:
        try:
            await _make_file(turn, batch, course, wanted, filters, protection)
        except (rules.CannotBeMade, TooManyRows) as refused:
            failures.note(str(refused), passing=False)
        except Upstream as failure:
            log.warning("a file of an exhaust failed", batch_id=batch.batch_id, detail=failure.detail)
            failures.note(rules.crash_message(RuntimeError(failure.detail)), passing=True)
    if turn.deliveries:
        await _describe(turn)
    return len(waiting) > services.config.exhaust_batches_per_turn


async def _offered(services: Services, wanted: Wanted) -> list[tuple[Offer, Course]]:
    """The batches with their courses, without those of retired ones. Raises: NothingFound, Retired."""
    found, retired = [], False
    for batch in await actions.offers(services, wanted):
        course = await find_course(services, batch.course_id)
        if course is not None and course.status != RETIRED:
            found.append((batch, course))
        else:
            retired = retired or course is not None or await _is_retired(services, batch.course_id)
    if not found:
        raise rules.Retired if retired else rules.NothingFound
    return found


async def _is_retired(services: Services, course_id: str) -> bool:
    """Whether a course without a tree was retired, rather than never there."""
    content = await services.sunbird.content.course(course_id)
    return content is not None and content.status == RETIRED


async def _count(turn: Turn, dataset: Dataset, batch_ids: list[str]) -> None:
    statement = Q.attempts_of_batches if dataset is Dataset.RESPONSE else Q.learners_of_batches
    rows = await turn.services.pool.fetch(statement.text, batch_ids)
    turn.row_counts = dict.fromkeys(batch_ids, 0) | {row["batch_id"]: row["row_count"] for row in rows}


def _protection(services: Services, dataset: Dataset, key: str | None) -> Protection:
    config = services.config
    level = rules.level_of(dataset, config.exhaust_levels)
    public_key = config.exhaust_public_key.read_bytes() if config.exhaust_public_key else None
    if level is Level.PUBLIC_KEY and public_key is None:
        raise rules.KeyMissing
    if level is Level.TEXT_KEY and key is None:
        raise rules.NoSelector
    return Protection(level, key, config.exhaust_strong_zip, public_key)


async def _filters(services: Services, request: Request, wanted: Wanted) -> Filters:
    if wanted.since_request is None:
        return wanted.filters
    earlier = await actions.find(services.pool, wanted.since_request)
    if earlier is None or earlier.channel != request.channel:
        raise rules.NoEarlierRequest
    return wire.changed_since(wanted.filters, earlier.submitted_at)


async def _make_file(
    turn: Turn, batch: Offer, course: Course, wanted: Wanted, filters: Filters, protection: Protection
) -> None:
    services, request = turn.services, turn.request
    dataset, seal = Dataset(request.dataset), actions.seal(services.config)
    await people.fetch_profiles(services, seal, batch.batch_id, turn.renew)
    subject = Subject(
        dataset=dataset,
        batch=batch,
        course=course,
        channel=None if course.channel == request.channel else request.channel,
        consumer_id=await _consents(turn, dataset, batch, course),
        filters=filters,
        extras=wanted.columns,
        titles=await _titles(services, dataset, batch, course),
        unseal=lambda user_id, sealed: people.unsealed(seal, user_id, sealed),
    )
    manner = making.Manner(
        folder=manifest.folder(request),
        wanted=FileFormat(request.output_format),
        protection=protection,
        expected_rows=turn.row_counts.get(batch.batch_id, 0),
        put=actions.store(services.config).put,
        counted=turn.counted,
    )
    await turn.deliver(await making.make(services, subject, manner))


async def _describe(turn: Turn) -> None:
    """Put the manifest of all that is delivered so far. Raises: Upstream."""
    written = manifest.manifest(turn.request, turn.deliveries, turn.services.clock.now())
    path = f"{manifest.folder(turn.request)}/{manifest.NAME}"
    await actions.store(turn.services.config).put(path, manifest.pieces(written))


async def _consents(turn: Turn, dataset: Dataset, batch: Offer, course: Course) -> str:
    """Know the consents that a user info exhaust needs; whom they must be given to, "" for nobody."""
    if dataset is not Dataset.USER_INFO:
        return ""
    if str(course.content.get("userConsent", "")).lower() != "yes":
        raise rules.ConsentNotAsked
    if turn.request.channel == turn.services.config.custodian_org:
        return ""
    await people.fetch_consents(turn.services, batch, turn.request.channel, turn.renew)
    return turn.request.channel


async def _titles(services: Services, dataset: Dataset, batch: Offer, course: Course) -> dict[str, str]:
    """Names of the question sets of a response exhaust: from the course, and from the search for what left it."""
    if dataset is not Dataset.RESPONSE:
        return {}
    known = {leaf.content_id: leaf.name for leaf in course.leaf_nodes}
    rows = await services.pool.fetch(Q.attempted_contents.text, batch.batch_id)
    unknown: Iterable[str] = [row["content_id"] for row in rows if row["content_id"] not in known]
    return known | (await services.sunbird.search.titles(list(unknown)) if unknown else {})
