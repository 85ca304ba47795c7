"""The database that the hot calls are measured on, filled as `world` says."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import sandbox
from bench import batches, world
from bench.world import Size
from lernbatch.course import rules as courses
from lernbatch.course.model import Course, LeafNode, Unit
from lernbatch.database import db
from lernbatch.database.migrate import migrate
from lernbatch.database.partitioning import partition
from lernbatch.progress import rules
from lernbatch.progress.model import COMPLETED, Report, States, dump_states
from postgres_supervisor import embedded

FIRST_MS = 1_770_000_000_000
HOUR_MS = 3_600_000
MEDIAN_VIEWS, SPREAD = 6, 0.8  # of a content by somebody who comes back: half have 3.5 to 10
VARIANTS = 16  # of what learners have done


def course(course_id: str, contents: int) -> Course:
    leaves = tuple(
        LeafNode(
            world.content_id(n),
            *(f"Content {n}", "video/mp4", "Resource", "Learning Resource", "Content", False, ("u",)),
        )
        for n in range(contents)
    )
    content = {
        "identifier": course_id,
        "name": "Bench",
        "status": "Live",
        "mimeType": "application/vnd.ekstep.content-collection",
        "trackable": {"enabled": "Yes"},
        "leafNodesCount": contents,
        "appIcon": "https://example.org/icon.png",
        "description": "A course to be measured",
    }
    unit = Unit("u", "Unit", 1, tuple(leaf.content_id for leaf in leaves), contents)
    return Course(course_id, "1", "Bench", "Live", "bench", leaves, (unit,), content)


def states(contents: int, median_views: float, chance: random.Random) -> States:
    """What somebody in the middle of a course has done, told view by view; a third of the contents is completed."""
    done: States = {}
    for number in range(contents):
        views = max(round(median_views * chance.lognormvariate(0, SPREAD)), 1) if median_views > 1 else 1
        for view in range(views):
            at_ms = FIRST_MS + number * 1000 + view * HOUR_MS
            status = COMPLETED if number % 3 == 0 and view == views - 1 else 1
            report = Report(world.content_id(number), "", status, progress=60, accessed_ms=at_ms)
            done = rules.merge_all(done, [report], at_ms)
    return done


def used(contents: int) -> list[str]:
    """What learners have done who have come back again and again."""
    chance = random.Random(1)  # the same in every run
    return [dump_states(states(contents, MEDIAN_VIEWS, chance)) for _ in range(VARIANTS)]


_LOAD = """
INSERT INTO enrolment (user_id, batch_id, course_id, active, added_by, enrolled_at, status, updated_at, states,
                       states_text)
SELECT lpad(n::text, 8, '0') || '-0000-4000-8000-000000000000',
       '0138' || lpad((n / $2::int * $3::int + k)::text, 15, '0'), 'do_3138' || lpad(k::text, 15, '0'),
       true, 'bench', now(), 1, now(), NULL,
       CASE WHEN n % $4::int = 1 THEN $6 ELSE ($5::text[])[1 + (n * $3 + k) % cardinality($5)] END
  FROM generate_series(0, $1::int - 1) AS learner (n), generate_series(0, $3::int - 1) AS course (k)
"""
_LOAD_LARGE = """
INSERT INTO enrolment (user_id, batch_id, course_id, active, added_by, enrolled_at, status, updated_at, states,
                       states_text)
SELECT lpad(n::text, 8, '0') || '-0000-4000-8000-000000000000', $2, $3, true, 'bench', now(), 1, now(),
       NULL, ($4::text[])[1 + n % cardinality($4)]
  FROM unnest($1::int[]) AS learner (n)
"""
# Who the learners are, as the service knows it from the second report on. What fetching them takes is not measured.
_LOAD_PROFILES = """
INSERT INTO profile (user_id, status, root_org_id, org_name, state, district, block, school_id, school_name, fetched_at)
SELECT lpad(n::text, 8, '0') || '-0000-4000-8000-000000000000', 1, 'bench', 'State Board', 'Tamil Nadu', 'Chennai',
       'Block ' || n % 50, '2901', 'Government School, Egmore', now()
  FROM generate_series(0, $1::int - 1) AS learner (n)
"""


@contextmanager
def loaded(size: Size, parts: int = 0) -> Iterator[tuple[Path, str]]:
    """A home of its own, and the DSN of its PostgreSQL, filled; its largest tables in `parts`, 0: whole."""
    with TemporaryDirectory(prefix="bench") as folder, embedded.running(Path(folder)) as dsn:
        began = time.perf_counter()
        asyncio.run(migrate(dsn))
        asyncio.run(migrate(dsn, sandbox.MIGRATIONS))
        asyncio.run(load(dsn, size))
        if size.searched:
            asyncio.run(batches.fill(dsn, size.searched, courses=size.searched // world.SEARCHED_PER_COURSE))
        if parts:
            asyncio.run(partition(dsn, parts, print))
        seconds = time.perf_counter() - began
        print(f"{size.enrolments:,} enrolments of {size.contents} contents loaded in {seconds:.0f} s", flush=True)
        yield Path(folder), dsn


async def load(dsn: str, size: Size) -> None:
    """Fill a migrated, empty database."""
    conn = await db.connect(dsn)
    try:
        await _load_courses(conn, size)
        await _load_batches(conn, size)
        fresh = dump_states(states(size.contents, 1, random.Random(1)))
        spread = (size.learners, world.LEARNERS_EACH, world.BATCHES_EACH, size.stride)
        await conn.execute(
            _LOAD,
            *spread,
            used(size.contents),
            fresh,
            timeout=3600,
        )
        await conn.execute(
            _LOAD_LARGE,
            list(size.large_learners),
            world.batch_id(world.LARGE_BATCH),
            world.LARGE_COURSE_ID,
            used(world.LARGE_CONTENTS),
        )
        await conn.execute(_LOAD_PROFILES, size.learners)
        await conn.execute("VACUUM (ANALYZE)", timeout=3600)
        await conn.execute("CHECKPOINT")
    finally:
        await conn.close()


async def _load_courses(conn: db.Connection, size: Size) -> None:
    courses_made = [course(world.course_id(number), size.contents) for number in range(world.BATCHES_EACH)]
    for made in [*courses_made, course(world.LARGE_COURSE_ID, world.LARGE_CONTENTS)]:
        await conn.execute(
            """INSERT INTO course (course_id, version, name, status, channel, content, tree, fetched_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)""",
            *(made.course_id, made.version, made.name, made.status, made.channel, made.content),
            *(courses.dump(made), datetime.now(UTC)),
        )


async def _load_batches(conn: db.Connection, size: Size) -> None:
    now = datetime.now(UTC)
    numbers = [*range(size.batches), *range(world.FIRST_EMPTY, world.FIRST_EMPTY + world.EMPTY)]
    rows = [(world.batch_id(number), world.course_id(number)) for number in numbers]
    await conn.executemany(
        """INSERT INTO batch (batch_id, course_id, name, enrolment_type, created_by, start_date, end_date, status,
                              created_at)
           VALUES ($1, $2, 'Bench', 'open', $3, $4, $5, 1, $6)""",
        [
            (*row, world.user_id(world.MANAGER), now.date() - timedelta(days=30), now.date() + timedelta(days=300), now)
            for row in [*rows, (world.batch_id(world.LARGE_BATCH), world.LARGE_COURSE_ID)]
        ],
    )
