"""The database that the hot path is measured on: one course, its batches, and very many enrolments."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

import sandbox
from lernbatch.course import rules as courses
from lernbatch.course.model import Course, LeafNode, Unit
from lernbatch.database import db
from lernbatch.database.migrate import migrate
from postgres_supervisor import embedded

BATCHES = 1000
BATCHES_EACH = 5  # batches that every active learner is in: the length of the list of enrolled courses
ACTIVE = 10_000  # learners whose calls are made; their rows lie spread over the whole table
NEWCOMERS = 2000  # learners who enrol, from FIRST_NEWCOMER on: so the lists of the others stay as long as they are
FIRST_NEWCOMER = 95_000_000
FIRST_MS = 1_770_000_000_000


@dataclass(frozen=True, slots=True)
class Size:
    """How much is loaded: learners, and contents in the course."""

    enrolments: int
    contents: int

    @property
    def learners(self) -> int:
        return max(self.enrolments // BATCHES_EACH, 1)

    @property
    def active(self) -> int:
        return min(self.learners, ACTIVE)

    @property
    def stride(self) -> int:
        """Every so many learners one is active."""
        return self.learners // self.active

    @property
    def active_learners(self) -> range:
        """The numbers of the learners whose calls are made."""
        return range(0, self.active * self.stride, self.stride)


def content_id(number: int) -> str:
    return f"do_3137{number:015d}"


def course_id(batch: int) -> str:
    return f"do_3138{batch % BATCHES_EACH:015d}"


def batch_id(batch: int) -> str:
    return f"0138{batch:015d}"


def user_id(number: int) -> str:
    """The active learner of that number, as SQL spells it too: see `load`."""
    return f"{number:08d}-0000-4000-8000-000000000000"


def course(number: int, contents: int) -> Course:
    leaves = tuple(
        LeafNode(content_id(n), f"Content {n}", "video/mp4", "Resource", "Learning Resource", "Content", False, ("u",))
        for n in range(contents)
    )
    content = {
        "identifier": course_id(number),
        "name": "Bench",
        "status": "Live",
        "mimeType": "application/vnd.ekstep.content-collection",
        "trackable": {"enabled": "Yes"},
        "leafNodesCount": contents,
        "appIcon": "https://example.org/icon.png",
        "description": "A course to be measured",
    }
    unit = Unit("u", "Unit", 1, tuple(leaf.content_id for leaf in leaves), contents)
    return Course(course_id(number), "1", "Bench", "Live", "bench", leaves, (unit,), content)


def states(contents: int) -> str:
    """What a learner in the middle of the course has: JSON as the column holds it."""
    found = {content_id(n): [1, 50, 1, 0, FIRST_MS + n, None, FIRST_MS + n, None, None] for n in range(contents)}
    return msgspec.json.encode(found).decode()


_LOAD = """
INSERT INTO enrolment (user_id, batch_id, course_id, active, added_by, enrolled_at, status, updated_at, states)
SELECT lpad(n::text, 8, '0') || '-0000-4000-8000-000000000000', '0138' || lpad(b::text, 15, '0'),
       '0', true, 'bench', now(), 1, now(), $3
  FROM generate_series($1::int, $2::int) AS learner (n), generate_series(0, $4::int) AS batch (b)
"""


@contextmanager
def loaded(size: Size) -> Iterator[tuple[Path, str]]:
    """A home of its own, and the DSN of its PostgreSQL, filled."""
    with TemporaryDirectory(prefix="bench") as folder, embedded.running(Path(folder)) as dsn:
        began = time.perf_counter()
        asyncio.run(migrate(dsn))
        asyncio.run(migrate(dsn, sandbox.MIGRATIONS))
        asyncio.run(load(dsn, size))
        seconds = time.perf_counter() - began
        print(f"{size.enrolments:,} enrolments of {size.contents} contents loaded in {seconds:.0f} s")
        yield Path(folder), dsn


async def load(dsn: str, size: Size) -> None:
    """Fill a migrated, empty database. Every learner is in BATCHES_EACH batches."""
    conn = await db.connect(dsn)
    try:
        await _load_batches(conn, size)
        await conn.execute(_LOAD, 0, size.learners - 1, msgspec.json.decode(states(size.contents)), BATCHES_EACH - 1)
        for number in range(BATCHES_EACH):
            await conn.execute(
                "UPDATE enrolment SET course_id = $2 WHERE batch_id = $1", batch_id(number), course_id(number)
            )
        await conn.execute("VACUUM (ANALYZE) enrolment")
        await conn.execute("CHECKPOINT")
    finally:
        await conn.close()


async def _load_batches(conn: db.Connection, size: Size) -> None:
    now = datetime.now(UTC)
    for number in range(BATCHES_EACH):
        made = course(number, size.contents)
        await conn.execute(
            """INSERT INTO course (course_id, version, name, status, channel, content, tree, fetched_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)""",
            made.course_id,
            made.version,
            made.name,
            made.status,
            made.channel,
            made.content,
            courses.dump(made),
            now,
        )
    for number in range(BATCHES):
        await conn.execute(
            """INSERT INTO batch (batch_id, course_id, name, enrolment_type, created_by, start_date, end_date, status,
                                  created_at)
               VALUES ($1, $2, 'Bench', 'open', 'bench', $3, $4, 1, $5)""",
            batch_id(number),
            course_id(number),
            now.date() - timedelta(days=30),
            now.date() + timedelta(days=300),
            now,
        )
