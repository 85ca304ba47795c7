"""`python -m bench moving`: how fast a Sunbird is moved over, as ratios of the raw COPY rate of the same machine.

A world of dsbulk JSON is made, its lines are written by a bare COPY, and then it is copied and verified by one process.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import asyncpg
import msgspec

from bench.world import content_id
from lernbatch import command
from lernbatch.app import services
from lernbatch.database import db, opening
from lernbatch.environment import load
from lernbatch.sunbird_source.opening import open_source
from lernbatch.takeover import actions, verify
from sandbox import importing

BATCHES, COURSE = 100, "do_31400000000000000001"
FIRST = datetime(2025, 1, 1, tzinfo=UTC)
COPY_AT_ONCE = 50_000


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench moving", description=__doc__)
    parser.add_argument("--enrolments", type=int, default=1_000_000)
    parser.add_argument("--states", type=int, default=20, help="of each enrolment")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder), given.enrolments, given.states))


async def measure(folder: Path, enrolments: int, states: int) -> None:
    """Print the rates of each part and the peak of memory."""
    world = folder / "world"
    generate(world, enrolments, states)
    size = sum(path.stat().st_size for path in world.rglob("*.json"))
    rows = enrolments * (states + 1) + BATCHES
    print(f"{enrolments:,} enrolments of {states} states: {rows:,} rows, {size / 1e6:,.0f} MB")
    config = load(home=folder / "home", takeover="copy", jobs_enabled=False)
    with opening.opened(config) as dsn:
        await command.migrate(config, dsn)
        raw = await raw_copy(dsn, world)
        print(f"raw COPY: {raw:,.0f} rows a second")
        async with services(config, dsn) as held:
            conn = await db.connect(dsn)
            await import_course(conn, folder, states)
            phases: dict[str, Moment] = {}

            def watch(what: str, _done: int, _total: int | None) -> None:
                phases.setdefault(what, now())

            began = now()
            await actions.copy(held, conn, [open_source(str(world))], actions.options_of(held, {}), watch)
            built, staged = now(), phases["slices built"]
            staging, building = staged.wall - began.wall, built.wall - staged.wall
            print(
                f"staging: {rows / staging:,.0f} rows a second, {rows / staging / raw:.2f} of raw COPY (goal: 0.25);"
                f" {rows / (staged.processor - began.processor):,.0f} a second of this process's processor"
            )
            print(
                f"building: {enrolments / building:,.0f} enrolments a second (goal: 10,000);"
                f" {enrolments / (built.processor - staged.processor):,.0f} a second of this process's processor"
            )
            began = now()
            told, _ = await verify.verify(
                held, conn, [open_source(str(world))], actions.options_of(held, {}), lambda *_: None
            )
            seconds = now().wall - began.wall
            print(f"verify: {seconds / (staging + building):.2f} of the time of the copy (goal: 1); {told['verdict']}")
            await conn.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak of memory: {peak:,.0f} MiB (goal: 512)")


class Moment(NamedTuple):
    """Seconds by the clock, and of this process's processor, which a busy machine does not stretch."""

    wall: float
    processor: float


def now() -> Moment:
    return Moment(time.perf_counter(), time.process_time())


def generate(world: Path, enrolments: int, states: int) -> None:
    """The world's files, with as many rows of content states as enrolments times states."""
    for table, rows in (
        ("course_batch", batch_rows()),
        ("user_enrolments", enrolment_rows(enrolments, states)),
        ("user_content_consumption", state_rows(enrolments, states)),
    ):
        path = world / "sunbird_courses" / table / "output-000001.json"
        path.parent.mkdir(parents=True)
        with path.open("wb") as file:
            for row in rows:
                file.write(msgspec.json.encode(row) + b"\n")


def batch_rows() -> Iterator[dict[str, object]]:
    for number in range(BATCHES):
        yield {"courseid": COURSE, "batchid": f"014{number:016d}", "name": f"Batch {number}", "enrollmenttype": "open",
               "start_date": "2024-12-31T18:30:00Z", "status": 1, "created_date": "2024-12-01T00:00:00Z"}  # fmt: skip


def key_of(number: int) -> dict[str, object]:
    return {"userid": f"user-{number:08d}", "courseid": COURSE, "batchid": f"014{number % BATCHES:016d}"}


def enrolment_rows(enrolments: int, states: int) -> Iterator[dict[str, object]]:
    for number in range(enrolments):
        dates = dict.fromkeys(("completedon", "datetime"), "2025-02-01T00:00:00Z")
        yield {**key_of(number), "active": True, "enrolled_date": "2025-01-01T00:00:00Z", "status": 2, **dates,
               "progress": states}  # fmt: skip


def state_rows(enrolments: int, states: int) -> Iterator[dict[str, object]]:
    """Of a learner lie together: the learner is the key of the partition."""
    times = [(FIRST + timedelta(days=place)).isoformat().replace("+00:00", "Z") for place in range(states)]
    for number in range(enrolments):
        for place, at in enumerate(times):
            yield {**key_of(number), "contentid": content_id(place), "status": 2, "progress": 100, "viewcount": 1,
                   "completedcount": 1, "last_access_time": at, "last_completed_time": at, "last_updated_time": at,
                   "datetime": at}  # fmt: skip


async def raw_copy(dsn: str, world: Path) -> float:
    """Rows a second that COPY alone takes of the same lines."""
    conn = await asyncpg.connect(dsn)
    await conn.execute("CREATE UNLOGGED TABLE raw_lines (line bytea NOT NULL)")
    await conn.execute("ALTER TABLE raw_lines SET LOGGED")
    seconds, count = 0.0, 0
    for path in list(world.rglob("*.json")):  # noqa: ASYNC240 - nobody else runs here
        with path.open("rb") as file:
            while lines := [(line,) for line, _ in zip(file, range(COPY_AT_ONCE), strict=False)]:
                began = time.perf_counter()
                await conn.copy_records_to_table("raw_lines", records=lines)
                seconds, count = seconds + time.perf_counter() - began, count + len(lines)
    await conn.execute("DROP TABLE raw_lines")
    await conn.close()
    return count / seconds


async def import_course(conn: asyncpg.Connection, folder: Path, states: int) -> None:
    usual = {"mimeType": "video/mp4", "contentType": "Resource", "objectType": "Content", "status": "Live"}
    leaves = [{"identifier": content_id(place), "name": f"Content {place}", **usual} for place in range(states)]
    course = {"identifier": COURSE, "name": "Moved", "mimeType": "application/vnd.ekstep.content-collection",
              "contentType": "Course", "primaryCategory": "Course", "objectType": "Content", "status": "Live",
              "pkgVersion": 1, "versionKey": "1", "channel": "org-1", "trackable": {"enabled": "Yes"},
              "visibility": "Default", "leafNodesCount": states, "children": leaves}  # fmt: skip
    path = folder / "course.json"
    path.write_bytes(msgspec.json.encode({"result": {"content": course}}))
    await importing.course(conn, path, FIRST)
