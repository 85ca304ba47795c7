"""How fast exhausts are made: all batches of an organisation at once, and one batch from submit to link.

`python -m bench exhausts [--batches 1000] [--learners 1000] [--updates] [--pace 17000]`

All of it lies in a temporary folder that is removed.

A worker process of its own makes the files, zipped and stored in a folder; PostgreSQL shares the machine. Profiles and
consents are in the database already, as they are from the second report on: what it takes to fetch them the first time
is the user service's figure, not ours.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import psutil
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

import sandbox
from bench import database, service, world
from bench.generator import Plan
from lernbatch import app
from lernbatch.config import Config
from lernbatch.course import rules as courses
from lernbatch.database import db
from lernbatch.database.migrate import migrate
from lernbatch.exhaust import actions, jobs, wire
from lernbatch.exhaust.model import ReportSubmission, Requester
from lernbatch.progress.model import ContentState, dump_states
from lernbatch.report.model import Dataset
from lernbatch.sealing import seal_of
from postgres_supervisor import embedded

COURSE, CHANNEL, KEY = "do_3148000000000000001", "0126000000000000001", "abc12345"
CONTENTS, ASSESSMENTS, ANSWERS, BATCHES_PER_REQUEST = 20, 2, 10, 20
UPDATE_SECONDS = 8.0
EVERYBODY = Requester(None, None)
# What is to be reached on two cores, in seconds for a million rows, answers or learners.
TARGETS = {Dataset.PROGRESS: 60, Dataset.RESPONSE: 60, Dataset.USER_INFO: 120}
MOST_MIB = 150  # of the worker's memory, whatever is made
UPDATES_KEPT = 0.7  # of the state updates a second, while an exhaust is made
PATIENCE = 10  # times the target, and a minute: then the measurement is given up


@dataclass(frozen=True, slots=True)
class Size:
    batches: int
    learners: int  # in each batch

    @property
    def people(self) -> int:
        return self.batches * self.learners


@dataclass(frozen=True, slots=True)
class Measured:
    what: str
    rows: int
    seconds: float
    target: float
    cpu_seconds: float  # of the worker and of the whole of PostgreSQL
    peak_mib: float
    stored_mib: float


@dataclass(frozen=True, slots=True)
class Updates:
    """State updates a second, alone and beside a progress exhaust; rows of it a second meanwhile."""

    alone: float
    beside: float
    rows: float
    lasted: bool  # the exhaust was still being made when the measurement ended

    @property
    def share(self) -> float:
        return self.beside / self.alone

    def __str__(self) -> str:
        lasted = "" if self.lasted else " The exhaust was over before: ask for more batches."
        return (
            f"State updates: {self.alone:,.0f}/s alone, {self.beside:,.0f}/s beside a progress exhaust of"
            f" {self.rows:,.0f} rows/s: {self.share:.0%}, wanted {UPDATES_KEPT:.0%}.{lasted}"
        )


def main() -> None:
    asked = argparse.ArgumentParser(prog="bench exhausts", description=__doc__)
    asked.add_argument("--batches", type=int, default=1000)
    asked.add_argument("--learners", type=int, default=1000)
    asked.add_argument("--updates", action="store_true", help="measure state updates beside a report, too")
    asked.add_argument("--pace", type=int, default=0, help="rows a second that worker makes at most")
    given = asked.parse_args()
    size = Size(given.batches, given.learners)
    with TemporaryDirectory(prefix="bench") as folder, embedded.running(Path(folder)) as dsn:
        home = Path(folder)
        asyncio.run(migrate(dsn))
        asyncio.run(migrate(dsn, sandbox.MIGRATIONS))
        with Progress() as bar:
            asyncio.run(load(home, dsn, size, bar))
        found = [measure(home, dsn, size, dataset) for dataset in TARGETS]
        found.append(asyncio.run(one_batch(home, dsn, size)))
        updates = beside_updates(home, dsn, given.pace) if given.updates else None
    show(size, found)
    if updates is not None:
        print(updates)
    missed = [one.what for one in found if one.seconds > one.target or one.peak_mib > MOST_MIB]
    if updates is not None and updates.share < UPDATES_KEPT:
        missed.append("state updates")
    if missed:
        sys.exit(f"Targets missed: {', '.join(missed)}.")


def content(number: int) -> dict[str, Any]:
    scored = number < ASSESSMENTS
    return {
        "identifier": f"do_3148{number + 100:015d}",
        "name": f"Content {number}",
        "mimeType": "application/vnd.sunbird.questionset" if scored else "video/mp4",
        "objectType": "QuestionSet" if scored else "Content",
        "contentType": "SelfAssess" if scored else "Resource",
        "primaryCategory": "Course Assessment" if scored else "Learning Resource",
        "totalQuestions": ANSWERS,
        "status": "Live",
    }


def unit(number: int, contents: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "identifier": f"do_3148{number + 10:015d}",
        "name": f"Unit {number}",
        "mimeType": "application/vnd.ekstep.content-collection",
        "contentType": "CourseUnit",
        "visibility": "Parent",
        "children": contents,
    }


TREE = {
    "identifier": COURSE,
    "name": "Early mathematics",
    "status": "Live",
    "channel": CHANNEL,
    "mimeType": "application/vnd.ekstep.content-collection",
    "contentType": "Course",
    "trackable": {"enabled": "Yes"},
    "userConsent": "Yes",
    "children": [unit(n, [content(n * 5 + k) for k in range(5)]) for n in range(CONTENTS // 5)],
}


def states(completed: int) -> str:
    """What a learner who has completed so many contents has done, as it is stored."""
    ids = [str(content(number)["identifier"]) for number in range(CONTENTS)]
    now = 1_770_000_000_000
    return dump_states(
        {one: ContentState(2 if n < completed else 1, 100, 3, 1, now, now, now) for n, one in enumerate(ids)}
    )


_ENROL = """
INSERT INTO enrolment (user_id, batch_id, course_id, active, enrolled_at, status, progress, completed_at,
                       last_access_at, updated_at, states, states_text, scores, certificates)
SELECT 'u' || lpad(($1::int * $2::int + n)::text, 31, '0'), $3, $4, true, $5::timestamptz, 1, (n % 20)::int,
       CASE WHEN n % 5 = 0 THEN $5 END, $5, $5, NULL, ($6::text[])[1 + n % 21],
       jsonb_build_object($7::text, jsonb_build_array(n % 10, 10, 2), $8::text, jsonb_build_array(n % 7, 10, 1)),
       CASE WHEN n % 5 = 0 THEN '[{"identifier": "c"}]' ELSE '[]' END::jsonb
  FROM generate_series(0, $2::int - 1) AS n
"""
_ATTEMPT = """
INSERT INTO attempt (user_id, batch_id, content_id, attempt_id, course_id, attempted_ms, score, max_score, questions,
                     created_at, updated_at)
SELECT user_id, batch_id, $2, 'a1', course_id, 1770000000000, 5, 10, $3, now(), now()
  FROM enrolment WHERE batch_id = $1 ORDER BY user_id LIMIT $4
"""


async def load(home: Path, dsn: str, size: Size, bar: Progress) -> None:
    """Fill the empty database: a course, its batches with their learners, their profiles, consents and attempts."""
    conn = await db.connect(dsn)
    now = datetime.now(UTC)
    seal = seal_of(Config(home=home))
    task = bar.add_task("loading", total=size.batches)
    course = courses.read_tree(TREE)
    await conn.execute(
        "INSERT INTO course VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        *(course.course_id, course.version, course.name, course.status, course.channel, course.content),
        courses.dump(course),
        now + timedelta(days=1),
    )
    variants = [states(completed) for completed in range(CONTENTS + 1)]
    scored = [leaf.content_id for leaf in course.assessments]
    for batch in range(size.batches):
        await conn.execute(
            """INSERT INTO batch (batch_id, course_id, name, enrolment_type, created_by, start_date, status, created_at)
               VALUES ($1, $2, $3, 'open', 'bench', '2026-01-01', 1, now())""",
            batch_id(batch),
            COURSE,
            f"Batch {batch}",
        )
        where = (batch, size.learners, batch_id(batch), COURSE, now)
        await conn.execute(_ENROL, *where, variants, *scored)
        await conn.execute(_ATTEMPT, batch_id(batch), scored[0], QUESTIONS, size.learners // ANSWERS)
        await people(conn, seal, size, batch, now)
        bar.advance(task)
    await conn.execute("VACUUM (ANALYZE)")
    await conn.execute("CHECKPOINT")
    await conn.close()


QUESTIONS = [
    {
        "id": f"do_q{number}",
        "assess_ts": 1_770_000_000_000,
        "max_score": 1.0,
        "score": 0.5,
        "type": "mcq",
        "title": "Which of these numbers is the largest?",
        "resvalues": [{"1": '{"text":"Nineteen"}'}],
        "params": [{str(k): f'{{"text":"Answer {k}"}}' for k in range(4)}, {"answer": '{"correct":["1"]}'}],
        "description": "",
        "duration": 12.0,
    }
    for number in range(ANSWERS)
]


async def people(conn: db.Connection, seal: Any, size: Size, batch: int, now: datetime) -> None:
    ids = [f"u{batch * size.learners + n:031d}" for n in range(size.learners)]
    personal = [msgspec.json.encode([f"Asha {one}", f"{one}@example.org", "+911234567890"]) for one in ids]
    school = ("Tamil Nadu", "Chennai", f"Block {batch % 50}", "Cluster", "2901", "Government School, Egmore", "CBSE")
    await conn.copy_records_to_table(
        "profile",
        columns=[
            "user_id",
            "status",
            "root_org_id",
            "org_name",
            "state",
            "district",
            "block",
            "cluster",
            "school_id",
            "school_name",
            "board",
            "user_type",
            "user_sub_type",
            "sealed",
            "fetched_at",
        ],
        records=[
            (one, 1, CHANNEL, "State Board", *school, "teacher", "hm", seal.close(secret, one), now)
            for one, secret in zip(ids, personal, strict=True)
        ],
    )
    await conn.copy_records_to_table(
        "consent",
        columns=["user_id", "consumer_id", "object_id", "consent_id", "status", "updated_at", "fetched_at"],
        records=[(one, CHANNEL, COURSE, f"c{one}", "ACTIVE", now, now + timedelta(days=1)) for one in ids],
    )


def batch_id(number: int) -> str:
    return f"0148{number:015d}"


def measure(home: Path, dsn: str, size: Size, dataset: Dataset) -> Measured:
    """All batches of one dataset, by one worker."""
    asyncio.run(submit(home, dsn, size, dataset))
    before = server_seconds(home)
    with working(home) as process, Progress() as bar:
        task = bar.add_task(dataset, total=size.people)
        patience = PATIENCE * TARGETS[dataset] * size.people / 1e6 + 60
        seconds = asyncio.run(asyncio.wait_for(finished(dsn, dataset, bar, task), patience))
        peak, cpu = (
            peak_mib(process.pid),
            sum(psutil.Process(process.pid).cpu_times()[:2]) + server_seconds(home) - before,
        )
    stored = sum(path.stat().st_size for path in (home / "files" / dataset).rglob("*.zip"))
    rows = size.people
    return Measured(dataset, rows, seconds, TARGETS[dataset] * rows / 1e6, cpu, peak, stored / 2**20)


async def submit(home: Path, dsn: str, size: Size, dataset: Dataset) -> None:
    async with app.services(Config(home=home), dsn) as services:
        for first in range(0, size.batches, BATCHES_PER_REQUEST):
            ids = [batch_id(number) for number in range(first, min(first + BATCHES_PER_REQUEST, size.batches))]
            key = KEY if dataset is Dataset.USER_INFO else None
            await actions.submit(services, EVERYBODY, submission(f"all-{first}", dataset, {"batchFilter": ids}, key))


def submission(tag: str, dataset: Dataset, config: dict[str, Any], key: str | None = None) -> ReportSubmission:
    return ReportSubmission(tag, dataset, "bench", CHANNEL, config, wire.read_selection(config), key)


@contextmanager
def working(home: Path, pace: int = 0) -> Iterator[subprocess.Popen[bytes]]:
    settings = {
        "LERNBATCH_HOME": str(home),
        "LERNBATCH_LOG_LEVEL": "error",
        "LERNBATCH_EXHAUST_ROWS_PER_SECOND": str(pace),
    }
    command = [sys.executable, "-m", "lernbatch", "worker"]
    process = subprocess.Popen(command, env={**os.environ, **settings}, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


async def finished(dsn: str, dataset: Dataset, bar: Progress, task: Any) -> float:
    """Seconds from the first claim to the last file."""
    conn = await db.connect(dsn)
    try:
        while True:
            row = await conn.fetchrow(
                """SELECT count(*) FILTER (WHERE status IN ('SUBMITTED', 'PROCESSING')) AS waiting,
                          count(*) FILTER (WHERE status = 'FAILED') AS failed, sum(rows_done) AS done,
                          max(message) AS message, extract(epoch FROM max(completed_at) - min(claimed_at)) AS seconds
                     FROM exhaust_request WHERE dataset = $1""",
                dataset,
            )
            bar.update(task, completed=int(row["done"] or 0))
            if row["failed"]:
                raise RuntimeError(f"{row['failed']} requests failed: {row['message']}")
            if not row["waiting"]:
                return float(row["seconds"])
            await asyncio.sleep(0.2)
    finally:
        await conn.close()


def beside_updates(home: Path, dsn: str, pace: int) -> Updates:
    """State updates a second alone, and while all progress exhausts are made again."""
    size = world.Size(10_000, contents=CONTENTS)
    learners = size.active_learners
    asyncio.run(database.load(dsn, size))
    asyncio.run(again(dsn))
    with service.serving(home, 1, "--no-jobs") as (port, _):
        plan = Plan(
            *("update", "127.0.0.1", port, 64, UPDATE_SECONDS),
            learners=list(learners),
            tokens=service.tokens(home, learners),
        )
        service.generate(home, plan)  # tokens are verified, courses fetched
        alone = service.generate(home, plan)["rate"]
        with working(home, pace):
            time.sleep(2)  # it has begun
            before, _ = asyncio.run(done(dsn))
            began = time.perf_counter()
            beside = service.generate(home, plan)["rate"]
            after, waiting = asyncio.run(done(dsn))
            rows = (after - before) / (time.perf_counter() - began)
        # Alone before and after: what else the machine does changes in between.
        alone = (alone + service.generate(home, plan)["rate"]) / 2
    return Updates(alone, beside, rows, waiting > 0)


async def done(dsn: str) -> tuple[int, int]:
    """Rows of progress exhausts made so far, and how many requests are not finished."""
    conn = await db.connect(dsn)
    try:
        row = await conn.fetchrow(
            """SELECT sum(rows_done), count(*) FILTER (WHERE status IN ('SUBMITTED', 'PROCESSING'))
                 FROM exhaust_request WHERE dataset = 'progress-exhaust'"""
        )
        return int(row[0] or 0), int(row[1])
    finally:
        await conn.close()


async def again(dsn: str) -> None:
    """Have the progress exhausts made once more."""
    conn = await db.connect(dsn)
    await conn.execute(
        """UPDATE exhaust_request SET status = 'SUBMITTED', due_at = now(), completed_at = NULL, deliveries = '[]',
                  rows_done = 0
            WHERE dataset = 'progress-exhaust'"""
    )
    await conn.close()


def server_seconds(home: Path) -> float:
    """Processor seconds of this run's PostgreSQL, connections that are closed included."""
    (note,) = home.rglob("postmaster.pid")
    server = psutil.Process(int(note.read_text(encoding="utf-8").split()[0]))
    living = sum(sum(one.cpu_times()[:2]) for one in server.children())
    return float(sum(server.cpu_times()[:4]) + living)


def peak_mib(process_id: int) -> float:
    """The most memory that a process has held."""
    status = Path(f"/proc/{process_id}/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


async def one_batch(home: Path, dsn: str, size: Size) -> Measured:
    """One batch in this process, from submit to link: the median of five."""
    async with app.services(Config(home=home), dsn) as services:
        taken = []
        for number in range(5):
            began = time.perf_counter()
            asked = submission(f"one-{number}", Dataset.PROGRESS, {"batchId": batch_id(number)})
            request = (await actions.submit(services, EVERYBODY, asked)).request
            await jobs.run_due(services)
            request = replace(await actions.find(services.pool, request.request_id) or request)
            (linked,) = await actions.linked_requests(services, EVERYBODY, [request])
            assert linked.links
            taken.append(time.perf_counter() - began)
    return Measured("one batch, submit to link", size.learners, sorted(taken)[2], 2.0, 0, peak_mib(os.getpid()), 0)


def show(size: Size, found: list[Measured]) -> None:
    table = Table("what", "rows", "seconds", "rows/s", "target", "of target", "CPU s", "peak MiB", "stored MiB")
    for one in found:
        table.add_row(
            one.what,
            f"{one.rows:,}",
            f"{one.seconds:.1f}",
            f"{one.rows / one.seconds:,.0f}",
            f"{one.target:.1f}",
            f"{one.seconds / one.target:.2f}",
            f"{one.cpu_seconds:.0f}",
            f"{one.peak_mib:.0f}",
            f"{one.stored_mib:.0f}",
        )
    console = Console(width=130)  # a log has no width of its own
    console.print(
        f"{size.batches:,} batches of {size.learners:,} learners, {CONTENTS} contents; at most {MOST_MIB} MiB"
    )
    console.print(table)


if __name__ == "__main__":
    main()
