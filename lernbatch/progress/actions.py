"""What can be done with progress: record what learners report, and read where they are."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from lernbatch import metrics
from lernbatch.batch.actions import Unread
from lernbatch.course import actions as courses
from lernbatch.course.model import Course
from lernbatch.database import db, sql
from lernbatch.database.coalescer import Again, Answer, coalesced
from lernbatch.database.db import Connection
from lernbatch.enrolment.model import EnrolmentKey
from lernbatch.errors import Upstream
from lernbatch.jobs.outbox import actions as outbox
from lernbatch.jobs.outbox.announcements import announcement
from lernbatch.progress import events, rules
from lernbatch.progress.attempts import rules as attempt_rules
from lernbatch.progress.attempts.model import Attempt, Submission
from lernbatch.progress.model import (
    STATES,
    Learner,
    Outcome,
    Recorded,
    Row,
    States,
    Update,
    WithoutBatch,
    WithoutEnrolment,
    Work,
    dump_states,
    learner_of,
)
from lernbatch.services import Services

Q = sql.load("lernbatch.progress")


async def record(services: Services, update: Update) -> Outcome:
    """Store what an update reports; answered after it is committed.

    Raises: rules.NoEnrolmentFound (E50), when it asks to sync an enrolment that does not exist; Busy.
    """
    config, now_ms, has_listeners = services.config, services.clock.now_ms(), outbox.publishes_to_kafka(services.config)
    if update.not_permitted is not None:
        metrics.BUSINESS.labels("state-of-foreign-user").inc(len(update.not_permitted.items))
        if has_listeners:
            event = events.not_permitted(config, now_ms, update.not_permitted)
            await outbox.publish(services.pool, services, [event])
    if update.sync is not None:
        sync = update.sync
        enrolment = {"user_id": sync.user_id, "batch_id": sync.batch_id, "course_id": sync.course_id}
        if not await db.value(services.pool, Q.has_enrolment, **enrolment) or not sync.is_permitted:
            raise rules.NoEnrolmentFound(sync.user_id, sync.batch_id, sync.course_id)
        await record_one(services, Work(sync.user_id, sync.batch_id, ()))
        if has_listeners:
            await outbox.publish(services.pool, services, [events.sync(config, now_ms, sync)])
        return Outcome(synced=True)
    if len(update.works) == 1:  # nearly always; gathering would make a task
        results = [await record_one(services, update.works[0])]
    else:
        results = await asyncio.gather(*(record_one(services, work) for work in update.works))
    not_enrolled = sum(len(result.not_enrolled) for result in results)
    if not_enrolled:
        metrics.BUSINESS.labels("state-without-enrolment").inc(not_enrolled)
        if has_listeners:
            refused = [
                events.not_enrolled(config, now_ms, work, result.not_enrolled)
                for work, result in zip(update.works, results, strict=True)
                if result.not_enrolled
            ]
            await outbox.publish(services.pool, services, refused)
    return rules.outcome(update.works, results)


@coalesced(lambda work: work.user_id)
async def record_one(services: Services, works: Sequence[Work]) -> list[Answer[Recorded]]:
    """Store what is reported of one learner in one batch; answered after it is committed.

    A flush: read the rows of all works, apply the rules, write the changed rows. Two statements, one connection; more
    only where there are attempts, events or certificates.
    """
    places: dict[EnrolmentKey, list[int]] = {}
    for place, work in enumerate(works):
        places.setdefault(work.key, []).append(place)
    keys = sorted(places)
    answers: list[Answer[Recorded]] = [Again()] * len(works)
    rows: list[Row] = []
    # One for all statements: to borrow it twice takes longer. On Citus all learners of a flush are of one node.
    async with services.near(works[0].user_id).acquire() as conn:
        records = await conn.fetch(Q.learners.text, *Q.learners.arguments(_keyed(keys)))
        assessed = [key for key in keys if any(works[at].submissions or works[at].rewrite for at in places[key])]
        attempts = await _attempts_of(conn, assessed) if assessed else {}
        for learner in map(learner_of, records):
            key = learner.user_id, learner.batch_id
            decided, row = _decide(services, learner, attempts.get(key, []), [works[place] for place in places[key]])
            for place, answer in zip(places[key], decided, strict=True):
                answers[place] = answer
            if row is not None:
                rows.append(row)
        saved = await _save(services, conn, rows) if rows else set()
    for row in rows:
        if row.key not in saved:  # somebody else changed the row in between
            for place in places[row.key]:
                answers[place] = Again()
    metrics.BUSINESS.labels("completed").inc(sum(row.has_finished for row in rows if row.key in saved))
    return answers


def _keyed(keys: Sequence[EnrolmentKey]) -> dict[str, object]:
    return {"user_ids": [user_id for user_id, _ in keys], "batch_ids": [batch_id for _, batch_id in keys]}


async def _attempts_of(conn: Connection, keys: Sequence[EnrolmentKey]) -> dict[EnrolmentKey, list[Attempt]]:
    """All attempts of these learners in these batches. One who writes them later changes the revision of the row."""
    attempts: dict[EnrolmentKey, list[Attempt]] = {}
    for user_id, batch_id, *attempt in await conn.fetch(Q.attempts_of.text, *Q.attempts_of.arguments(_keyed(keys))):
        attempts.setdefault((user_id, batch_id), []).append(Attempt(*attempt))
    return attempts


def _decide(
    services: Services, learner: Learner, attempts: Sequence[Attempt], works: Sequence[Work]
) -> tuple[Sequence[Answer[Recorded]], Row | None]:
    """What becomes of one learner's works, in their order, and the row to write, if anything changes."""
    if isinstance(learner, WithoutBatch):
        return [Recorded(batch_exists=False)] * len(works), None
    clock, config = services.clock, services.config
    today = clock.today(learner.time_zone)
    zone = ZoneInfo(learner.time_zone) if learner.time_zone else clock.zone
    timely = [rules.timely(work, learner, today, zone, config.late_state_grace_days) for work in works]
    if isinstance(learner, WithoutEnrolment):
        return [
            Recorded(
                ongoing=len(kept.reports) == len(work.reports),
                not_enrolled=tuple([report.content_id for report in kept.reports]),
            )
            for work, kept in zip(works, timely, strict=True)
        ], None

    # The tree by which this batch's progress is measured. If it must be fetched, that happens beside the flush.
    course_id, version, cache = learner.course_id, learner.course_version, services.courses
    course = cache.newest(course_id, clock.now()) if version is None else cache.pinned(course_id, version)
    if course is None and version is None and cache.lock(course_id).locked():
        course = cache.seen(course_id)  # somebody is just fetching the newest one
    if course is None:
        return [Again(first=partial(_fetch_course, services, course_id, version))] * len(works), None

    row = Row.of(learner, attempts)
    answers = [_apply(services, row, course, work, kept) for work, kept in zip(works, timely, strict=True)]
    row.completion = rules.completion(course, row.states, row.completion, clock.now())
    if row.written or row.dropped or row.rewrite:
        row.scores = attempt_rules.scores(row.attempts.values())
    if learner.awards and (row.has_finished or row.scores_changed):
        row.due_reason = "completed" if row.has_finished else "score"
    if outbox.publishes_to_kafka(config):
        row.events += events.concluded(config, clock.now_ms(), row)
    if row.has_finished:
        row.events += announcement(config, clock.now_ms(), "learner.completed", row.key[1], userId=row.key[0])
    return answers, row if row.has_changed else None


async def _fetch_course(services: Services, course_id: str, version: str | None) -> None:
    if await courses.course(services, course_id, version) is None:
        raise Upstream(f"the course {course_id} of a batch does not exist any more")


def _apply(services: Services, row: Row, course: Course, work: Work, timely: Work) -> Recorded:
    """Merge one work into the row; what became of it."""
    config, now_ms, course_id = services.config, services.clock.now_ms(), row.learner.course_id
    row.rewrite |= work.rewrite
    reports = [report for report in timely.reports if report.course_id == course_id]
    if surplus := rules.surplus_contents(course, row.states, reports):
        metrics.BUSINESS.labels("state-of-stray-content").inc(len(surplus))
        reports = [report for report in reports if report.content_id not in set(surplus)]
    before = row.states
    row.states = rules.merge_all(before, reports, now_ms)
    if rules.is_too_large(len(row.learner.states), row.states, reports):
        metrics.BUSINESS.labels("state-of-full-row").inc(len(reports))
        kept_ids = course.leaf_node_ids | before.keys()
        reports = [replace(report, details=None) for report in reports if report.content_id in kept_ids]
        row.states = rules.merge_all(before, reports, now_ms)
    if row.states is not before and outbox.publishes_to_kafka(config):
        row.events += events.contents_changed(config, now_ms, row, before, [report.content_id for report in reports])
    submissions = [submission for submission in timely.submissions if submission.course_id == course_id]
    for submission in submissions:
        _submit(services, row, course, submission)
    return Recorded(
        stored=tuple([report.content_id for report in reports]),
        assessed=bool(submissions),
        ongoing=len(timely.reports) == len(work.reports),
        not_enrolled=tuple([report.content_id for report in timely.reports if report.course_id != course_id]),
    )


def _submit(services: Services, row: Row, course: Course, submission: Submission) -> None:
    """Count an attempt, if it counts: then it is written, and published, with the row."""
    config, key = services.config, (submission.content_id, submission.attempt_id)
    has_listeners, user_id = outbox.publishes_to_kafka(config), row.learner.user_id
    if (reason := attempt_rules.refusal(submission, course)) is not None:
        metrics.BUSINESS.labels("attempt-refused").inc()
        if has_listeners:
            row.events.append(events.assessment_failed(config, submission, user_id, reason))
        return
    if not submission.questions:
        return
    attempt = attempt_rules.attempt(submission)
    if not attempt_rules.replaces(attempt, row.attempts.get(key)):
        return
    is_new = key not in row.attempts
    row.attempts[key], row.written[key] = attempt, submission
    row.dropped.discard(key)
    tries = [other for other in row.attempts.values() if other.content_id == submission.content_id]
    for surplus in attempt_rules.surplus(tries, config.attempts_limit):
        dropped = surplus.content_id, surplus.attempt_id
        row.attempts.pop(dropped)
        row.written.pop(dropped, None)
        if dropped != key or not is_new:  # one that was never kept, as a repetition is not, changes nothing
            row.dropped.add(dropped)
    if has_listeners:
        row.events.append(events.assessed(config, submission, user_id))


async def _save(services: Services, conn: Connection, rows: Sequence[Row]) -> set[EnrolmentKey]:
    """Write the rows that nobody else has changed since they were read. Returns the keys of those that were written.

    What belongs to a row is written in the same transaction; mostly there is nothing, and one statement is enough.
    """
    if not any(row.written or row.dropped or row.due_reason or row.events for row in rows):
        return await _update(services, conn, rows)
    async with nullcontext(conn) if services.nodes is None else services.pool.acquire() as conn, conn.transaction():
        saved = await _update(services, conn, rows)
        await _save_beside(services, conn, [row for row in rows if row.key in saved])
    return saved


async def _update(services: Services, conn: Connection, rows: Sequence[Row]) -> set[EnrolmentKey]:
    parameters: dict[str, object] = {
        "now": services.clock.now(),
        "as_text": services.config.states_as_text,
        **db.columns(
            rows,
            user_ids="learner.user_id",
            batch_ids="learner.batch_id",
            revisions="learner.revision",
            statuses="completion.status",
            progress="completion.progress",
            percentages="completion.percentage",
            completed_at="completion.completed_at",
            scores="scores",
        ),
        "states": [dump_states(row.states) for row in rows],
        **db.columns(
            [rules.last_read(row.states) for row in rows],
            last_read_content_ids="content_id",
            last_read_content_statuses="status",
            last_access_at="at",
        ),
    }
    records = await conn.fetch(Q.save.text, *Q.save.arguments(parameters))
    return {(record["user_id"], record["batch_id"]) for record in records}


async def _save_beside(services: Services, conn: Connection, rows: Sequence[Row]) -> None:
    """Write the attempts, the due certificates and the events of saved rows, in the transaction that saved them."""
    now = services.clock.now()
    written = [
        Q.save_attempt.arguments(
            {
                "user_id": row.learner.user_id,
                "batch_id": row.learner.batch_id,
                "course_id": row.learner.course_id,
                **asdict(row.attempts[key]),
                "questions": submission.questions,
                "now": now,
            }
        )
        for row in rows
        for key, submission in row.written.items()
    ]
    if written:
        await conn.executemany(Q.save_attempt.text, written)
    dropped = [(*row.key, *key) for row in rows for key in row.dropped]
    if dropped:
        user_ids, batch_ids, content_ids, attempt_ids = map(list, zip(*dropped, strict=True))
        await db.run(
            conn,
            Q.drop_attempts,
            user_ids=user_ids,
            batch_ids=batch_ids,
            content_ids=content_ids,
            attempt_ids=attempt_ids,
        )
    due = [row for row in rows if row.due_reason]
    if due:
        fields = {"user_ids": "learner.user_id", "batch_ids": "learner.batch_id", "reasons": "due_reason"}
        await db.run(conn, Q.queue_learners, now=now, **db.columns(due, **fields))
    await outbox.publish(conn, services, [event for row in rows for event in row.events])


async def states_of(services: Services, user_id: str, course_id: str, batch_id: str) -> States:
    """How far the learner is in each content, enrolled or not any more; {} when there never was an enrolment.

    Raises: Unread (E40); Busy.
    """
    with db.failing_as(Unread):
        return await _read_states(services, (user_id, batch_id, course_id))


@coalesced(lambda key: key[0])
async def _read_states(services: Services, keys: Sequence[tuple[str, str, str]]) -> list[Answer[States]]:
    """The states of one learner, batch and course."""
    user_ids, batch_ids, course_ids = (list(column) for column in zip(*keys, strict=True))
    pool = services.near(user_ids[0])
    rows = await db.all(pool, StatesRow, Q.states_of, user_ids=user_ids, batch_ids=batch_ids, course_ids=course_ids)
    answers: list[Answer[States]] = [{} for _ in keys]
    for row in rows:
        answers[row.position - 1] = STATES.decode(row.states)
    return answers


@dataclass(frozen=True, slots=True)
class StatesRow:
    """The states of an enrolment, as JSON. `position`: of the question that it answers, from 1."""

    position: int
    states: str


async def attempts_of(
    conn: Connection, user_id: str, batch_id: str, content_ids: Sequence[str] | None, *, limit: int
) -> dict[str, list[Attempt]]:
    """The learner's attempts by content, at most `limit` of each; `content_ids` None: of all contents."""
    attempts = await db.all(
        conn,
        Attempt,
        Q.attempts_of_learner,
        user_id=user_id,
        batch_id=batch_id,
        content_ids=None if content_ids is None else list(content_ids),
        limit=limit,
    )
    by_content: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        by_content.setdefault(attempt.content_id, []).append(attempt)
    return by_content
