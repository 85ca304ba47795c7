"""A thousand reports on one day: of one organisation, each of a batch, made by the service that answers."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

from bench import world
from bench.world import Size
from lernbatch import app
from lernbatch.config import Config
from lernbatch.database import db
from lernbatch.exhaust import actions, wire
from lernbatch.exhaust.model import ReportSubmission, Requester
from lernbatch.report.model import Dataset

EVERYBODY = Requester(None, None)
CHANNEL = "bench"
ROWS_PER_SECOND = 2000  # far below what was ever measured: then we give up


@dataclass(frozen=True, slots=True)
class Made:
    """Reports that are made: how many of how many are left, since when."""

    seconds: float
    left: int


async def submit(home: Path, dsn: str, size: Size, tag: str, count: int) -> None:
    """Ask for so many progress reports, each of one batch, one batch after the other, in a request of its own."""
    async with app.services(Config(home=home), dsn) as services:
        for number in range(count):
            config = {"batchId": world.batch_id(number % size.batches)}
            asked = ReportSubmission(
                f"{tag}-{number}", Dataset.PROGRESS, "bench", CHANNEL, config, wire.read_selection(config), None
            )
            await actions.submit(services, EVERYBODY, asked)


async def progress(dsn: str, tag: str) -> Made:
    """How far the reports of a tag are; `seconds` from the first submission to the last file so far.

    Raises: RuntimeError, when one failed.
    """
    conn = await db.connect(dsn)
    try:
        row = await conn.fetchrow(
            """SELECT count(*) FILTER (WHERE status IN ('SUBMITTED', 'PROCESSING')) AS left,
                      count(*) FILTER (WHERE status = 'FAILED') AS failed, max(message) AS message,
                      extract(epoch FROM max(completed_at) - min(submitted_at))::float AS seconds
                 FROM exhaust_request WHERE tag LIKE $1""",
            f"{tag}-%",
        )
    finally:
        await conn.close()
    if row["failed"]:
        raise RuntimeError(f"{row['failed']} reports failed: {row['message']}")
    return Made(row["seconds"] or 0.0, row["left"])


def finished(dsn: str, tag: str, count: int) -> float:
    """Wait until all reports of a tag are there; the seconds since the first was asked for."""
    until = time.monotonic() + 60 + count * world.LEARNERS_EACH / ROWS_PER_SECOND
    while (made := asyncio.run(progress(dsn, tag))).left:
        if time.monotonic() > until:
            raise RuntimeError(f"{made.left} reports are not made after {made.seconds:.0f} s")
        time.sleep(0.2)
    return made.seconds
