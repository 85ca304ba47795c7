"""What can be done with files of people: store one, work on it set by set, say how far it is."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from lernbatch import metrics
from lernbatch.batch import rules as batch_rules
from lernbatch.batch.actions import NotInserted, new_batch_id
from lernbatch.bulk import rules
from lernbatch.bulk.model import SUCCESS, BulkFile, BulkKind, BulkLine, BulkPerson, BulkState
from lernbatch.database import db, sql
from lernbatch.database.db import Connection
from lernbatch.enrolment import actions as enrolment
from lernbatch.enrolment import rules as enrolment_rules
from lernbatch.enrolment.model import EnrolmentKey, EnrolmentRequest, EnrolmentSource
from lernbatch.enrolment.rules import NotToBring
from lernbatch.jobs.outbox.telemetry import Origin
from lernbatch.services import Services
from lernbatch.sunbird.users import Profile
from lernbatch.web import audit
from lernbatch.web.caller import Caller

Q = sql.load("lernbatch.bulk")
SET_SIZE = 500
PEOPLE_AT_ONCE = 10_000  # of a file, in one statement
FORGOTTEN_AT_ONCE = 1000  # rows of each table
LINK_LASTS = timedelta(minutes=30)


async def store_file(services: Services, caller: Caller, kind: BulkKind, lines: Sequence[BulkLine]) -> str:
    """Store an uploaded file for processing; returns its id. A line in which nobody can be enrolled fails at once.

    Raises: NotInserted (E23); Unauthorized, InvalidBatch, when it is about no batch that the caller manages.
    """
    caller_id = caller.user_id or ""
    batch_ids = sorted({line.batch_id for line in lines if line.batch_id})
    batches = await enrolment.eligibilities(services.pool, [(caller_id, batch_id) for batch_id in batch_ids])
    managed = {
        batch_id for (_, batch_id), batch in batches.items() if batch_rules.may_manage(caller, batch, services.config)
    }
    if not managed:
        rules.check_somebody_manages(lines, batches.values())

    def check(line: BulkLine) -> BulkLine:
        batch = batches.get((caller_id, line.batch_id or ""))
        error = rules.error_of(line, batch, may_manage=line.batch_id in managed)
        return line if error is None else rules.shortened(replace(line, error=error))

    def read() -> tuple[list[BulkLine], list[tuple[BulkLine, str]]]:
        checked = [check(line) for line in lines]
        return checked, [(line, user_id) for line in checked if line.error is None for user_id in rules.people_of(line)]

    checked, people = await asyncio.to_thread(read)  # some files name everybody
    process_id = new_batch_id(services.clock.now_ms())
    with db.failing_as(NotInserted):
        async with services.pool.acquire() as conn, conn.transaction():
            await db.run(
                conn,
                Q.insert_process,
                process_id=process_id,
                kind=kind,
                uploaded_by=caller.user_id,
                reach=enrolment_rules.reach(caller, services.config),
                now=services.clock.now(),
                rows=len(checked),
                people=len(people),
            )
            await db.run(
                conn,
                Q.insert_rows,
                process_id=process_id,
                **db.columns(
                    checked, row_numbers="row_number", batch_ids="batch_id", user_ids="user_ids", errors="error"
                ),
            )
            for place in range(0, len(people), PEOPLE_AT_ONCE):
                some = people[place : place + PEOPLE_AT_ONCE]
                await db.run(
                    conn,
                    Q.insert_people,
                    process_id=process_id,
                    after=place,
                    **db.columns([line for line, _ in some], row_numbers="row_number", batch_ids="batch_id"),
                    user_ids=[user_id for _, user_id in some],
                )
            await audit.end(conn)
    services.wake.now()
    return process_id


async def file_of(services: Services, caller: Caller, process_id: str) -> BulkFile:
    """A file the caller uploaded, or all of whose batches are of organisations that the caller administers.

    Raises: UnknownFile (E32).
    """
    file = await db.one(services.pool, BulkFile, Q.process_by_id, process_id=process_id)
    if file is None:
        raise rules.UnknownFile
    if caller.user_id is not None and caller.user_id == file.uploaded_by:
        return file
    batches = await db.all(services.pool, BatchOrganisations, Q.organisations_of_file, process_id=process_id)
    organisations = [batch.created_for for batch in batches] or [[]]
    if not all(batch_rules.administers(caller, created_for, services.config) for created_for in organisations):
        raise rules.UnknownFile
    return file


@dataclass(frozen=True, slots=True)
class BatchOrganisations:
    """For whom one of a file's batches is."""

    created_for: list[str]


async def details_of(services: Services, process_id: str) -> tuple[list[BulkLine], list[BulkPerson]]:
    """The lines and the people of a file, in its order."""
    lines = await db.all(services.pool, BulkLine, Q.lines_of, process_id=process_id)
    return lines, await db.all(services.pool, BulkPerson, Q.people_of, process_id=process_id)


async def link(services: Services, caller: Caller, process_id: str) -> tuple[BulkFile, str]:
    """The file, and a token that opens its result for LINK_LASTS. Raises: UnknownFile, LinkUnavailable (E33)."""
    file = await file_of(services, caller, process_id)
    if file.status != BulkState.DONE:
        raise rules.LinkUnavailable
    token, until = secrets.token_urlsafe(24), services.clock.now() + LINK_LASTS
    await db.run(services.pool, Q.set_link, process_id=process_id, link_token=token, link_until=until)
    return file, token


async def opened_by(services: Services, process_id: str, token: str) -> BulkFile:
    """The file whose link this is. Raises: UnknownFile."""
    file = await db.one(services.pool, BulkFile, Q.process_by_id, process_id=process_id)
    if file is None or file.link_token is None or file.link_until is None:
        raise rules.UnknownFile
    if not secrets.compare_digest(file.link_token.encode(), token.encode()) or services.clock.now() >= file.link_until:
        raise rules.UnknownFile
    return file


async def work_on_next(services: Services) -> int:
    """Process one set of people of the oldest open file. Returns how many; 1 when the file was only closed."""
    file = await db.one(services.pool, BulkFile, Q.open_process)
    if file is None:
        return 0
    waiting = await db.all(services.pool, BulkPerson, Q.people_to_do, process_id=file.process_id, limit=SET_SIZE)
    profiles: Mapping[str, Profile] = {}
    if file.kind == BulkKind.ENROL and waiting:  # asked before the transaction, which must not wait for a service
        profiles = await services.sunbird.users.profiles({person.user_id for person in waiting})
    places = {person.place for person in waiting}
    async with services.pool.acquire() as conn, conn.transaction():
        if await db.value(conn, Q.lock_process, process_id=file.process_id) is None:
            return 1  # another process has just closed it
        still = await db.all(conn, BulkPerson, Q.people_to_do, process_id=file.process_id, limit=SET_SIZE)
        people = [person for person in still if person.place in places]
        if file.kind == BulkKind.ENROL:
            outcomes = await _enrol(conn, services, file, people, profiles)
        else:
            outcomes = await _unenrol(conn, services, file, people)
        await db.run(
            conn,
            Q.set_outcomes,
            process_id=file.process_id,
            places=[person.place for person in people],
            outcomes=outcomes,
        )
        now = services.clock.now()
        await db.run(
            conn,
            Q.save_advance,
            process_id=file.process_id,
            status=BulkState.UNDER_WAY if still else BulkState.DONE,
            count=len(people),
            now=now,
            ended_at=None if still else now,
        )
    metrics.BUSINESS.labels("person-of-file").inc(len(people))
    return max(len(people), 1)


async def _enrol(
    conn: Connection,
    services: Services,
    file: BulkFile,
    people: Sequence[BulkPerson],
    profiles: Mapping[str, Profile],
) -> list[str]:
    """The outcome of each person, in order."""
    batches = await enrolment.eligibilities(conn, [(person.user_id, person.batch_id) for person in people])
    outcomes: dict[int, str] = {}
    fit: list[BulkPerson] = []
    for person in people:
        batch = batches.get((person.user_id, person.batch_id))
        if batch is None:
            outcomes[person.place] = rules.NO_SUCH_BATCH
        elif not enrolment_rules.may_bring_in(
            profiles.get(person.user_id),
            batch.created_for,
            file.reach,
            has_ended=services.tokens.has_ended(person.user_id),
        ):
            outcomes[person.place] = NotToBring.message
        else:
            fit.append(person)
    origin = Origin(message_id=file.process_id)
    requests = [
        EnrolmentRequest(person.user_id, person.batch_id, None, file.uploaded_by, EnrolmentSource.FILE, origin)
        for person in fit
    ]
    refusals = await enrolment.enrol_within(conn, services, requests)
    for person, refusal in zip(fit, refusals, strict=True):
        is_in = refusal is None or isinstance(refusal, enrolment_rules.AlreadyEnrolled)
        outcomes[person.place] = SUCCESS if is_in else str(refusal)
    return [outcomes[person.place] for person in people]


async def _unenrol(conn: Connection, services: Services, file: BulkFile, people: Sequence[BulkPerson]) -> list[str]:
    """The outcome of each person, in order."""
    keys: list[EnrolmentKey] = [(person.user_id, person.batch_id) for person in people]
    batches = await enrolment.eligibilities(conn, keys)
    refusals = {key: rules.unenrol_refusal(batches.get(key)) for key in keys}
    origin = Origin(message_id=file.process_id)
    leaving = [
        EnrolmentRequest(*key, None, None, EnrolmentSource.FILE, origin)
        for key, refusal in refusals.items()
        if refusal is None
    ]
    gone = await enrolment.unenrol_within(conn, services, leaving)
    # Whoever may leave but did not has completed the course, or was removed by somebody else, in between.
    return [refusals[key] or (SUCCESS if key in gone else rules.NOT_ENROLLED) for key in keys]


async def forget_old(services: Services) -> int:
    """Delete files and changes that are over for `bulk_days`. Returns how many rows."""
    over = {"before": services.clock.now() - timedelta(days=services.config.bulk_days), "limit": FORGOTTEN_AT_ONCE}
    return (
        await db.run(services.pool, Q.forget_people, **over)
        + await db.run(services.pool, Q.forget_rows, **over)
        + await db.run(services.pool, Q.forget_processes, **over)
        + await db.run(services.pool, Q.forget_changes, **over)
    )
