"""Exactly one certificate a learner and template, whoever dies or works beside whom."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from datetime import timedelta

import pytest

from lernbatch.certificate import evaluation, issue, jobs
from lernbatch.database import db
from tests.certificate.cohort import MERIT, Cohort, new_cohort
from tests.people import ASHA, EVERYBODY
from tests.running import Running
from tests.seeds import QUIZ

pytestmark = pytest.mark.usefixtures("nothing_due")
LEARNERS = 200
WORKER = """
import asyncio, os, signal
from pathlib import Path
from lernbatch import app
from lernbatch.certificate import jobs
from lernbatch.config import Config

async def work():
    settings = Config(home=Path(os.environ["HOME_OF_KEYS"]), lease_seconds=0.5, certificate_set_size=3)
    async with app.services(settings, os.environ["DSN"]) as services:
        for _ in range(int(os.environ["SETS"])):
            await jobs.issue_due(services)
        loop = asyncio.get_running_loop()
        loop.call_later(float(os.environ["SECONDS"]), os.kill, os.getpid(), signal.SIGKILL)
        while True:
            await jobs.issue_due(services)

asyncio.run(work())
"""


def fill(cohort: Cohort) -> None:
    """Learners who all earn two certificates, known to the user service."""
    people = [f"learner-{cohort.batch_id}-{n:03d}" for n in range(LEARNERS)]
    cohort.service.sql(
        "INSERT INTO sandbox_person (user_id, first_name) SELECT id, 'Learner' FROM unnest($1::text[]) AS id", people
    )
    for user_id in people:
        cohort.put(user_id, 2, {QUIZ: [9, 10, 1]})
    cohort.attach()
    cohort.service.sql(
        """UPDATE batch SET templates = templates || jsonb_build_object('merit', templates -> 'default' || $2)
           WHERE batch_id = $1""",
        cohort.batch_id,
        {"identifier": "merit", "name": "Merit", "criteria": MERIT},
    )


def check(cohort: Cohort) -> None:
    rows = cohort.service.sql(
        "SELECT template_id, count(*), count(DISTINCT user_id), max(revision) FROM certificate WHERE batch_id = $1"
        " GROUP BY template_id ORDER BY template_id",
        cohort.batch_id,
    )
    assert [tuple(row) for row in rows] == [("default", LEARNERS, LEARNERS, 1), ("merit", LEARNERS, LEARNERS, 1)]
    entries = cohort.service.sql(
        "SELECT DISTINCT jsonb_array_length(certificates) FROM enrolment WHERE batch_id = $1", cohort.batch_id
    )
    assert [row[0] for row in entries] == [2]
    feeds = cohort.service.sql(
        "SELECT count(*) FROM outbox WHERE destination = 'feed' AND key LIKE $1", f"learner-{cohort.batch_id}-%"
    )
    assert feeds[0][0] == 2 * LEARNERS


def issued(cohort: Cohort) -> int:
    return int(cohort.service.sql("SELECT count(*) FROM certificate WHERE batch_id = $1", cohort.batch_id)[0][0])


@pytest.mark.real
def test_workers_killed_in_the_middle_lose_nothing_and_repeat_nothing(service: Running, dsn_of_service: str) -> None:
    cohort = new_cohort(service)
    fill(cohort)
    environment = {**os.environ, "DSN": dsn_of_service, "HOME_OF_KEYS": str(service.config.home), "SETS": "4"}
    started = [  # each dies a little further in a set: reading, signing, in the transaction, after it
        subprocess.Popen([sys.executable, "-c", WORKER], env={**environment, "SECONDS": str(seconds)})
        for seconds in (0.001, 0.004, 0.008, 0.015)
    ]
    assert [worker.wait(600) for worker in started] == [-signal.SIGKILL] * 4
    assert 20 < issued(cohort) < 2 * LEARNERS
    service.clock.move(seconds=60)  # past every lease of the dead
    cohort.work()
    check(cohort)


def test_twins_at_once_share_the_work(service: Running) -> None:
    cohort = new_cohort(service)
    fill(cohort)

    async def twins() -> None:
        await asyncio.gather(*(jobs.issue_due(service.services) for _ in range(4)))

    while cohort.due():
        service.run(twins())
    check(cohort)


def test_news_during_an_evaluation_is_evaluated_again(cohort: Cohort) -> None:
    cohort.enrol(ASHA)
    cohort.attach()
    now = cohort.service.clock.now()
    claim = {"now": now, "until": now + timedelta(seconds=60), "limit": 10, "claim": "me"}
    pool = cohort.service.services.pool
    claimed = cohort.service.run(db.all(pool, evaluation.DueLearner, issue.Q.claim_due, **claim))
    assert [row.user_id for row in claimed] == [ASHA.user_id]
    assert cohort.work() == 0  # it is somebody's
    cohort.ask(ASHA)
    keys = {"user_ids": [ASHA.user_id], "batch_ids": [cohort.batch_id]}
    assert cohort.service.run(db.all(pool, issue.LockedRow, issue.Q.hold_claimed, claim="me", **keys)) == []
    assert cohort.work() == 1
    assert len(cohort.certificates()) == 1


def test_a_learner_who_fails_harms_nobody_and_is_parked_in_the_end(cohort: Cohort) -> None:
    for person in EVERYBODY:
        cohort.enrol(person)
    cohort.service.sql(
        "INSERT INTO sandbox_person (user_id, first_name) VALUES ($1, '')", f"nameless-{cohort.batch_id}"
    )
    cohort.put(f"nameless-{cohort.batch_id}", 2, {})
    cohort.attach()
    cohort.work()
    assert len(cohort.certificates()) == len(EVERYBODY)
    pauses = []
    for _ in range(cohort.service.config.certificate_attempts - 1):
        (row,) = cohort.due()
        pauses.append(row["due_at"] - cohort.service.clock.now())
        cohort.service.clock.move(seconds=4000)
        cohort.work()
    (row,) = cohort.due()
    assert row["parked"]
    assert row["error"] == "The user service knows no name of this learner."
    assert pauses[0] < timedelta(seconds=3) < timedelta(minutes=10) < pauses[-1]


def test_learners_who_score_while_they_are_evaluated_block_nobody(service: Running) -> None:
    """Progress locks the enrolment and then the due row; issuing the other way would deadlock with it."""
    cohort = new_cohort(service)
    fill(cohort)
    pool = service.services.pool

    async def score(user_id: str) -> None:
        async with pool.acquire() as conn, conn.transaction():
            await conn.execute(
                "UPDATE enrolment SET revision = revision + 1 WHERE user_id = $1 AND batch_id = $2",
                user_id,
                cohort.batch_id,
            )
            await conn.execute(
                """INSERT INTO certificate_due (user_id, batch_id, due_at, reason) VALUES ($1, $2, now(), 'score')
                   ON CONFLICT (user_id, batch_id) DO UPDATE SET due_at = EXCLUDED.due_at, claim = NULL""",
                user_id,
                cohort.batch_id,
            )

    async def together() -> None:
        issuing = asyncio.create_task(jobs.issue_due(service.services))

        async def keep_scoring(first: int) -> None:
            while not issuing.done():
                for n in range(first, LEARNERS, 6):
                    await score(f"learner-{cohort.batch_id}-{n:03d}")

        await asyncio.gather(issuing, *(keep_scoring(first) for first in range(6)))

    service.run(together())
    cohort.work()
    check(cohort)
