"""What can be done with courses: find the snapshot to work with, fetch a newer one from the content service."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from lernbatch import log
from lernbatch.course import rules
from lernbatch.course.model import Course, LeafNode
from lernbatch.database import db, sql
from lernbatch.errors import Upstream
from lernbatch.services import Services

Q = sql.load("lernbatch.course")
# Where an old snapshot is stored, nobody waits longer than this for a newer one.
STALE_WAIT_SECONDS = 2.0
MOST_COUNTED_QUESTION_SETS = 200  # of one course: each is a call
_CONCURRENT_COUNTS = 8


@dataclass(frozen=True, slots=True)
class _Version:
    """A publication of a course."""

    course_id: str
    version: str


@dataclass(frozen=True, slots=True)
class _Newest(_Version):
    """The newest publication of a course, and when it was fetched."""

    fetched_at: datetime


@dataclass(frozen=True, slots=True)
class _SnapshotRow:
    """A row of `course`."""

    course_id: str
    version: str
    name: str
    status: str
    channel: str
    content: Mapping[str, Any]
    tree: Any


async def course(services: Services, course_id: str, version: str | None = None) -> Course | None:
    """Return the course as it is now, or as it was published in `version`; None when there is no such course.

    It comes from the cache, else from the table, else from the content service. A snapshot that is due for a refresh
    is still used when the content service does not answer within STALE_WAIT_SECONDS, and for `version` the newest one
    when that publication is lost. Raises: Upstream, when no snapshot is stored and none can be fetched.
    """
    if version is None:
        return await _newest(services, course_id)
    course = services.courses.pinned(course_id, version)
    if course is None:
        stored = await _load(services, [_Version(course_id, version)])
        course = stored.get(course_id) or await _newest(services, course_id)
        if course is not None:
            services.courses.keep_pinned(course, version)
    return course


async def snapshot(services: Services, course_id: str) -> Course | None:
    """The newest snapshot of a course, as `snapshots` has it; None: it does not exist, or cannot be fetched now."""
    return (await snapshots(services, {course_id})).get(course_id)


async def snapshots(services: Services, course_ids: Collection[str]) -> dict[str, Course]:
    """Course id → its newest snapshot, of any age; a course without a snapshot is fetched.

    Courses that do not exist, or cannot be fetched now, are left out.
    """
    cache, now = services.courses, services.clock.now()
    courses = {course_id: cached for course_id in course_ids if (cached := cache.of_any_age(course_id, now))}
    missing = [course_id for course_id in course_ids if course_id not in courses]
    if not missing:
        return courses
    newest = await db.all(services.pool, _Newest, Q.newest_versions, course_ids=missing)
    courses |= await _load_newest(services, newest)
    for version in newest:
        is_fresh = now < _due_at(services, version)
        cache.keep(courses[version.course_id], version.fetched_at, now, fresh=is_fresh)
    for course_id in missing:
        if course_id in courses:
            continue
        try:
            fetched = await course(services, course_id)
        except Upstream as failure:
            log.warning("a course cannot be read now", course_id=course_id, error=failure.detail)
            continue
        if fetched is not None:
            courses[course_id] = fetched
    return courses


async def offerable(services: Services, course_id: str) -> Course:
    """Return the course, when batches of it may be made today. The content service is called each time.

    Raises: rules.InvalidCourse, also when the content service does not answer (contract batches §5.2).
    """
    try:
        content = await services.sunbird.content.course(course_id)
        if content is None or content.status not in rules.PUBLISHED or not content.trackable:
            raise rules.InvalidCourse
        snapshot = await course(services, course_id)
        if snapshot is not None and not rules.is_publication(snapshot, content.package_version):
            snapshot = await refresh(services, course_id)
    except Upstream as failure:
        log.warning("a course cannot be read now", course_id=course_id, error=failure.detail)
        raise rules.InvalidCourse from failure
    if snapshot is None or not snapshot.leaf_nodes:
        raise rules.InvalidCourse
    return snapshot


async def refresh(services: Services, course_id: str) -> Course | None:
    """Fetch the course whatever the age of its snapshot, as after a republication; None when it no longer exists.

    Raises: Upstream.
    """
    async with services.courses.lock(course_id):
        return await _fetch(services, course_id)


async def republished(services: Services, course_id: str) -> None:
    """The content service says that a collection was published: fetch it, if there are batches or a snapshot of it.

    Raises: Upstream.
    """
    if await db.value(services.pool, Q.is_in_use, course_id=course_id):
        await refresh(services, course_id)


async def refresh_due(services: Services, *, limit: int = 50) -> int:
    """Fetch courses of running batches with a snapshot older than `course_refresh_seconds`; returns how many.

    A course that cannot be fetched is left alone for a while. At most `limit` courses.
    """
    now = services.clock.now()
    before = now - timedelta(seconds=services.config.course_refresh_seconds)
    due = {"before": before, "resting": services.courses.resting(now), "limit": limit}
    rows = await services.pool.fetch(Q.courses_due.text, *Q.courses_due.arguments(due))
    fetched_count = 0
    for row in rows:
        try:
            snapshot = await refresh(services, row["course_id"])
        except Upstream as failure:
            snapshot = None
            log.warning("a course cannot be refreshed", course_id=row["course_id"], error=failure.detail)
        if snapshot is None:
            services.courses.rest(row["course_id"], now)
        fetched_count += snapshot is not None
    return fetched_count


async def _newest(services: Services, course_id: str) -> Course | None:
    cache = services.courses
    if (cached := cache.newest(course_id, services.clock.now())) is not None:
        return cached
    lock = cache.lock(course_id)
    if lock.locked() and (stale := cache.seen(course_id)) is not None:
        return stale  # another call is fetching; an hour-old tree serves until it is done
    async with lock:
        now = services.clock.now()
        if (cached := cache.newest(course_id, now)) is not None:
            return cached
        newest = await db.one(services.pool, _Newest, Q.newest_versions, course_ids=[course_id])
        if newest is None:
            return await _fetch(services, course_id)
        if now >= _due_at(services, newest):
            try:
                async with asyncio.timeout(STALE_WAIT_SECONDS):
                    if (fetched := await _fetch(services, course_id)) is not None:
                        return fetched
            except (Upstream, TimeoutError) as failure:
                log.warning("an old snapshot is used", course_id=course_id, error=repr(failure))
        stored = (await _load_newest(services, [newest]))[course_id]
        cache.keep(stored, newest.fetched_at, now)  # an old one too: for a moment nobody fetches again
        return stored


def _due_at(services: Services, newest: _Newest) -> datetime:
    return newest.fetched_at + timedelta(seconds=services.config.course_refresh_seconds)


async def _load(services: Services, versions: Sequence[_Version]) -> dict[str, Course]:
    """Course id → that publication from the table; a publication that is not stored is left out."""
    if not versions:
        return {}
    named = {"course_ids": [each.course_id for each in versions], "versions": [each.version for each in versions]}
    rows = await db.all(services.pool, _SnapshotRow, Q.snapshots, **named)
    trees = [rules.load(row.tree) for row in rows]
    return {
        row.course_id: Course(
            course_id=row.course_id,
            version=row.version,
            name=row.name,
            status=row.status,
            channel=row.channel,
            leaf_nodes=tree.leaf_nodes,
            units=tree.units,
            content=row.content,
        )
        for row, tree in zip(rows, trees, strict=True)
    }


async def _load_newest(services: Services, newest: Sequence[_Newest]) -> dict[str, Course]:
    """As `_load`; a snapshot that the cache holds unchanged is not read again."""
    cache = services.courses
    cached = {row.course_id: course for row in newest if (course := cache.unchanged(row.course_id, row.fetched_at))}
    return cached | await _load(services, [row for row in newest if row.course_id not in cached])


async def _fetch(services: Services, course_id: str) -> Course | None:
    """Fetch metadata and tree, and keep them as the newest snapshot. A retired course keeps its last tree."""
    content = await services.sunbird.content.course(course_id)
    if content is None:
        return None
    hierarchy = await services.sunbird.content.hierarchy(course_id)
    now = services.clock.now()
    if hierarchy is None:
        await db.run(services.pool, Q.set_status, course_id=course_id, status=content.status, now=now)
        newest = await db.all(services.pool, _Newest, Q.newest_versions, course_ids=[course_id])
        snapshot = (await _load(services, newest)).get(course_id)
    else:
        tree = rules.read_tree(hierarchy, {"identifier": course_id, "status": content.status})
        snapshot = await _with_question_counts(services, tree)
        await db.run(
            services.pool,
            Q.upsert_snapshot,
            course_id=snapshot.course_id,
            version=snapshot.version,
            name=snapshot.name,
            status=snapshot.status,
            channel=snapshot.channel,
            content=snapshot.content,
            tree=rules.dump(snapshot),
            now=now,
        )
    if snapshot is not None:
        services.courses.keep(snapshot, now, now)
    return snapshot


async def _with_question_counts(services: Services, course: Course) -> Course:
    """`course` with the numbers of questions that its tree does not have; None stays where nobody has them."""
    uncounted = [leaf for leaf in course.assessments if leaf.total_questions is None][:MOST_COUNTED_QUESTION_SETS]
    counted: dict[str, LeafNode] = {}
    for start in range(0, len(uncounted), _CONCURRENT_COUNTS):
        group = uncounted[start : start + _CONCURRENT_COUNTS]
        counted |= {
            leaf.content_id: leaf for leaf in await asyncio.gather(*(_counted(services, leaf) for leaf in group))
        }
    return replace(course, leaf_nodes=tuple(counted.get(leaf.content_id, leaf) for leaf in course.leaf_nodes))


async def _counted(services: Services, leaf: LeafNode) -> LeafNode:
    """`leaf` with the number of questions that its service gives; as it is when the service does not answer."""
    try:
        if leaf.object_type != "QuestionSet":
            return replace(leaf, total_questions=await services.sunbird.content.total_questions(leaf.content_id))
        question_set = await services.sunbird.questions.question_set(leaf.content_id)
    except Upstream as failure:
        log.warning("questions cannot be counted", content_id=leaf.content_id, error=failure.detail)
        return leaf
    if question_set is None:
        return leaf
    max_attempts = leaf.max_attempts or question_set.max_attempts
    return replace(leaf, total_questions=question_set.total_questions, max_attempts=max_attempts)
