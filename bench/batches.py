"""How fast batches are found among very many: the searches of portal, app and administrators.

`python -m bench batches [--batches 1000000] [--calls 200] [--plans]`

Each call is read, compiled to SQL, run (the page and the exact count are two statements) and shown, as for a request,
but without HTTP. The batches are unevenly spread: one organisation in two thousand has a tenth of them.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.table import Table

import sandbox
from lernbatch import app
from lernbatch.batch.search import actions, compose, wire
from lernbatch.batch.wire_document import BatchStyle
from lernbatch.config import Config
from lernbatch.database import db
from lernbatch.database.migrate import migrate
from lernbatch.services import Services
from lernbatch.web.caller import NOBODY
from postgres_supervisor import embedded

TARGET_MS = 20  # at the median, for what portal and app ask
COURSES, CREATORS, MENTORS, ORGANISATIONS = 20_000, 5_000, 20_000, 2_000
LARGEST = "org0"
TITLES = ["Summer cohort", "Spring cohort", "हिन्दी में गणित", "कक्षा", "எண்கள்", "Teachers of Tumkur", "Refresher"]
RARE = "विशेष"  # in the name of one batch in ten thousand

_FILL = """
INSERT INTO batch (batch_id, course_id, name, description, enrolment_type, created_by, created_for, mentors,
                   start_date, end_date, status, due_on, created_at)
SELECT '0147' || lpad(n::text, 17, '0'),
       'do_' || n % $2,
       ($6::text[])[1 + n % cardinality($6::text[])] || ' ' || n || CASE WHEN n % 10000 = 0 THEN ' ' || $7 ELSE '' END,
       'The batch of number ' || md5(n::text),
       CASE WHEN n % 3 = 0 THEN 'invite-only' ELSE 'open' END,
       'creator' || (n * 7) % $3,
       ARRAY['org' || CASE WHEN n % 10 = 0 THEN 0 ELSE n % $5 END],
       ARRAY['mentor' || (n * 11) % $4, 'mentor' || (n * 13 + 1) % $4],
       current_date + day.start,
       current_date + day.start + 60,
       CASE WHEN day.start > 0 THEN 0 WHEN day.start + 60 < 0 THEN 2 ELSE 1 END,
       NULL,
       now() - make_interval(mins => n)
  FROM generate_series(1, $1::int) AS n,
       LATERAL (SELECT 90 - (n * 31) % 900 AS start) AS day
"""


@dataclass(frozen=True, slots=True)
class Question:
    """A search that is asked again and again, each time of another course, person or organisation."""

    what: str
    request: Callable[[], dict[str, Any]]
    typical: bool = True  # of portal and app: held to the target


def any_of(prefix: str, count: int) -> str:
    return f"{prefix}{random.randrange(count)}"


NEWEST = {"sort_by": {"createdDate": "desc"}}
OPEN = {"status": ["0", "1"]}
QUESTIONS = [
    Question(
        "open batches of a course (app, portal)",
        lambda: {"filters": {"courseId": any_of("do_", COURSES), "enrollmentType": "open", **OPEN}, **NEWEST},
    ),
    Question("all batches of a course", lambda: {"filters": {"courseId": any_of("do_", COURSES)}, **NEWEST}),
    Question("mine", lambda: {"filters": {"createdBy": any_of("creator", CREATORS), **OPEN}, **NEWEST}),
    Question("those I mentor", lambda: {"filters": {"mentors": [any_of("mentor", MENTORS)], **OPEN}, **NEWEST}),
    Question(
        "my organisation's ongoing ones",
        lambda: {"filters": {"createdFor": [f"org{random.randrange(1, ORGANISATIONS)}"], "status": 1}, **NEWEST},
    ),
    Question(
        "thirty by their ids",
        lambda: {"filters": {"identifier": [f"0147{random.randrange(1, 10**6):017d}" for _ in range(30)]}},
    ),
    Question("a rare word in Devanagari", lambda: {"filters": {}, "query": RARE}, typical=False),
    Question("part of a number in a name", lambda: {"filters": {}, "query": any_of("99", 1000)}, typical=False),
    Question(
        "how many of a course, by status",
        lambda: {"filters": {"courseId": any_of("do_", COURSES)}, "facets": [{"status": None}], "limit": 0},
        typical=False,
    ),
    Question(
        "the largest organisation's ongoing ones (a tenth of all)",
        lambda: {"filters": {"createdFor": [LARGEST], "status": 1}, **NEWEST},
        typical=False,
    ),
    Question("everything, the newest first", lambda: {"filters": {}, **NEWEST}, typical=False),
]


async def fill(dsn: str, batches: int, courses: int = COURSES) -> None:
    """Fill a migrated database without such batches; theirs are so many courses."""
    conn = await db.connect(dsn)
    try:
        await conn.execute(_FILL, batches, courses, CREATORS, MENTORS, ORGANISATIONS, TITLES, RARE, timeout=3600)
        await conn.execute("VACUUM (ANALYZE) batch", timeout=3600)
    finally:
        await conn.close()


async def ask(services: Services, request: dict[str, Any]) -> int:
    """One call, without HTTP; how many match."""
    asked = wire.read_search(request, {})
    result = await actions.search(services, asked, NOBODY)
    wire.show_result(asked, result, services.clock.now(), BatchStyle.of(services.config))
    return result.count


async def plan(services: Services, request: dict[str, Any]) -> str:
    text, arguments = compose.page(wire.read_search(request, {}), services.clock.zone)
    rows = await services.pool.fetch(f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) {text}", *arguments)
    return "\n".join(row[0] for row in rows)


async def measure(dsn: str, home: Path, calls: int, *, plans: bool) -> bool:
    """Ask every question `calls` times; whether the typical ones keep the target."""
    table = Table("question", "matches", "median ms", "p95 ms", "target ms", title=f"{calls} calls each, one at a time")
    kept, console = True, Console()
    async with app.services(Config(home=home), dsn) as services:
        for question in QUESTIONS:
            times, counts = [], []
            for _ in range(calls if question.typical else max(calls // 10, 5)):
                request = question.request()
                began = time.perf_counter()
                counts.append(await ask(services, request))
                times.append((time.perf_counter() - began) * 1000)
            median = statistics.median(times)
            kept &= not question.typical or median <= TARGET_MS
            p95 = statistics.quantiles(times, n=20)[-1]
            target = str(TARGET_MS) if question.typical else ""
            table.add_row(question.what, f"{statistics.median(counts):,.0f}", f"{median:.1f}", f"{p95:.1f}", target)
            if plans:
                console.print(f"[bold]{question.what}[/bold]")
                console.print(await plan(services, question.request()), markup=False)
    console.print(table)
    return kept


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, default=1_000_000)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--plans", action="store_true", help="also show PostgreSQL's plan of each question")
    given = parser.parse_args()
    with TemporaryDirectory() as folder, embedded.running(Path(folder) / "home") as dsn:
        asyncio.run(migrate(dsn))
        asyncio.run(migrate(dsn, sandbox.MIGRATIONS))
        began = time.perf_counter()
        asyncio.run(fill(dsn, given.batches))
        Console().print(f"{given.batches:,} batches written in {time.perf_counter() - began:.0f} s")
        if not asyncio.run(measure(dsn, Path(folder), given.calls, plans=given.plans)):
            raise SystemExit(f"A typical search takes more than {TARGET_MS} ms at the median.")
