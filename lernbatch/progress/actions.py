"""What can be done with progress: record what learners report, and read where they are."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from lernbatch import metrics
from lernbatch.assessment import rules as assessment
from lernbatch.assessment.model import Attempt, Submission
from lernbatch.batch.actions import Unread
from lernbatch.course import actions as courses
from lernbatch.course.model import Course
from lernbatch.database import db, sql
from lernbatch.database.coalescer import Again, Answer
from lernbatch.database.db import Connection
from lernbatch.enrolment.model import Key
from lernbatch.errors import Upstream
from lernbatch.jobs.outbox import actions as outbox
from lernbatch.jobs.outbox.events import Event, columns
from lernbatch.progress import events, rules
from lernbatch.progress.model import (
    SCORES,
    STATES,
    Completion,
    Learner,
    Outcome,
    Recorded,
    Report,
    Row,
    States,
    Sync,
    Update,
    Work,
)
from lernbatch.services import Services

Q = sql.load("lernbatch.progress")
STRAY_CONTENTS = 1000  # that are not in the course: players report what was taken out of it, and a row has an end
MAX_STATES_BYTES = 1_048_576  # of a row, which every update of the learner writes anew
_BYTES_OF_A_STATE = 120


async def record(services: Services, update: Update) -> Outcome:
    """Store what an update reports; answered after it is committed.

    Raises: rules.NoEnrolmentFound (E50), when it asks to sync an enrolment that does not exist.
    """
    if update.foreign is not None:
        await _tell_foreign(services, update)
    if update.sync is not None:
        return await _sync(services, update.sync)
    if len(update.works) == 1:
        recorded = [await record_one(services, update.works[0])]
    else:
        recorded = await asyncio.gather(*(record_one(services, work) for work in update.works))
    if any(done.not_enrolled for done in recorded):
        await _tell_not_enrolled(services, update.works, recorded)
    return _outcome(update.works, recorded)


async def record_one(services: Services, work: Work) -> Recorded:
    """Store what is reported of one learner in one batch; answered after it is committed."""
    return await services.coalescers.of(_record, services).do(work)


async def _tell_not_enrolled(services: Services, works: Sequence[Work], recorded: Sequence[Recorded]) -> None:
    metrics.BUSINESS.labels("state-without-enrolment").inc(sum(len(done.not_enrolled) for done in recorded))
    if outbox.publishes_to_kafka(services.config):
        now_ms = services.clock.now_ms()
        told = [
            events.not_enrolled(services.config, now_ms, work, done.not_enrolled)
            for work, done in zip(works, recorded, strict=True)
            if done.not_enrolled
        ]
        await outbox.publish(services.pool, services, told)


def _outcome(works: Sequence[Work], recorded: Sequence[Recorded]) -> Outcome:
    pairs = list(zip(works, recorded, strict=True))
    return Outcome(
        stored=tuple(content_id for _, done in pairs for content_id in done.stored),
        assessed_batch_ids=tuple(work.batch_id for work, done in pairs if done.assessed),
        not_ongoing=tuple(dict.fromkeys(work.batch_id for work, done in pairs if not done.ongoing)),
        not_existing=tuple(dict.fromkeys(work.batch_id for work, done in pairs if not done.batch_exists)),
        not_enrolled=tuple(dict.fromkeys(content_id for _, done in pairs for content_id in done.not_enrolled)),
    )


async def _tell_foreign(services: Services, update: Update) -> None:
    assert update.foreign is not None
    metrics.BUSINESS.labels("state-of-foreign-user").inc(len(update.foreign.items))
    if outbox.publishes_to_kafka(services.config):
        event = events.foreign(services.config, services.clock.now_ms(), update.foreign)
        await outbox.publish(services.pool, services, [event])


async def _sync(services: Services, asked: Sync) -> Outcome:
    """Reckon one enrolment again, and tell others to do so."""
    found = await db.value(
        services.pool, Q.has_enrolment, user_id=asked.user_id, batch_id=asked.batch_id, course_id=asked.course_id
    )
    if not found or not asked.is_callers:
        raise rules.NoEnrolmentFound(asked.user_id, asked.batch_id, asked.course_id)
    await record_one(services, Work(asked.user_id, asked.batch_id, ()))
    if outbox.publishes_to_kafka(services.config):
        await outbox.publish(services.pool, services, [events.sync(services.config, services.clock.now_ms(), asked)])
    return Outcome(synced=True)


async def learner(services: Services, user_id: str, batch_id: str) -> Learner:
    """One learner in one batch as it is stored; its fields are None where there is none."""
    found = await db.one(services.pool, Learner, Q.learners, user_ids=[user_id], batch_ids=[batch_id], assessed=[False])
    assert found is not None
    return found


async def states_of(services: Services, user_id: str, course_id: str, batch_id: str) -> States:
    """How far the learner is in each content, enrolled or not any more; {} when there never was an enrolment.

    Raises: Unread (E40).
    """
    with db.failing_as(Unread):
        return await services.coalescers.of(_states_of, services).do((user_id, batch_id, course_id))


async def _states_of(services: Services, asked: Sequence[tuple[str, str, str]]) -> list[Answer[States]]:
    user_ids, batch_ids, course_ids = (list(column) for column in zip(*asked, strict=True))
    found = await db.all(
        services.pool, _Stored, Q.states_of, user_ids=user_ids, batch_ids=batch_ids, course_ids=course_ids
    )
    answers: list[Answer[States]] = [{} for _ in asked]
    for stored in found:
        answers[stored.position - 1] = STATES.decode(stored.states)
    return answers


@dataclass(frozen=True, slots=True)
class _Stored:
    position: int  # of the question, from 1
    states: str


# Recording: one read for all works of a flush, then rules, then one write. `Row`s are what it works on.


async def _record(services: Services, works: Sequence[Work]) -> list[Answer[Recorded]]:
    places: dict[Key, list[int]] = {}
    for place, work in enumerate(works):
        places.setdefault(work.key, []).append(place)
    keys = sorted(places)
    answers: list[Answer[Recorded]] = [Again()] * len(works)
    rows: list[Row] = []
    async with services.pool.acquire() as conn:  # one for both statements: to borrow it twice takes longer
        learners = await db.all(
            conn,
            Learner,
            Q.learners,
            user_ids=[user_id for user_id, _ in keys],
            batch_ids=[batch_id for _, batch_id in keys],
            assessed=[any(works[place].submissions or works[place].rewrite for place in places[key]) for key in keys],
        )
        for learner in learners:
            mine = places[learner.user_id, learner.batch_id]
            answered, row = _take(services, learner, [works[place] for place in mine])
            for place, answer in zip(mine, answered, strict=True):
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


def _take(services: Services, learner: Learner, works: Sequence[Work]) -> tuple[Sequence[Answer[Recorded]], Row | None]:
    """What becomes of one learner's works, in order, and the row to write, if anything changes."""
    taken = [_timely(services, learner, work) for work in works]
    if not learner.active:
        return [_without_enrolment(learner, work, kept) for work, kept in zip(works, taken, strict=True)], None
    course = _course_at_hand(services, learner)
    if isinstance(course, Again):
        return [course] * len(works), None
    row = _read_row(learner)
    answers = [_apply(services, row, course, work, kept) for work, kept in zip(works, taken, strict=True)]
    return answers, row if _conclude(services, row, course) else None


def _timely(services: Services, learner: Learner, work: Work) -> Work:
    """`work` without what the batch's dates refuse; nothing is left of it when there is no such batch."""
    if learner.start_date is None:
        return replace(work, reports=(), submissions=())
    zone = ZoneInfo(learner.time_zone) if learner.time_zone else services.clock.zone
    today, start, end = services.clock.today(learner.time_zone), learner.start_date, learner.end_date
    if rules.accepts(today, start, end):
        return work
    grace_days = services.config.late_state_grace_days

    def is_late_but_honest(at_ms: int | None) -> bool:
        accessed = None if at_ms is None else datetime.fromtimestamp(at_ms / 1000, zone).date()
        return rules.accepts_late(today, start, end, accessed, grace_days)

    return replace(
        work,
        reports=tuple(report for report in work.reports if is_late_but_honest(report.accessed_ms)),
        submissions=tuple(sent for sent in work.submissions if is_late_but_honest(sent.attempted_ms)),
    )


def _without_enrolment(learner: Learner, work: Work, timely: Work) -> Recorded:
    return Recorded(
        batch_exists=learner.start_date is not None,
        ongoing=learner.start_date is None or len(timely.reports) == len(work.reports),
        not_enrolled=tuple(report.content_id for report in timely.reports),
    )


def _course_at_hand(services: Services, learner: Learner) -> Course | Again:
    """The tree that this batch's progress is measured by; if it must be fetched, that happens beside the flush."""
    assert learner.course_id is not None
    shelf, course_id, version = services.courses, learner.course_id, learner.course_version
    known = shelf.newest(course_id, services.clock.now()) if version is None else shelf.pinned(course_id, version)
    if known is None and version is None and shelf.lock(course_id).locked():
        known = shelf.seen(course_id)
    return known or Again(first=partial(_fetch_course, services, course_id, version))


async def _fetch_course(services: Services, course_id: str, version: str | None) -> None:
    if await courses.course(services, course_id, version) is None:
        raise Upstream(f"the course {course_id} of a batch does not exist any more")


def _read_row(learner: Learner) -> Row:
    assert learner.status is not None
    assert learner.progress is not None
    assert learner.percentage is not None
    attempts = [Attempt(*values) for values in learner.attempts or ()]
    states, scores = STATES.decode(learner.states or "{}"), SCORES.decode(learner.scores or "{}")
    return Row(
        learner=learner,
        stored_states=states,
        stored_scores=scores,
        states=states,
        scores=scores,
        attempts={(attempt.content_id, attempt.attempt_id): attempt for attempt in attempts},
        completion=Completion(learner.status, learner.progress, learner.percentage, learner.completed_at),
    )


def _apply(services: Services, row: Row, course: Course, work: Work, timely: Work) -> Recorded:
    """Merge one work into the row; what became of it."""
    now_ms = services.clock.now_ms()
    row.rewrite |= work.rewrite
    mine = _storable(row, course, [r for r in timely.reports if r.course_id == row.learner.course_id])
    before = row.states
    row.states = rules.merge_all(before, mine, now_ms)
    if _is_too_large(row, mine):
        metrics.BUSINESS.labels("state-of-full-row").inc(len(mine))
        known = course.leaf_node_ids | before.keys()
        mine = [replace(report, details=None) for report in mine if report.content_id in known]
        row.states = rules.merge_all(before, mine, now_ms)
    if row.states is not before and outbox.publishes_to_kafka(services.config):
        row.events += _state_events(services, row, before, mine)
    submissions = [sent for sent in timely.submissions if sent.course_id == row.learner.course_id]
    for submission in submissions:
        _submit(services, row, course, submission)
    return Recorded(
        stored=tuple(report.content_id for report in mine),
        assessed=bool(submissions),
        ongoing=len(timely.reports) == len(work.reports),
        not_enrolled=tuple(r.content_id for r in timely.reports if r.course_id != row.learner.course_id),
    )


def _storable(row: Row, course: Course, reports: Sequence[Report]) -> list[Report]:
    """`reports` but for contents that neither the course nor the row knows, once the row has many of such."""
    if len(row.states) + len(reports) <= STRAY_CONTENTS:
        return list(reports)
    known = course.leaf_node_ids | row.states.keys()
    room = max(len(course.leaf_node_ids) + STRAY_CONTENTS - len(row.states), 0)
    strays = list(dict.fromkeys(report.content_id for report in reports if report.content_id not in known))
    metrics.BUSINESS.labels("state-of-stray-content").inc(len(strays[room:]))
    surplus = set(strays[room:])
    return [report for report in reports if report.content_id not in surplus]


def _is_too_large(row: Row, reports: Sequence[Report]) -> bool:
    """Whether `reports` make the row larger than a row may be. Measured only where a guess says that they might."""
    guess = len(row.learner.states or "") + sum(
        [report.details_bytes + len(report.content_id) + _BYTES_OF_A_STATE for report in reports]
    )
    return guess > MAX_STATES_BYTES and len(msgspec.json.encode(row.states)) > MAX_STATES_BYTES


def _state_events(services: Services, row: Row, before: States, reports: Sequence[Report]) -> list[Event]:
    config, now_ms, (user_id, batch_id) = services.config, services.clock.now_ms(), row.key
    contents = [
        {"contentId": content_id, "status": row.states[content_id].status}
        for content_id in dict.fromkeys(report.content_id for report in reports)
    ]
    return [
        events.instruction(config, now_ms, user_id, batch_id, row.course_id, contents),
        *events.content_audits(config, now_ms, user_id, batch_id, row.course_id, before, row.states),
    ]


def _submit(services: Services, row: Row, course: Course, submission: Submission) -> None:
    """Count an attempt, if it counts: then it is written, and heard of, with the row."""
    key = submission.content_id, submission.attempt_id
    hears, user_id = outbox.publishes_to_kafka(services.config), row.learner.user_id
    if (reason := assessment.refusal(submission, course)) is not None:
        metrics.BUSINESS.labels("attempt-refused").inc()
        if hears:
            row.events.append(events.assessment_failed(services.config, submission, user_id, reason))
    elif submission.questions and assessment.replaces(new := assessment.attempt(submission), row.attempts.get(key)):
        is_new = key not in row.attempts
        row.attempts[key], row.written[key] = new, submission
        row.dropped.discard(key)
        tries = [attempt for attempt in row.attempts.values() if attempt.content_id == submission.content_id]
        for surplus in assessment.surplus(tries, services.config.attempts_limit):
            dropped = surplus.content_id, surplus.attempt_id
            row.attempts.pop(dropped)
            row.written.pop(dropped, None)
            if dropped != key or not is_new:  # one that was never kept, as a repetition is not, changes nothing
                row.dropped.add(dropped)
        if hears:
            row.events.append(events.assessed(services.config, submission, user_id))


def _conclude(services: Services, row: Row, course: Course) -> bool:
    """Draw the consequences for the enrolment; whether anything has to be written."""
    learner, before = row.learner, row.completion
    row.completion = rules.completion(course, row.states, before, services.clock.now())
    if row.written or row.dropped or row.rewrite:
        row.scores = assessment.scores(row.attempts.values())
    better = row.scores != row.stored_scores
    if (row.has_finished or better) and learner.awards:
        row.due_reason = "completed" if row.has_finished else "score"
    if outbox.publishes_to_kafka(services.config):
        row.events += _conclusion_events(services, row)
    changed = row.states is not row.stored_states or row.completion != before
    return changed or better or bool(row.written or row.dropped) or row.rewrite


def _conclusion_events(services: Services, row: Row) -> list[Event]:
    config, now_ms, (user_id, batch_id) = services.config, services.clock.now_ms(), row.key
    made = []
    if row.has_finished:
        made += [
            events.certificate_due(config, now_ms, user_id, batch_id, row.course_id),
            events.completed(config, now_ms, user_id, batch_id, row.course_id),
        ]
    if row.written:
        latest = max(row.attempts.values(), key=lambda attempt: attempt.attempted_ms)
        attempt_id = latest.attempt_id if len(row.scores) == 1 else ""
        made.append(events.certificate_due(config, now_ms, user_id, batch_id, row.course_id, attempt_id))
    return made


async def _save(services: Services, conn: Connection, rows: Sequence[Row]) -> set[Key]:
    """Write `rows` that nobody else has changed since they were read; which they were."""
    attempts = [(row, sent, row.attempts[key]) for row in rows for key, sent in row.written.items()]
    dropped = [(row, *key) for row in rows for key in row.dropped]
    due = [row for row in rows if row.due_reason]
    told = [(row, event) for row in rows for event in outbox.rows_of(services.config, row.events)]
    last = [rules.last_read(row.states) for row in rows]
    outgoing = columns([event for _, event in told])
    saved = await conn.fetch(
        Q.save.text,
        *Q.save.arguments(
            {
                "now": services.clock.now(),
                "user_ids": [row.learner.user_id for row in rows],
                "batch_ids": [row.learner.batch_id for row in rows],
                "revisions": [row.learner.revision for row in rows],
                "statuses": [row.completion.status for row in rows],
                "progress": [row.completion.progress for row in rows],
                "percentages": [row.completion.percentage for row in rows],
                "completed_at": [row.completion.completed_at for row in rows],
                "last_read_content_ids": [read.content_id for read in last],
                "last_read_content_statuses": [read.status for read in last],
                "last_access_at": [read.at for read in last],
                "states": [row.states for row in rows],
                "scores": [row.scores for row in rows],
                "attempt_user_ids": [row.learner.user_id for row, _, _ in attempts],
                "attempt_batch_ids": [row.learner.batch_id for row, _, _ in attempts],
                "content_ids": [attempt.content_id for _, _, attempt in attempts],
                "attempt_ids": [attempt.attempt_id for _, _, attempt in attempts],
                "course_ids": [row.course_id for row, _, _ in attempts],
                "attempted_ms": [attempt.attempted_ms for _, _, attempt in attempts],
                "attempt_scores": [attempt.score for _, _, attempt in attempts],
                "max_scores": [attempt.max_score for _, _, attempt in attempts],
                "questions": [db.json(sent.questions) for _, sent, _ in attempts],
                "dropped_user_ids": [row.learner.user_id for row, _, _ in dropped],
                "dropped_batch_ids": [row.learner.batch_id for row, _, _ in dropped],
                "dropped_content_ids": [content_id for _, content_id, _ in dropped],
                "dropped_attempt_ids": [attempt_id for _, _, attempt_id in dropped],
                "due_user_ids": [row.learner.user_id for row in due],
                "due_batch_ids": [row.learner.batch_id for row in due],
                "due_reasons": [row.due_reason for row in due],
                "event_user_ids": [row.learner.user_id for row, _ in told],
                "event_batch_ids": [row.learner.batch_id for row, _ in told],
                "destinations": outgoing.destinations,
                "topics": outgoing.topics,
                "keys": outgoing.keys,
                "payloads": outgoing.payloads,
            }
        ),
    )
    return {(record["user_id"], record["batch_id"]) for record in saved}
