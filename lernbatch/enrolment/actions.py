"""What can be done with enrolments: coming in, leaving, looking at one's courses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from lernbatch import log, metrics
from lernbatch.batch import actions as batches
from lernbatch.batch.model import Batch
from lernbatch.batch.rules import may_manage
from lernbatch.course import actions as courses
from lernbatch.course.model import Course
from lernbatch.database import db, sql
from lernbatch.database.coalescer import Again, Answer
from lernbatch.database.db import Connection
from lernbatch.enrolment import events, rules
from lernbatch.enrolment.model import Enrolment, Enrolments, How, Key, Page, Standing, Wish
from lernbatch.errors import LernbatchError, Unauthorized, Upstream
from lernbatch.jobs.outbox import actions as outbox
from lernbatch.jobs.outbox.events import columns
from lernbatch.services import Services
from lernbatch.sunbird.orgs import Organisation
from lernbatch.threads import beside
from lernbatch.web.caller import Caller

Q = sql.load("lernbatch.enrolment")
PATIENCE_SECONDS = 2.0  # a list does not wait longer for what stands beside its courses
_SEPARATOR = "\x1f"  # of course ids; see queries.sql, enrolments_of


async def enrol(services: Services, wish: Wish) -> None:
    """Bring one learner in. Raises the refusals of contract §2.1, E06 to E10, and BatchFull."""
    if await services.coalescers.of(_enrol, services).do(wish) is _SEATS_ARE_COUNTED:
        await services.coalescers.of(_enrol_counting, services).do(wish)


async def enrol_for(services: Services, caller: Caller, wishes: Sequence[Wish]) -> list[LernbatchError | None]:
    """Bring learners in for them; of each, why it was refused, or None.

    Raises: InvalidBatch, Unauthorized; Upstream, when the user service cannot say who they are.
    """
    standing = await check_management(services, caller, wishes[0].batch_id, wishes[0].course_id)
    unfit = await unfit_of(services, caller, standing.created_for, [wish.user_id for wish in wishes])
    answers = await asyncio.gather(
        *(enrol(services, wish) for wish in wishes if wish.user_id not in unfit), return_exceptions=True
    )
    refusals = iter(answers)
    return [rules.NotToBring() if wish.user_id in unfit else _refusal(next(refusals)) for wish in wishes]


async def unfit_of(
    services: Services, caller: Caller, created_for: Collection[str], user_ids: Sequence[str]
) -> set[str]:
    """Those whom the caller may not bring into a batch of these organisations. Raises: Upstream."""
    people = await services.sunbird.users.profiles(user_ids) if user_ids else {}
    reach, homes = rules.reach(caller, services.config), created_for or caller.organisation_ids
    return await beside(
        len(user_ids),
        lambda: {user_id for user_id in user_ids if not rules.may_bring_in(people.get(user_id), homes, reach)},
    )


async def unenrol(services: Services, wish: Wish) -> None:
    """Let one learner out: nothing is deleted. Raises the refusals of contract §2.2, E06 and E11 to E15."""
    answers = await _unenrol(services, [wish])
    if answers[0] is not None:
        raise answers[0]


async def unenrol_for(services: Services, caller: Caller, wishes: Sequence[Wish]) -> list[LernbatchError | None]:
    """Take learners out for them; of each, why it was refused, or None. Raises: InvalidBatch, Unauthorized."""
    await check_management(services, caller, wishes[0].batch_id, wishes[0].course_id)
    return await _unenrol(services, wishes)


async def check_management(services: Services, caller: Caller, batch_id: str, course_id: str | None) -> Standing:
    """The batch, if `caller` may enrol and remove others there. Raises: InvalidBatch, Unauthorized."""
    found = await standings(services.pool, [(caller.user_id or "", batch_id)])
    standing = rules.check_course(found.get((caller.user_id or "", batch_id)), course_id)
    if not may_manage(caller, standing, services.config):
        raise Unauthorized
    return standing


async def standings(conn: Connection, keys: Sequence[Key]) -> dict[Key, Standing]:
    """Where learners stand towards batches; a batch that does not exist is not in it."""
    found = await db.all(
        conn,
        Standing,
        Q.standings,
        user_ids=[user_id for user_id, _ in keys],
        batch_ids=[batch_id for _, batch_id in keys],
    )
    return {(standing.user_id, standing.batch_id): standing for standing in found}


async def list_of(services: Services, page: Page) -> Enrolments:
    """A page of the active enrolments of a learner, newest first."""
    found = await services.coalescers.of(_list_of, services).do(replace(page, limit=page.limit + 1))
    shown, more = found[: page.limit], len(found) > page.limit
    count = len(shown)
    if more or page.offset or page.after:
        course_ids = None if page.course_ids is None else list(page.course_ids)
        count = await db.value(services.pool, Q.enrolment_count, user_id=page.user_id, course_ids=course_ids)
    return Enrolments(shown, count, (shown[-1].enrolled_at, shown[-1].batch_id) if more and shown else None)


async def _list_of(services: Services, pages: Sequence[Page]) -> list[Answer[list[Enrolment]]]:
    found = await db.all(
        services.pool,
        Enrolment,
        Q.enrolments_of,
        user_ids=[page.user_id for page in pages],
        course_ids=[None if page.course_ids is None else _SEPARATOR.join(page.course_ids) for page in pages],
        limits=[page.limit for page in pages],
        offsets=[page.offset for page in pages],
        after_at=[page.after and page.after[0] for page in pages],
        after_batch_ids=[page.after and page.after[1] for page in pages],
    )
    lists: list[list[Enrolment]] = [[] for _ in pages]
    for enrolment in found:
        lists[enrolment.position - 1].append(enrolment)
    return list(lists)


async def measures_of(services: Services, enrolments: Sequence[Enrolment]) -> dict[tuple[str, str | None], Course]:
    """Course and version → the publication, for batches that stay with one; what cannot be read now is left out."""
    found: dict[tuple[str, str | None], Course] = {}
    for course_id, version in {(one.course_id, one.course_version) for one in enrolments if one.course_version}:
        try:
            course = await courses.course(services, course_id, version)
        except Upstream as failure:
            log.warning("a publication cannot be read now", course_id=course_id, error=failure.detail)
            continue
        if course is not None:
            found[course_id, version] = course
    return found


async def organisations_of(services: Services, channels: Collection[str]) -> Mapping[str, Organisation] | None:
    """Channel → its organisation, for those that exist; None when the organisation service does not answer soon."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await services.sunbird.organisations.remembered(channels)
    except (Upstream, TimeoutError) as failure:
        log.warning("organisations are not known now", error=repr(failure))
        return None


async def batches_of(services: Services, enrolments: Sequence[Enrolment]) -> list[Batch]:
    """The batches of these enrolments."""
    batch_ids = frozenset(enrolment.batch_id for enrolment in enrolments)
    return await services.coalescers.of(_batches_of, services).do(batch_ids)


async def _batches_of(services: Services, asked: Sequence[frozenset[str]]) -> list[Answer[list[Batch]]]:
    found = {batch.batch_id: batch for batch in await batches.find_all(services.pool, frozenset().union(*asked))}
    return [[found[batch_id] for batch_id in batch_ids if batch_id in found] for batch_ids in asked]


# Enrolling. Most batches have no capacity: their wishes are written together, without a lock. The others are done
# apart, under the lock of their batches, which only those wait for who want one of the seats.


@dataclass(frozen=True, slots=True)
class _Counted:
    """The answer of `_enrol` for a batch whose seats are counted."""


_SEATS_ARE_COUNTED = _Counted()


async def _enrol(services: Services, wishes: Sequence[Wish]) -> list[Answer[_Counted | None]]:
    found = await standings(services.pool, [wish.key for wish in wishes])
    answers = [_judged(services, found.get(wish.key), wish) for wish in wishes]
    admitted = _first_of_each(wishes, lambda index: answers[index] is None)
    came = await _bring_in(services.pool, services, [wishes[index] for index in admitted], found)
    for index, wish in enumerate(wishes):
        if answers[index] is None and (index not in admitted or wish.key not in came):
            answers[index] = Again()
    return answers


def _judged(services: Services, standing: Standing | None, wish: Wish) -> Answer[_Counted | None]:
    """None: may come in."""
    alone = wish.how is How.SELF and not services.config.self_enrol_invite_only
    try:
        standing = rules.check_course(standing, wish.course_id)
        if wish.how is not How.FILE:
            today = services.clock.today(standing.time_zone)
            closes_before = services.config.enrolment_closes_days_before_end
            rules.check_enrol(standing, today, alone=alone, closes_before=closes_before)
        elif standing.active:
            raise rules.AlreadyEnrolled
    except LernbatchError as refusal:
        return refusal
    return None if standing.capacity is None else _SEATS_ARE_COUNTED


async def _enrol_counting(services: Services, wishes: Sequence[Wish]) -> list[Answer[None]]:
    """As `_enrol`, for batches with a capacity: one transaction, which holds those batches."""
    async with services.pool.acquire() as conn, conn.transaction():
        return await _enrol_held(conn, services, wishes)


async def enrol_within(conn: Connection, services: Services, wishes: Sequence[Wish]) -> list[LernbatchError | None]:
    """Bring learners in, in the caller's transaction, which then holds their batches; of each, why not, or None."""
    answers = await _enrol_held(conn, services, wishes)
    # Whoever was brought in by somebody else in between, or stands there twice, is in by now.
    return [rules.AlreadyEnrolled() if isinstance(answer, Again) else _refusal(answer) for answer in answers]


async def hold(conn: Connection, batch_ids: Collection[str]) -> None:
    """Nobody else gives a seat of these batches until the transaction ends."""
    await conn.fetch(Q.lock_batches.text, sorted(batch_ids))


async def _enrol_held(conn: Connection, services: Services, wishes: Sequence[Wish]) -> list[Answer[None]]:
    batch_ids = sorted({wish.batch_id for wish in wishes})
    await hold(conn, batch_ids)
    seats: dict[str, int] = dict(await conn.fetch(Q.seats_left.text, batch_ids))
    found = await standings(conn, [wish.key for wish in wishes])
    judged = [_judged(services, found.get(wish.key), wish) for wish in wishes]
    answers: list[Answer[None]] = [None if isinstance(answer, _Counted) else answer for answer in judged]
    admitted = _first_of_each(wishes, lambda index: answers[index] is None)
    for index in sorted(admitted):
        left = seats.get(wishes[index].batch_id)
        if left is not None and left <= 0:
            answers[index] = rules.BatchFull()
            admitted.discard(index)
        elif left is not None:
            seats[wishes[index].batch_id] = left - 1
    came = await _bring_in(conn, services, [wishes[index] for index in admitted], found)
    for index, wish in enumerate(wishes):
        if answers[index] is None and (index not in admitted or wish.key not in came):
            answers[index] = Again()
    return answers


def _first_of_each(wishes: Sequence[Wish], wanted: Callable[[int], bool]) -> set[int]:
    """The places of the first wish of each learner and batch; a second one waits until the first is done."""
    first: dict[Key, int] = {}
    for index, wish in enumerate(wishes):
        if wanted(index):
            first.setdefault(wish.key, index)
    return set(first.values())


async def _bring_in(
    conn: Connection, services: Services, wishes: Sequence[Wish], found: dict[Key, Standing]
) -> set[Key]:
    """Write the enrolments with their events; those who came in. Keys are sorted, so that twins do not deadlock."""
    if not wishes:
        return set()
    wishes = sorted(wishes, key=lambda wish: wish.key)
    told = [
        (wish, event)
        for wish in wishes
        for event in outbox.rows_of(services.config, events.enrolled(services, wish, found[wish.key]))
    ]
    rows = columns([event for _, event in told])
    written = await db.all(
        conn,
        _Written,
        Q.enrol,
        user_ids=[wish.user_id for wish in wishes],
        batch_ids=[wish.batch_id for wish in wishes],
        course_ids=[found[wish.key].course_id for wish in wishes],
        added_by=[wish.added_by for wish in wishes],
        how=[wish.how for wish in wishes],
        now=services.clock.now(),
        event_user_ids=[wish.user_id for wish, _ in told],
        event_batch_ids=[wish.batch_id for wish, _ in told],
        destinations=rows.destinations,
        topics=rows.topics,
        keys=rows.keys,
        payloads=rows.payloads,
    )
    metrics.BUSINESS.labels("enrolled").inc(len(written))
    return {row.key for row in written}


@dataclass(frozen=True, slots=True)
class _Written:
    user_id: str
    batch_id: str

    @property
    def key(self) -> Key:
        return self.user_id, self.batch_id


async def _unenrol(services: Services, wishes: Sequence[Wish]) -> list[LernbatchError | None]:
    async with services.pool.acquire() as conn, conn.transaction():
        found = await standings(conn, [wish.key for wish in wishes])
        answers = [_may_go(services, found.get(wish.key), wish) for wish in wishes]
        going = [wish for wish, refusal in zip(wishes, answers, strict=True) if refusal is None]
        gone = await unenrol_within(conn, services, going)
    # Whoever may go but did not was completed, or let out by somebody else, in between.
    lost = [wish.key for wish, refusal in zip(wishes, answers, strict=True) if not refusal and wish.key not in gone]
    later = await standings(services.pool, lost) if lost else {}
    return [
        refusal or (None if wish.key in gone else _may_go(services, later.get(wish.key), wish))
        for wish, refusal in zip(wishes, answers, strict=True)
    ]


async def unenrol_within(conn: Connection, services: Services, wishes: Sequence[Wish]) -> set[Key]:
    """Let those out who are in and have not completed, in the caller's transaction; which they were."""
    leaving = {wish.key: wish for wish in sorted(wishes, key=lambda wish: wish.key)}
    if not leaving:
        return set()
    gone = await db.all(
        conn,
        _Written,
        Q.unenrol,
        user_ids=[user_id for user_id, _ in leaving],
        batch_ids=[batch_id for _, batch_id in leaving],
    )
    if gone and (services.config.mail_enabled or outbox.publishes_to_kafka(services.config)):
        found = await standings(conn, [left.key for left in gone])
        told = [event for left in gone for event in events.unenrolled(services, leaving[left.key], found[left.key])]
        await outbox.publish(conn, services, told)
    metrics.BUSINESS.labels("unenrolled").inc(len(gone))
    return {left.key for left in gone}


def _may_go(services: Services, standing: Standing | None, wish: Wish) -> LernbatchError | None:
    closed = not services.config.self_enrol_invite_only
    try:
        standing = rules.check_course(standing, wish.course_id)
        today = services.clock.today(standing.time_zone)
        rules.check_unenrol(standing, today, alone=wish.how is How.SELF, closed=closed)
    except LernbatchError as refusal:
        return refusal
    return None


def _refusal(answer: object) -> LernbatchError | None:
    if answer is None or isinstance(answer, LernbatchError):
        return answer
    raise answer if isinstance(answer, BaseException) else TypeError(answer)
