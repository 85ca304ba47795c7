"""What can be done with courses: find the snapshot to work with, and fetch a newer one from the content service."""

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
# With a snapshot at hand nobody waits longer than this for a newer one.
PATIENCE_SECONDS = 2.0
QUESTION_SETS_ASKED = 200
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class _Version:
    """Which publication of which course."""

    course_id: str
    version: str


@dataclass(frozen=True, slots=True)
class _Newest(_Version):
    """The newest publication, and when it was fetched."""

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
    """The course as it is now, or as it was published in `version`; None when there is no such course.

    From memory, else from the table, else from the content service. One that is due for a refresh is still used when
    the content service does not answer soon. Raises: Upstream, when it is not known here and cannot be fetched.
    """
    return await (_newest(services, course_id) if version is None else _pinned(services, course_id, version))


async def snapshots(services: Services, course_ids: Collection[str]) -> dict[str, Course]:
    """Course id → the newest snapshot, of any age, for many courses at once; one that was never seen is fetched.

    Courses that do not exist, or cannot be fetched now, are left out.
    """
    shelf, now = services.courses, services.clock.now()
    found = {course_id: known for course_id in course_ids if (known := shelf.of_any_age(course_id, now))}
    wanted = [course_id for course_id in course_ids if course_id not in found]
    if not wanted:
        return found
    newest = await db.all(services.pool, _Newest, Q.newest_versions, course_ids=wanted)
    found |= await _load_newest(services, newest)
    for one in newest:
        shelf.keep(found[one.course_id], one.fetched_at, now, fresh=now < _due_at(services, one))
    for course_id in wanted:
        if course_id not in found and (fetched := await _if_reachable(services, course_id)) is not None:
            found[course_id] = fetched
    return found


async def _if_reachable(services: Services, course_id: str) -> Course | None:
    try:
        return await course(services, course_id)
    except Upstream as failure:
        log.warning("a course cannot be read now", course_id=course_id, error=failure.detail)
        return None


async def offerable(services: Services, course_id: str) -> Course:
    """The course, if batches of it can be made today: the content service is asked each time.

    Raises: rules.InvalidCourse, also when the content service does not answer (contract batches §5.2).
    """
    try:
        content = await services.sunbird.content.course(course_id)
        if content is None or content.status not in rules.PUBLISHED or not content.trackable:
            raise rules.InvalidCourse
        found = await course(services, course_id)
        if found is not None and not rules.is_publication(found, content.package_version):
            found = await refresh(services, course_id)
    except Upstream as failure:
        log.warning("a course cannot be read now", course_id=course_id, error=failure.detail)
        raise rules.InvalidCourse from failure
    if found is None or not found.leaf_nodes:
        raise rules.InvalidCourse
    return found


async def refresh(services: Services, course_id: str) -> Course | None:
    """Fetch the course whatever its age, as after it was republished; None when there is no such course any more.

    Raises: Upstream.
    """
    async with services.courses.lock(course_id):
        return await _fetch(services, course_id)


async def refresh_due(services: Services, *, limit: int = 50) -> int:
    """Fetch the courses of running batches whose snapshot is older than the time to live; how many were fetched."""
    now = services.clock.now()
    before = now - timedelta(seconds=services.config.course_refresh_seconds)
    resting = services.courses.resting(now)
    due = await services.pool.fetch(
        Q.courses_due.text, *Q.courses_due.arguments({"before": before, "resting": resting, "limit": limit})
    )
    fetched = 0
    for row in due:
        try:
            found = await refresh(services, row["course_id"])
        except Upstream as failure:
            found = None
            log.warning("a course cannot be refreshed", course_id=row["course_id"], error=failure.detail)
        if found is None:
            services.courses.rest(row["course_id"], now)
        fetched += found is not None
    return fetched


async def _newest(services: Services, course_id: str) -> Course | None:
    shelf = services.courses
    if (known := shelf.newest(course_id, services.clock.now())) is not None:
        return known
    lock = shelf.lock(course_id)
    if lock.locked() and (seen := shelf.seen(course_id)) is not None:
        return seen  # somebody is at it; an hour-old tree serves until they are done
    async with lock:
        return shelf.newest(course_id, services.clock.now()) or await _find(services, course_id)


async def _pinned(services: Services, course_id: str, version: str) -> Course | None:
    """That publication; the newest in its place, should its snapshot be lost."""
    found = services.courses.pinned(course_id, version)
    if found is None:
        loaded = await _load(services, [_Version(course_id, version)])
        found = loaded.get(course_id) or await _newest(services, course_id)
        if found is not None:
            services.courses.keep_pinned(found, version)
    return found


async def _find(services: Services, course_id: str) -> Course | None:
    """From the table if it is young enough there, else fetched, else from the table after all."""
    now = services.clock.now()
    newest = await db.one(services.pool, _Newest, Q.newest_versions, course_ids=[course_id])
    if newest is None:
        return await _fetch(services, course_id)
    if now >= _due_at(services, newest):
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                if (fetched := await _fetch(services, course_id)) is not None:
                    return fetched
        except (Upstream, TimeoutError) as failure:
            log.warning("an old snapshot is used", course_id=course_id, error=repr(failure))
    found = (await _load_newest(services, [newest]))[course_id]
    services.courses.keep(found, newest.fetched_at, now)  # an old one too: for a moment nobody asks again
    return found


def _due_at(services: Services, newest: _Newest) -> datetime:
    return newest.fetched_at + timedelta(seconds=services.config.course_refresh_seconds)


async def _stored(services: Services, course_id: str) -> Course | None:
    newest = await db.all(services.pool, _Newest, Q.newest_versions, course_ids=[course_id])
    return (await _load(services, newest)).get(course_id)


async def _load(services: Services, wanted: Sequence[_Version]) -> dict[str, Course]:
    """Course id → that publication from the table; what is not there is left out."""
    ids, versions = [one.course_id for one in wanted], [one.version for one in wanted]
    rows = await db.all(services.pool, _SnapshotRow, Q.snapshots, course_ids=ids, versions=versions) if wanted else []
    return {row.course_id: _read(row) for row in rows}


async def _load_newest(services: Services, newest: Sequence[_Newest]) -> dict[str, Course]:
    """As `_load`; what this process knows already is not read again."""
    shelf = services.courses
    known = {one.course_id: same for one in newest if (same := shelf.unchanged(one.course_id, one.fetched_at))}
    return known | await _load(services, [one for one in newest if one.course_id not in known])


def _read(row: _SnapshotRow) -> Course:
    tree = rules.load(row.tree)
    return Course(
        course_id=row.course_id,
        version=row.version,
        name=row.name,
        status=row.status,
        channel=row.channel,
        leaf_nodes=tree.leaf_nodes,
        units=tree.units,
        content=row.content,
    )


async def _fetch(services: Services, course_id: str) -> Course | None:
    """Fetch metadata and tree and keep them as the newest snapshot."""
    content = await services.sunbird.content.course(course_id)
    if content is None:
        return None
    hierarchy = await services.sunbird.content.hierarchy(course_id)
    now = services.clock.now()
    if hierarchy is None:
        await db.run(services.pool, Q.set_status, course_id=course_id, status=content.status, now=now)
        found = await _stored(services, course_id)
    else:
        found = rules.read_tree(hierarchy, {"identifier": course_id, "status": content.status})
        found = await _with_question_counts(services, found)
        await _store(services, found, now)
    if found is not None:
        services.courses.keep(found, now, now)
    return found


async def _store(services: Services, found: Course, now: datetime) -> None:
    await db.run(
        services.pool,
        Q.upsert_snapshot,
        course_id=found.course_id,
        version=found.version,
        name=found.name,
        status=found.status,
        channel=found.channel,
        content=found.content,
        tree=rules.dump(found),
        now=now,
    )


async def _with_question_counts(services: Services, found: Course) -> Course:
    """`found` with the numbers of questions that its tree does not tell; one that nobody tells stays None."""
    silent = [leaf for leaf in found.assessments if leaf.total_questions is None][:QUESTION_SETS_ASKED]
    told: dict[str, LeafNode] = {}
    for start in range(0, len(silent), _AT_ONCE):
        leaves = await asyncio.gather(*(_ask(services, leaf) for leaf in silent[start : start + _AT_ONCE]))
        told |= {leaf.content_id: leaf for leaf in leaves}
    return replace(found, leaf_nodes=tuple(told.get(leaf.content_id, leaf) for leaf in found.leaf_nodes))


async def _ask(services: Services, leaf: LeafNode) -> LeafNode:
    try:
        if leaf.object_type != "QuestionSet":
            return replace(leaf, total_questions=await services.sunbird.content.total_questions(leaf.content_id))
        found = await services.sunbird.questions.question_set(leaf.content_id)
    except Upstream as failure:
        log.warning("questions cannot be counted", content_id=leaf.content_id, error=failure.detail)
        return leaf
    if found is None:
        return leaf
    return replace(leaf, total_questions=found.total_questions, max_attempts=leaf.max_attempts or found.max_attempts)
