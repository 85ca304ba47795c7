"""Recomputing enrolments from what is stored: to prove that nothing drifted, and after a course is republished."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from lernbatch.course import actions as courses
from lernbatch.course.model import Course
from lernbatch.database import db, sql
from lernbatch.progress import actions, rules
from lernbatch.progress.attempts import rules as attempt_rules
from lernbatch.progress.attempts.model import Attempt
from lernbatch.progress.model import SCORES, STATES, Completion, LastRead, Work
from lernbatch.services import Services

Q = sql.load("lernbatch.progress")
PAGE = 500
SETTLED_AFTER = timedelta(minutes=1)  # by then no process works by an older publication; see course.shelf


@dataclass(frozen=True, slots=True)
class StoredEnrolment:
    """An active enrolment as it is stored, with the marks of all its attempts."""

    user_id: str
    batch_id: str
    course_id: str
    course_version: str | None
    status: int
    progress: int
    percentage: int
    completed_at: datetime | None
    last_read_content_id: str | None
    last_access_at: datetime | None
    states: str
    scores: str
    attempts: Sequence[Sequence[Any]] | None


@dataclass(frozen=True, slots=True)
class Difference:
    """A column of an enrolment that is not what its states and attempts say."""

    user_id: str
    batch_id: str
    column: str
    stored: Any
    recomputed: Any


async def differences(services: Services, batch_id: str | None = None) -> AsyncIterator[Difference]:
    """The differences of all active enrolments, or of one batch's. A course that cannot be read is passed over."""
    after = ("", "")
    while page := await db.all(
        services.pool,
        StoredEnrolment,
        Q.enrolments_to_recompute,
        batch_id=batch_id,
        after_user_id=after[0],
        after_batch_id=after[1],
        limit=PAGE,
    ):
        trees = await courses.snapshots(services, {stored.course_id for stored in page})
        for stored in page:
            pinned = None
            if stored.course_version is not None:
                pinned = await courses.course(services, stored.course_id, stored.course_version)
            course = pinned or trees.get(stored.course_id)
            for difference in [] if course is None else differences_of(stored, course, services.clock.now()):
                yield difference
        after = page[-1].user_id, page[-1].batch_id


def differences_of(stored: StoredEnrolment, course: Course, now: datetime) -> list[Difference]:
    """The columns of an enrolment that differ from what its states and attempts mean for `course`."""
    states = STATES.decode(stored.states)
    before = Completion(stored.status, stored.progress, stored.percentage, stored.completed_at)
    completion, last = rules.completion(course, states, before, now), rules.last_read(states)
    if not states:  # what was read last cannot be told of none; it came with an enrolment that was moved here
        last = LastRead(stored.last_read_content_id, None, stored.last_access_at)
    scores = attempt_rules.scores(Attempt(*values) for values in stored.attempts or ())
    pairs = (
        ("status", stored.status, completion.status),
        ("progress", stored.progress, completion.progress),
        ("percentage", stored.percentage, completion.percentage),
        ("completed_at", stored.completed_at, completion.completed_at),
        ("last_read_content_id", stored.last_read_content_id, last.content_id),
        ("last_access_at", stored.last_access_at, last.at),
        ("scores", SCORES.decode(stored.scores), scores),
    )
    key = stored.user_id, stored.batch_id
    return [Difference(*key, column, before, after) for column, before, after in pairs if before != after]


async def repair(services: Services, differences: Sequence[Difference]) -> int:
    """Recompute the enrolments of these differences, with all that follows from it. Returns how many enrolments."""
    keys = sorted({(difference.user_id, difference.batch_id) for difference in differences})
    await _recompute(services, [Work(user_id, batch_id, (), rewrite=True) for user_id, batch_id in keys])
    return len(keys)


async def _recompute(services: Services, works: Sequence[Work]) -> None:
    for start in range(0, len(works), PAGE):
        await asyncio.gather(*(actions.record_one(services, work) for work in works[start : start + PAGE]))


# After a course was republished, the enrolments of its running batches are recomputed by the new tree; ended batches
# keep the old one. A table holds the last key done, so that another process can continue after a crash.


@dataclass(frozen=True, slots=True)
class RepublishedCourse:
    """A republished course whose enrolments are being recomputed, and the last key done."""

    course_id: str
    version: str
    after_user_id: str
    after_batch_id: str


@dataclass(frozen=True, slots=True)
class KeyRow:
    """Which enrolment."""

    user_id: str
    batch_id: str


async def follow_republication(services: Services) -> int:
    """Recompute one page of enrolments by a newer publication of their course. Returns how many; 0: none is due."""
    due = await db.one(
        services.pool, RepublishedCourse, Q.republished_course, settled=services.clock.now() - SETTLED_AFTER
    )
    if due is None:
        return 0
    course = await courses.course(services, due.course_id)
    if course is None or course.version != due.version:
        return 0  # this process has not seen the newest one yet; the next run will
    if not due.after_user_id:
        await db.run(services.pool, Q.pin_ended_batches, course_id=due.course_id, version=due.version)
    keys = await db.all(
        services.pool,
        KeyRow,
        Q.enrolments_to_follow,
        course_id=due.course_id,
        after_user_id=due.after_user_id,
        after_batch_id=due.after_batch_id,
        limit=PAGE,
    )
    await _recompute(services, [Work(key.user_id, key.batch_id, ()) for key in keys])
    is_last = len(keys) < PAGE
    await db.run(
        services.pool,
        Q.save_republication,
        course_id=due.course_id,
        version=due.version,
        after_user_id="" if is_last else keys[-1].user_id,
        after_batch_id="" if is_last else keys[-1].batch_id,
        is_done=is_last,
    )
    return max(len(keys), 1)
