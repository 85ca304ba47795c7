"""What can be done with files of people: take one, work on it set by set, say how far it is."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from lernbatch import metrics
from lernbatch.batch import rules as batch_rules
from lernbatch.batch.actions import NotInserted, new_batch_id
from lernbatch.bulk import rules
from lernbatch.bulk.model import SUCCESS, Kind, Line, Person, Process, State
from lernbatch.database import db, sql
from lernbatch.database.db import Connection
from lernbatch.enrolment import actions as enrolment
from lernbatch.enrolment import rules as enrolment_rules
from lernbatch.enrolment.model import EnrolmentKey, EnrolmentRequest, EnrolmentSource
from lernbatch.enrolment.rules import NotToBring
from lernbatch.jobs.outbox.telemetry import Origin
from lernbatch.services import Services
from lernbatch.sunbird.users import Profile
from lernbatch.web.caller import Caller

Q = sql.load("lernbatch.bulk")
SET_SIZE = 500
PEOPLE_AT_ONCE = 10_000  # of a file, in one statement
FORGOTTEN_AT_ONCE = 1000  # rows of each table
LINK_LASTS = timedelta(minutes=30)


async def take(services: Services, caller: Caller, kind: Kind, lines: Sequence[Line]) -> str:
    """Keep a file to be worked on; its id. A line that nobody of which can be done is marked at once.

    Raises: NotInserted (E23); Unauthorized, InvalidBatch, when it is about no batch that the caller manages.
    """
    judged = await _judged(services, caller, lines)
    process_id = new_batch_id(services.clock.now_ms())
    with db.failing_as(NotInserted):
        async with services.pool.acquire() as conn, conn.transaction():
            await _insert(conn, services, caller, kind, process_id, judged)
    services.wake.now()
    return process_id


async def _insert(
    conn: Connection, services: Services, caller: Caller, kind: Kind, process_id: str, lines: Sequence[Line]
) -> None:
    people = await asyncio.to_thread(
        lambda: [(line, user_id) for line in lines if line.error is None for user_id in rules.people_of(line)]
    )
    await db.run(
        conn,
        Q.insert_process,
        process_id=process_id,
        kind=kind,
        uploaded_by=caller.user_id,
        reach=enrolment_rules.reach(caller, services.config),
        now=services.clock.now(),
        rows=len(lines),
        people=len(people),
    )
    await db.run(
        conn,
        Q.insert_rows,
        process_id=process_id,
        row_numbers=[line.row_number for line in lines],
        batch_ids=[line.batch_id for line in lines],
        user_ids=[line.user_ids for line in lines],
        errors=[line.error for line in lines],
    )
    for place in range(0, len(people), PEOPLE_AT_ONCE):
        some = people[place : place + PEOPLE_AT_ONCE]
        await db.run(
            conn,
            Q.insert_people,
            process_id=process_id,
            after=place,
            row_numbers=[line.row_number for line, _ in some],
            batch_ids=[line.batch_id for line, _ in some],
            user_ids=[user_id for _, user_id in some],
        )


async def _judged(services: Services, caller: Caller, lines: Sequence[Line]) -> list[Line]:
    asker = caller.user_id or ""
    batch_ids = sorted({line.batch_id for line in lines if line.batch_id})
    found = await enrolment.eligibilities(services.pool, [(asker, batch_id) for batch_id in batch_ids])
    managed = {
        batch_id
        for (_, batch_id), standing in found.items()
        if batch_rules.may_manage(caller, standing, services.config)
    }
    if not managed:
        rules.check_somebody_manages(lines, found.values())

    def judge(line: Line) -> Line:
        error = rules.error_of(line, found.get((asker, line.batch_id or "")), may_manage=line.batch_id in managed)
        return line if error is None else rules.kept(replace(line, error=error))

    return await asyncio.to_thread(lambda: [judge(line) for line in lines])  # some may name everybody


async def process_of(services: Services, caller: Caller, process_id: str) -> Process:
    """A file the caller uploaded, or all of whose batches are of organisations that the caller administers.

    Raises: UnknownProcess (E32).
    """
    process = await db.one(services.pool, Process, Q.process_by_id, process_id=process_id)
    if process is None:
        raise rules.UnknownProcess
    if caller.user_id is not None and caller.user_id == process.uploaded_by:
        return process
    batches = await db.all(services.pool, _Organisations, Q.organisations_of_file, process_id=process_id)
    offered = [batch.created_for for batch in batches] or [[]]
    if not all(batch_rules.administers(caller, created_for, services.config) for created_for in offered):
        raise rules.UnknownProcess
    return process


@dataclass(frozen=True, slots=True)
class _Organisations:
    """For whom one of a file's batches is."""

    created_for: list[str]


async def details_of(services: Services, process_id: str) -> tuple[list[Line], list[Person]]:
    """The lines and the people of a file, in its order."""
    lines = await db.all(services.pool, Line, Q.lines_of, process_id=process_id)
    return lines, await db.all(services.pool, Person, Q.people_of, process_id=process_id)


async def link(services: Services, caller: Caller, process_id: str) -> tuple[Process, str]:
    """The file, and a token that opens its result for a while. Raises: UnknownProcess, LinkUnavailable (E33)."""
    process = await process_of(services, caller, process_id)
    if process.status != State.DONE:
        raise rules.LinkUnavailable
    token, until = secrets.token_urlsafe(24), services.clock.now() + LINK_LASTS
    await db.run(services.pool, Q.set_link, process_id=process_id, link_token=token, link_until=until)
    return process, token


async def opened_by(services: Services, process_id: str, token: str) -> Process:
    """The file whose link this is. Raises: UnknownProcess."""
    found = await db.one(services.pool, Process, Q.process_by_id, process_id=process_id)
    if found is None or found.link_token is None or found.link_until is None:
        raise rules.UnknownProcess
    if (
        not secrets.compare_digest(found.link_token.encode(), token.encode())
        or services.clock.now() >= found.link_until
    ):
        raise rules.UnknownProcess
    return found


async def work_on(services: Services) -> int:
    """Do one set of people of the file that waits longest; how many, or 1 when only its end was noted."""
    process = await db.one(services.pool, Process, Q.open_process)
    if process is None:
        return 0
    todo = await db.all(services.pool, Person, Q.people_to_do, process_id=process.process_id, limit=SET_SIZE)
    known = {}
    if process.kind == Kind.ENROL and todo:
        known = await services.sunbird.users.profiles({person.user_id for person in todo})
    async with services.pool.acquire() as conn, conn.transaction():
        if await db.value(conn, Q.lock_process, process_id=process.process_id) is None:
            return 1  # a twin has just ended it
        still = await db.all(conn, Person, Q.people_to_do, process_id=process.process_id, limit=SET_SIZE)
        places = {person.place for person in todo}
        mine = [person for person in still if person.place in places]
        outcomes = await _do(conn, services, process, mine, known)
        await db.run(
            conn,
            Q.set_outcomes,
            process_id=process.process_id,
            places=[person.place for person in mine],
            outcomes=outcomes,
        )
        now = services.clock.now()
        await db.run(
            conn,
            Q.note_progress,
            process_id=process.process_id,
            status=State.UNDER_WAY if still else State.DONE,
            count=len(mine),
            now=now,
            ended_at=None if still else now,
        )
    metrics.BUSINESS.labels("person-of-file").inc(len(mine))
    return max(len(mine), 1)


async def _do(
    conn: Connection, services: Services, process: Process, people: Sequence[Person], known: dict[str, Profile]
) -> list[str]:
    """The outcome of each person, in order."""
    origin = Origin(message_id=process.process_id)
    if process.kind == Kind.UNENROL:
        return await _take_out(conn, services, people, origin)
    found = await enrolment.eligibilities(conn, [(person.user_id, person.batch_id) for person in people])
    fit = [
        person
        for person in people
        if (standing := found.get((person.user_id, person.batch_id))) is not None
        and enrolment_rules.may_bring_in(known.get(person.user_id), standing.created_for, process.reach)
    ]
    wishes = [
        EnrolmentRequest(person.user_id, person.batch_id, None, process.uploaded_by, EnrolmentSource.FILE, origin)
        for person in fit
    ]
    refusals = await enrolment.enrol_within(conn, services, wishes)
    outcomes = dict(zip((person.place for person in fit), refusals, strict=True))
    return [
        _outcome_of(outcomes[person.place])
        if person.place in outcomes
        else (rules.NO_SUCH_BATCH if (person.user_id, person.batch_id) not in found else NotToBring.message)
        for person in people
    ]


def _outcome_of(refusal: Exception | None) -> str:
    if refusal is None or isinstance(refusal, enrolment_rules.AlreadyEnrolled):
        return SUCCESS
    return str(refusal)


async def _take_out(conn: Connection, services: Services, people: Sequence[Person], origin: Origin) -> list[str]:
    keys: list[EnrolmentKey] = [(person.user_id, person.batch_id) for person in people]
    found = await enrolment.eligibilities(conn, keys)
    reasons = {key: rules.unenrol_outcome(found.get(key)) for key in keys}
    going = [
        EnrolmentRequest(*key, None, None, EnrolmentSource.FILE, origin)
        for key, reason in reasons.items()
        if reason is None
    ]
    gone = await enrolment.unenrol_within(conn, services, going)
    # Who may go but did not was completed, or let out by somebody else, in between.
    return [reasons[key] or (SUCCESS if key in gone else rules.NOT_ENROLLED) for key in keys]


async def forget_old(services: Services) -> int:
    """Forget files and roster changes that are over for `bulk_days`; how many rows. Bounded."""
    over = {"before": services.clock.now() - timedelta(days=services.config.bulk_days), "limit": FORGOTTEN_AT_ONCE}
    return (
        await db.run(services.pool, Q.forget_people, **over)
        + await db.run(services.pool, Q.forget_rows, **over)
        + await db.run(services.pool, Q.forget_processes, **over)
        + await db.run(services.pool, Q.forget_changes, **over)
    )
