"""The batches of a source: read whole before the learners, who are held by them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from lernbatch import log
from lernbatch.course import actions as courses
from lernbatch.course import rules as course_rules
from lernbatch.course.model import Course
from lernbatch.errors import LernbatchError, Upstream
from lernbatch.sunbird_source.model import SourceRow, UnreadableRow
from lernbatch.takeover import stage
from lernbatch.takeover.blocks import BATCHES, DROPPED, unreadable
from lernbatch.takeover.convert import batches as convert
from lernbatch.takeover.convert.model import BatchFacts, Converted, Fate
from lernbatch.takeover.database import Q
from lernbatch.takeover.passes import Pass

TREES_KEPT = 300
COURSES_AT_ONCE = 8
TEMPLATE_FIELDS = ("name", "url")


class NoBatches(LernbatchError):
    """A source without a single batch is no source, or the wrong one."""

    message = "The source has no row in course_batch. Is it the right folder or keyspace?"


async def read(moving: Pass) -> tuple[list[SourceRow], list[UnreadableRow]]:
    """All rows of `course_batch`. Raises: NoBatches, ChangedSource."""
    staged = {chunk.key: chunk for chunk in await moving.tables.all(stage.StagedChunk, Q.chunks_done)}
    rows: list[SourceRow] = []
    broken: list[UnreadableRow] = []
    for place, source in enumerate(moving.sources):
        for chunk in source.chunks():
            if chunk.table != BATCHES:
                continue
            reading = source.rows(chunk)
            read = await asyncio.to_thread(list, reading)
            key = (place, chunk.name, chunk.start, chunk.end)
            if key in staged and not source.live and staged[key].digest != reading.digest:
                raise stage.ChangedSource(chunk.name)
            if key not in staged:
                await moving.tables.run(
                    Q.chunk_done,
                    source=place,
                    name=chunk.name,
                    first=chunk.start,
                    last=chunk.end,
                    source_table=chunk.table,
                    digest=reading.digest,
                    rows=len(read),
                    counts={},
                )
            moving.counts.by_source[place, BATCHES] += len(read)
            rows += [row for row in read if isinstance(row, SourceRow)]
            broken += [row for row in read if isinstance(row, UnreadableRow)]
    moving.counts.rows[BATCHES] = len(rows) + len(broken)
    for column in DROPPED[BATCHES]:
        held = sum(row.values.get(column) is not None for row in rows)
        if held:
            moving.counts.dropped[BATCHES, column] = held
    if not rows:
        raise NoBatches
    return rows, broken


def courses_of(rows: list[SourceRow], moving: Pass) -> dict[str, str | None]:
    """Batch id → course, of the batches that will be in the target; None: two rows want it, which must be decided."""
    decided: dict[str, str | None] = {}
    converted = convert.convert_batches(rows, moving.options, {})
    for batch in converted.batches:
        decided[batch.batch_id] = batch.course_id
    for batch_id in convert.duplicated(rows, moving.options):
        if batch_id in decided:
            decided[batch_id] = None
    return decided


def decide(rows: list[SourceRow], broken: list[UnreadableRow], moving: Pass) -> Converted:
    """The batches, when it is known how many learners each has whose id is there twice."""
    converted = convert.convert_batches(rows, moving.options, moving.counts.active)
    for row in broken:
        problem, held = unreadable(row)
        converted.problems.append(problem)
        converted.held.append(held)
        converted.fates[BATCHES, Fate.HELD] += 1
    moving.facts = {
        batch.batch_id: BatchFacts(
            batch.batch_id,
            batch.course_id,
            batch.start_date,
            {
                template_id: {name: template.get(name) for name in TEMPLATE_FIELDS}
                for template_id, template in batch.templates.items()
            },
        )
        for batch in converted.batches
    }
    moving.zones = converted.zones
    return converted


async def ask_courses(moving: Pass, converted: Converted, *, required: bool) -> None:
    """Find out which courses the content service knows. `required`: without an answer nothing goes on.

    Raises: Upstream, when it is required.
    """
    course_ids = sorted({batch.course_id for batch in converted.batches})
    for start in range(0, len(course_ids), COURSES_AT_ONCE):
        some = course_ids[start : start + COURSES_AT_ONCE]
        moving.watch("courses", start, len(course_ids))
        answers = await asyncio.gather(*(_tree(moving, course_id) for course_id in some), return_exceptions=True)
        for course_id, answer in zip(some, answers, strict=True):
            if isinstance(answer, Upstream) and not required:
                moving.unread.add(course_id)
            elif isinstance(answer, BaseException):
                raise answer
            elif answer is None:
                moving.unknown.add(course_id)
    if moving.unread:
        log.warning("the content service does not answer", courses=len(moving.unread))
    converted.problems += convert.unknown_courses(converted.batches, moving.unknown)


async def trees(moving: Pass, course_ids: Collection[str]) -> dict[str, Course | None]:
    """The trees of these courses; None: unknown. One that could not be asked for is left out."""
    courses: dict[str, Course | None] = {}
    for course_id in course_ids:
        if course_id in moving.unread:
            continue
        courses[course_id] = None if course_id in moving.unknown else await _tree(moving, course_id)
    return courses


async def _tree(moving: Pass, course_id: str) -> Course | None:
    kept = moving.trees
    if course_id not in kept:
        if moving.tables.is_temporary:
            # As its service gives it now, without keeping it: nothing is written to the target.
            service = moving.services.sunbird.content
            content = await service.course(course_id)
            hierarchy = None if content is None else await service.hierarchy(course_id)
            course = None
            if content is not None and hierarchy is not None:
                course = course_rules.read_tree(hierarchy, {"identifier": course_id, "status": content.status})
        else:
            course = await courses.course(moving.services, course_id)
        while len(kept) >= TREES_KEPT:
            kept.pop(next(iter(kept)))
        kept[course_id] = course
    return kept[course_id]
