"""How fast certificates are issued and signed: a batch whose learners are all due at once.

`python -m bench certificates [--learners 100000] [--workers 2]`

Counts what the worker does for each: claim, judge two templates, read the profile from the bundled user service, build
and sign the credential, write certificate, entry and feed event in one transaction. Pictures are drawn when asked for
and are measured apart.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg

import sandbox
from lernbatch import app
from lernbatch.certificate import issue, pictures, verification
from lernbatch.config import Config
from lernbatch.credential import keys, proof
from lernbatch.database import db
from lernbatch.database.migrate import migrate
from postgres_supervisor import embedded
from sandbox import importing, published

BATCH, COURSE, QUIZ = "0147000000000000001", "do_3147000000000000001", "do_3147000000000000002"
SIGNATORIES = [{"name": "Meera Iyer", "id": "DIR", "designation": "Director", "image": ""}]
TEMPLATES = {
    name: {
        "identifier": "default",
        "name": title,
        "url": "",
        "criteria": criteria,
        "issuer": {"name": "State Board", "url": "https://board.example"},
        "signatoryList": SIGNATORIES,
    }
    | {"identifier": name}
    for name, title, criteria in (
        ("completion", "Certificate of completion", {"enrollment": {"status": 2}}),
        ("merit", "Certificate of merit", {"enrollment": {"status": 2}, "assessment": {"score": {">=": 101}}}),
    )
}
TREE = {
    "identifier": COURSE,
    "name": "Early mathematics",
    "status": "Live",
    "mimeType": "application/vnd.ekstep.content-collection",
    "contentType": "Course",
    "primaryCategory": "Course",
    "trackable": {"enabled": "Yes"},
    "leafNodesCount": 1,
    "children": [
        {
            "identifier": QUIZ,
            "name": "Quiz",
            "mimeType": "application/vnd.sunbird.questionset",
            "objectType": "QuestionSet",
            "contentType": "SelfAssess",
            "primaryCategory": "Course Assessment",
            "totalQuestions": 4,
            "status": "Live",
        }
    ],
}


async def fill(dsn: str, learners: int) -> None:
    """A batch in which everybody has completed and is due."""
    conn = await db.connect(dsn)
    now = datetime.now(UTC)
    try:
        await importing.put_course(conn, published.read_course({"result": {"content": TREE}}), now)
        await conn.execute(
            """INSERT INTO batch (batch_id, course_id, name, enrolment_type, start_date, status, templates, created_at)
               VALUES ($1, $2, 'June', 'open', current_date, 1, $3, now())""",
            BATCH,
            COURSE,
            TEMPLATES,
        )
        await conn.execute(
            """INSERT INTO sandbox_person (user_id, first_name, last_name)
               SELECT 'learner-' || lpad(n::text, 7, '0'), 'आशा', 'Kumari ' || n
                 FROM generate_series(1, $1::int) AS n""",
            learners,
        )
        await conn.execute(
            """INSERT INTO enrolment (user_id, batch_id, course_id, active, enrolled_at, updated_at, status,
                                      completed_at, progress, percentage, scores)
               SELECT 'learner-' || lpad(n::text, 7, '0'), $2, $3, true, now(), now(), 2, now(), 1, 100,
                      jsonb_build_object($4::text, '[8, 10, 1]'::jsonb)
                 FROM generate_series(1, $1::int) AS n""",
            learners,
            BATCH,
            COURSE,
            QUIZ,
        )
        await conn.execute(
            """INSERT INTO certificate_due (user_id, batch_id, due_at, reason)
               SELECT user_id, batch_id, now(), 'completed' FROM enrolment"""
        )
        await conn.execute("VACUUM ANALYZE")
    finally:
        await conn.close()


async def work(dsn: str, home: Path) -> int:
    """One worker process: judge until nobody is due."""
    total = 0
    async with app.services(Config(home=home), dsn) as services:
        while done := await issue.issue_due(services):
            total += done
    return total


def worker(dsn: str, home: Path) -> None:
    asyncio.run(work(dsn, home))


async def count(dsn: str) -> tuple[int, int, int]:
    """Certificates, learners who have one, and rows still due."""
    conn = await asyncpg.connect(dsn)
    try:
        row = await conn.fetchrow(
            """SELECT (SELECT count(*) FROM certificate), (SELECT count(DISTINCT user_id) FROM certificate),
                      (SELECT count(*) FROM certificate_due)"""
        )
    finally:
        await conn.close()
    return row[0], row[1], row[2]


async def look(dsn: str, home: Path, sample: int = 40) -> list[str]:
    """Verify a sample, and time pictures."""
    async with app.services(Config(home=home), dsn) as services:
        ids = [row[0] for row in await services.pool.fetch("SELECT certificate_id FROM certificate LIMIT $1", sample)]
        found = [one for one in [await verification.find(services, number) for number in ids] if one is not None]
        trusted = keys.key_set(services.config).keys
        verified = 0
        for one in found:
            verified += proof.verify(await pictures.render(services, one, "json", "URL", "bench"), trusted).trusted
        lines = [f"verified {verified} of {len(found)}"]
        for form in ("svg", "pdf", "png"):
            began = time.perf_counter()
            for one in found:
                await pictures.render(services, one, form, "URL", "bench")
            lines.append(f"{form}: {(time.perf_counter() - began) / len(found) * 1000:.1f} ms each")
        return lines


def main() -> None:
    options = argparse.ArgumentParser(prog="bench certificates", description=__doc__)
    options.add_argument("--learners", type=int, default=100_000)
    options.add_argument("--workers", type=int, default=1)
    asked = options.parse_args()
    with TemporaryDirectory() as folder, embedded.running(Path(folder) / "pg") as dsn:
        home = Path(folder) / "home"
        asyncio.run(migrate(dsn))
        asyncio.run(migrate(dsn, sandbox.MIGRATIONS))
        asyncio.run(fill(dsn, asked.learners))
        keys.key_set(Config(home=home))
        print(f"{asked.learners} learners due, {asked.workers} worker processes")
        began = time.perf_counter()
        context = multiprocessing.get_context("spawn")
        processes = [context.Process(target=worker, args=(dsn, home)) for _ in range(asked.workers)]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        seconds = time.perf_counter() - began
        issued, learners, due = asyncio.run(count(dsn))
        print(f"{issued} certificates in {seconds:.1f} s: {issued / seconds:.0f} a second")
        print("\n".join(asyncio.run(look(dsn, home))))
        if (issued, learners, due) != (asked.learners, asked.learners, 0):
            sys.exit(f"wrong: {issued} certificates of {learners} learners, {due} still due")


if __name__ == "__main__":
    main()
