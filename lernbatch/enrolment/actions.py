"""What can be done with enrolments: coming in, leaving, looking at one's courses."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

from lernbatch import log, metrics
from lernbatch.batch import actions as batches
from lernbatch.batch.model import Batch
from lernbatch.batch.rules import may_manage
from lernbatch.course import actions as courses
from lernbatch.course.model import Course
from lernbatch.database import db, sql
from lernbatch.database.coalescer import Again, Answer, coalesced
from lernbatch.database.db import Connection
from lernbatch.enrolment import events, rules
from lernbatch.enrolment.model import (
    Eligibility,
    Enrolment,
    EnrolmentKey,
    EnrolmentPage,
    EnrolmentRequest,
    EnrolmentSource,
    EnrolmentsQuery,
    JoinOffer,
)
from lernbatch.errors import LernbatchError, Unauthorized, Upstream
from lernbatch.jobs.outbox import actions as outbox
from lernbatch.services import Services
from lernbatch.sunbird.orgs import Organisation
from lernbatch.threads import beside
from lernbatch.web import audit
from lernbatch.web.caller import Caller

Q = sql.load("lernbatch.enrolment")
PATIENCE_SECONDS = 2.0  # a list does not wait longer for what stands beside its courses


async def enrol(services: Services, request: EnrolmentRequest) -> None:
    """Enrol one learner. Raises the refusals of contract enrolment §2.1, E06 to E10, and BatchFull.

    Most batches have no capacity: their requests are written together, without a lock. The others are done apart,
    under the lock of their batches, for which only those wait who want one of the seats.
    """
    if not await _enrol_without_lock(services, request):
        await _enrol_under_lock(services, request)


async def enrol_for(
    services: Services, caller: Caller, requests: Sequence[EnrolmentRequest]
) -> list[LernbatchError | None]:
    """Enrol learners in one batch for a caller who manages it, in one transaction with its note in the audit trail.

    Returns of each why it was refused, or None.
    Raises: InvalidBatch, Unauthorized; Upstream, when the user service cannot say who they are.
    """
    eligibility = await check_management(services, caller, requests[0].batch_id, requests[0].course_id)
    unfit = await unfit_of(services, caller, eligibility.created_for, [request.user_id for request in requests])
    async with services.pool.acquire() as conn, conn.transaction():
        fit = [request for request in requests if request.user_id not in unfit]
        refusals = iter(await enrol_within(conn, services, fit))
        told = [rules.NotToBring() if request.user_id in unfit else next(refusals) for request in requests]
        refused = [request.user_id for request, refusal in zip(requests, told, strict=True) if refusal is not None]
        await audit.end(conn, refused=refused)
    return told


async def unfit_of(
    services: Services, caller: Caller, created_for: Collection[str], user_ids: Sequence[str]
) -> set[str]:
    """Those whom the caller may not enrol in a batch of these organisations. Raises: Upstream."""
    people = await services.sunbird.users.profiles(user_ids) if user_ids else {}
    reach, homes = rules.reach(caller, services.config), created_for or caller.organisation_ids
    return await beside(
        len(user_ids),
        lambda: {
            user_id
            for user_id in user_ids
            if not rules.may_bring_in(people.get(user_id), homes, reach, has_ended=services.tokens.has_ended(user_id))
        },
    )


async def unenrol(services: Services, request: EnrolmentRequest) -> None:
    """Let one learner leave: nothing is deleted. Raises the refusals of contract enrolment §2.2, E06 and E11 to E15."""
    refusals = await _unenrol(services, [request])
    if refusals[0] is not None:
        raise refusals[0]


async def unenrol_for(
    services: Services, caller: Caller, requests: Sequence[EnrolmentRequest]
) -> list[LernbatchError | None]:
    """Remove learners from one batch for a caller who manages it. Returns of each why it was refused, or None.

    Raises: InvalidBatch, Unauthorized.
    """
    await check_management(services, caller, requests[0].batch_id, requests[0].course_id)
    return await _unenrol(services, requests)


async def check_management(services: Services, caller: Caller, batch_id: str, course_id: str | None) -> Eligibility:
    """The batch, if `caller` may enrol and remove others there. Raises: InvalidBatch, Unauthorized."""
    key = (caller.user_id or "", batch_id)
    eligibility = rules.check_course((await eligibilities(services.pool, [key])).get(key), course_id)
    if not may_manage(caller, eligibility, services.config):
        raise Unauthorized
    return eligibility


async def eligibilities(conn: Connection, keys: Sequence[EnrolmentKey]) -> dict[EnrolmentKey, Eligibility]:
    """What decides whether learners may enrol or leave, by learner and batch; without batches that do not exist."""
    rows = await db.all(
        conn,
        Eligibility,
        Q.eligibilities,
        user_ids=[user_id for user_id, _ in keys],
        batch_ids=[batch_id for _, batch_id in keys],
    )
    return {(row.user_id, row.batch_id): row for row in rows}


async def join_offer(services: Services, batch_id: str, user_id: str | None) -> JoinOffer:
    """What a batch offers this person, None: somebody who has not signed in. Raises: InvalidBatch."""
    key, config = (user_id or "", batch_id), services.config
    row = rules.check_course((await eligibilities(services.pool, [key])).get(key), None)
    seats = {} if row.capacity is None else dict(await services.pool.fetch(Q.seats_left.text, [batch_id]))
    return rules.join_offer(
        row,
        services.clock.today(row.time_zone),
        is_known=user_id is not None,
        invite_only_closed=not config.self_enrol_invite_only,
        seats_left=seats.get(batch_id),
        closes_days_before=config.enrolment_closes_days_before_end,
    )


async def may_leave(services: Services, batch_id: str, user_id: str) -> bool:
    """Whether a learner could leave a batch now by themselves. Raises: InvalidBatch."""
    key, is_closed = (user_id, batch_id), not services.config.self_enrol_invite_only
    row = rules.check_course((await eligibilities(services.pool, [key])).get(key), None)
    try:
        today = services.clock.today(row.time_zone)
        rules.check_unenrol(row, today, by_learner=True, invite_only_closed=is_closed)
    except LernbatchError:
        return False
    return True


async def list_of(services: Services, query: EnrolmentsQuery) -> EnrolmentPage:
    """A page of the active enrolments of a learner, newest first."""
    rows = await _read_page(services, replace(query, limit=query.limit + 1))  # one more shows whether there are more
    enrolments, has_more = rows[: query.limit], len(rows) > query.limit
    count = len(enrolments)
    if has_more or query.offset or query.after:
        course_ids = None if query.course_ids is None else list(query.course_ids)
        count = await db.value(
            services.near(query.user_id), Q.enrolment_count, user_id=query.user_id, course_ids=course_ids
        )
    last = enrolments[-1] if has_more and enrolments else None
    return EnrolmentPage(enrolments, count, None if last is None else (last.enrolled_at, last.batch_id))


@coalesced(lambda query: query.user_id)
async def _read_page(services: Services, queries: Sequence[EnrolmentsQuery]) -> list[Answer[list[Enrolment]]]:
    filters = [
        (position, course_id) for position, query in enumerate(queries, start=1) for course_id in query.course_ids or ()
    ]
    rows = await db.all(
        services.near(queries[0].user_id),
        Enrolment,
        Q.enrolments_of,
        **db.columns(queries, user_ids="user_id", limits="limit", offsets="offset"),
        after_at=[query.after and query.after[0] for query in queries],
        after_batch_ids=[query.after and query.after[1] for query in queries],
        filter_positions=[position for position, _ in filters],
        filter_course_ids=[course_id for _, course_id in filters],
    )
    pages: list[list[Enrolment]] = [[] for _ in queries]
    for row in rows:
        pages[row.position - 1].append(row)
    return list(pages)


async def measures_of(services: Services, enrolments: Sequence[Enrolment]) -> dict[tuple[str, str | None], Course]:
    """Course and version → the publication, for batches that stay with one; without what cannot be read now."""
    publications: dict[tuple[str, str | None], Course] = {}
    for course_id, version in {(row.course_id, row.course_version) for row in enrolments if row.course_version}:
        try:
            course = await courses.course(services, course_id, version)
        except Upstream as failure:
            log.warning("a publication cannot be read now", course_id=course_id, error=failure.detail)
            continue
        if course is not None:
            publications[course_id, version] = course
    return publications


async def organisations_of(services: Services, channels: Collection[str]) -> Mapping[str, Organisation] | None:
    """Channel → its organisation, for those that exist; None when the organisation service does not answer soon."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await services.sunbird.organisations.remembered(channels)
    except (Upstream, TimeoutError) as failure:
        log.warning("organisations are not known now", error=repr(failure))
        return None


@coalesced()
async def batches_of(services: Services, batch_ids: Sequence[frozenset[str]]) -> list[Answer[list[Batch]]]:
    """The batches of these ids that exist."""
    rows = {batch.batch_id: batch for batch in await batches.find_all(services.pool, frozenset().union(*batch_ids))}
    return [[rows[batch_id] for batch_id in some if batch_id in rows] for some in batch_ids]


@coalesced(lambda request: request.user_id)
async def _enrol_without_lock(services: Services, requests: Sequence[EnrolmentRequest]) -> list[Answer[bool]]:
    """Whether the learner is enrolled; False: nothing is done, for the seats of the batch are counted."""
    async with services.near(requests[0].user_id).acquire() as conn:
        return await _enrol(conn, services, requests, None)


@coalesced(lambda request: request.user_id)
async def _enrol_under_lock(services: Services, requests: Sequence[EnrolmentRequest]) -> list[Answer[bool]]:
    async with services.pool.acquire() as conn, conn.transaction():
        return await _enrol_counting(conn, services, requests)


async def enrol_within(
    conn: Connection, services: Services, requests: Sequence[EnrolmentRequest]
) -> list[LernbatchError | None]:
    """Enrol learners in the caller's transaction, which then holds their batches. Returns of each why not, or None."""
    answers = await _enrol_counting(conn, services, requests)
    # Whoever was enrolled by somebody else in between, or stands there twice, is in by now.
    return [rules.AlreadyEnrolled() if isinstance(answer, Again) else _refusal(answer) for answer in answers]


async def hold(conn: Connection, batch_ids: Collection[str]) -> None:
    """Nobody else gives a seat of these batches until the transaction ends."""
    await conn.fetch(Q.lock_batches.text, sorted(batch_ids))


async def _enrol_counting(
    conn: Connection, services: Services, requests: Sequence[EnrolmentRequest]
) -> list[Answer[bool]]:
    batch_ids = sorted({request.batch_id for request in requests})
    await hold(conn, batch_ids)
    return await _enrol(conn, services, requests, dict(await conn.fetch(Q.seats_left.text, batch_ids)))


async def _enrol(
    conn: Connection, services: Services, requests: Sequence[EnrolmentRequest], seats: dict[str, int] | None
) -> list[Answer[bool]]:
    """Enrol those who may be. `seats`: what is left of the batches with a capacity, which the transaction holds.

    `seats` None: no batch is held, so that the answer is False for those with a capacity.
    """
    config = services.config
    rows = await eligibilities(conn, [request.key for request in requests])
    answers: list[Answer[bool]] = []
    coming: dict[EnrolmentKey, EnrolmentRequest] = {}
    for request in requests:
        answer: Answer[bool] = True
        try:
            row = rules.check_course(rows.get(request.key), request.course_id)
            if request.source is not EnrolmentSource.FILE:
                today = services.clock.today(row.time_zone)
                rules.check_enrol(
                    row,
                    today,
                    by_learner=request.source is EnrolmentSource.SELF,
                    invite_only_closed=not config.self_enrol_invite_only,
                    closes_days_before=config.enrolment_closes_days_before_end,
                )
            elif row.active:
                raise rules.AlreadyEnrolled
            if row.capacity is not None and seats is None:
                answer = False
            elif request.key in coming:
                answer = Again()  # the second of two waits until the first is done
            elif row.capacity is not None and seats is not None:
                seats[row.batch_id] -= 1
                if seats[row.batch_id] < 0:
                    raise rules.BatchFull
        except LernbatchError as refusal:
            answer = refusal
        if answer is True:
            coming[request.key] = request
        answers.append(answer)
    if not coming:
        return answers

    ordered = [coming[key] for key in sorted(coming)]  # in one order, so that two processes do not deadlock
    enrolled = await _write(conn, services, ordered, rows)
    metrics.BUSINESS.labels("enrolled").inc(len(enrolled))
    for index, request in enumerate(requests):
        if answers[index] is True and request.key not in enrolled:
            answers[index] = Again()  # somebody else enrolled the learner in between
    return answers


async def _write(
    conn: Connection,
    services: Services,
    requests: Sequence[EnrolmentRequest],
    rows: Mapping[EnrolmentKey, Eligibility],
) -> set[EnrolmentKey]:
    """Enrol these learners and publish it, all or nothing. Returns the keys of those who were not in already."""
    now, now_ms = services.clock.now(), services.clock.now_ms()
    coming = [request for request in requests if rows[request.key].active is None]
    returning = [request for request in requests if rows[request.key].active is not None]
    outgoing = {
        request.key: events.enrolled(services.config, now_ms, request, rows[request.key]) for request in requests
    }
    enrolled: list[ChangedEnrolment] = []
    # Most come for the first time, and nobody is told: one statement is enough.
    is_one_statement = not returning and not any(outgoing.values())
    async with AsyncExitStack() as opened:
        if not is_one_statement:
            if services.nodes is not None and not conn.is_in_transaction():
                conn = await opened.enter_async_context(services.pool.acquire())
            await opened.enter_async_context(conn.transaction())
        if coming and services.nodes is None:
            fields = {"user_ids": "user_id", "batch_ids": "batch_id", "added_by": "added_by", "how": "source"}
            course_ids = [rows[request.key].course_id for request in coming]
            enrolled += await db.all(
                conn, ChangedEnrolment, Q.enrol, now=now, course_ids=course_ids, **db.columns(coming, **fields)
            )
        elif coming:
            records = await conn.fetchmany(
                Q.enrol_one.text,
                [
                    Q.enrol_one.arguments(
                        {
                            "user_id": request.user_id,
                            "batch_id": request.batch_id,
                            "course_id": rows[request.key].course_id,
                            "added_by": request.added_by,
                            "how": request.source,
                            "now": now,
                        }
                    )
                    for request in coming
                ],
            )
            enrolled += [ChangedEnrolment(*record) for record in records]
        if returning:
            fields = {"user_ids": "user_id", "batch_ids": "batch_id", "how": "source"}
            returned = await db.all(conn, ChangedEnrolment, Q.re_enrol, now=now, **db.columns(returning, **fields))
            enrolled += returned
            await db.run(
                conn,
                Q.queue_returned,
                now=now,
                **db.columns(returned, user_ids="user_id", batch_ids="batch_id"),
            )
        keys = {row.key for row in enrolled}
        await outbox.publish(conn, services, [event for key, told in outgoing.items() if key in keys for event in told])
    return keys


@dataclass(frozen=True, slots=True)
class ChangedEnrolment:
    """An enrolment that a statement began or ended."""

    user_id: str
    batch_id: str

    @property
    def key(self) -> EnrolmentKey:
        return self.user_id, self.batch_id


async def _unenrol(services: Services, requests: Sequence[EnrolmentRequest]) -> list[LernbatchError | None]:
    async with services.pool.acquire() as conn, conn.transaction():
        rows = await eligibilities(conn, [request.key for request in requests])
        refusals = [_refusal_to_leave(services, rows.get(request.key), request) for request in requests]
        leaving = [request for request, refusal in zip(requests, refusals, strict=True) if refusal is None]
        gone = await unenrol_within(conn, services, leaving)
        await audit.end(conn, refused=[request.user_id for request in requests if request.key not in gone])
    # Whoever may leave but did not has completed the course, or was removed by somebody else, in between.
    lost = [request.key for request in leaving if request.key not in gone]
    later = await eligibilities(services.pool, lost) if lost else {}
    return [
        refusal or (None if request.key in gone else _refusal_to_leave(services, later.get(request.key), request))
        for request, refusal in zip(requests, refusals, strict=True)
    ]


async def unenrol_within(
    conn: Connection, services: Services, requests: Sequence[EnrolmentRequest]
) -> set[EnrolmentKey]:
    """Unenrol those who are enrolled and have not completed, in the caller's transaction. Returns their keys."""
    leaving = {request.key: request for request in sorted(requests, key=lambda request: request.key)}
    if not leaving:
        return set()
    gone = await db.all(
        conn,
        ChangedEnrolment,
        Q.unenrol,
        user_ids=[user_id for user_id, _ in leaving],
        batch_ids=[batch_id for _, batch_id in leaving],
        now=services.clock.now(),
    )
    config, now_ms = services.config, services.clock.now_ms()
    if gone and (config.mail_enabled or config.webhooks_enabled or outbox.publishes_to_kafka(config)):
        rows = await eligibilities(conn, [row.key for row in gone])
        outgoing = [
            event for row in gone for event in events.unenrolled(config, now_ms, leaving[row.key], rows[row.key])
        ]
        await outbox.publish(conn, services, outgoing)
    metrics.BUSINESS.labels("unenrolled").inc(len(gone))
    return {row.key for row in gone}


def _refusal_to_leave(
    services: Services, eligibility: Eligibility | None, request: EnrolmentRequest
) -> LernbatchError | None:
    try:
        eligibility = rules.check_course(eligibility, request.course_id)
        today = services.clock.today(eligibility.time_zone)
        rules.check_unenrol(
            eligibility,
            today,
            by_learner=request.source is EnrolmentSource.SELF,
            invite_only_closed=not services.config.self_enrol_invite_only,
        )
    except LernbatchError as refusal:
        return refusal
    return None


def _refusal(answer: object) -> LernbatchError | None:
    """Why it was refused. Raises: what is no refusal."""
    if isinstance(answer, LernbatchError):
        return answer
    if isinstance(answer, BaseException):
        raise answer
    return None
