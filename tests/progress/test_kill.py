"""The process and the database are killed under load: what was acknowledged is there, and nothing is there twice."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import msgspec
import pytest

from lernbatch.config import Config
from postgres_supervisor import embedded
from sandbox import identity
from tests.cli.commands import Installation, wait_for
from tests.learning import at, item
from tests.seeds import COURSE, QUIZ, answer, migrate_and_seed

BATCH = "0140000000000000001"
LEARNERS = 6
ENOUGH = 60  # acknowledged updates before the blow
MOST = 240  # contents of one learner: a row has a bound for those that the course does not have, and for attempts
FAST = {"fsync": "off"}  # the machine itself does not fail, so its memory of files is as good as its disk


@dataclass
class Learner:
    """Somebody whose phone reports one content after the other, each twice, and every tenth time an attempt."""

    number: int
    token: str
    contents: set[str] = field(default_factory=set)  # acknowledged
    attempts: set[str] = field(default_factory=set)

    @property
    def user_id(self) -> str:
        return f"learner-{self.number}"

    def report_until_refused(self, url: str) -> None:
        headers = {"X-Authenticated-User-Token": self.token}
        with httpx.Client(base_url=url, headers=headers, timeout=300) as http, suppress(httpx.TransportError):
            for n in range(MOST):
                name, sent = self._assessment(n) if n % 10 == 0 else self._content(n)
                for _ in range(2):
                    reply = http.patch("/v1/content/state/update", json={"request": sent})
                    if reply.status_code != 200:
                        return
                    assert "SUCCESS" in reply.text, (n, sent, reply.text)
                    (self.attempts if n % 10 == 0 else self.contents).add(name)

    def _content(self, n: int) -> tuple[str, dict[str, Any]]:
        moment = at(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=n))
        return f"do_{n}", {"contents": [item(BATCH, f"do_{n}", 2, lastAccessTime=moment)]}

    def _assessment(self, n: int) -> tuple[str, dict[str, Any]]:
        sent = {"assessmentTs": n + 1, "courseId": COURSE, "contentId": QUIZ, "batchId": BATCH, "userId": "me"}
        return f"a{n}", {"assessments": [{**sent, "attemptId": f"a{n}", "events": [answer(1, 1.0)]}]}


def learners(home: Path) -> list[Learner]:
    now = datetime.now(UTC)
    return [Learner(n, identity.mint(home, Config(home=home), f"learner-{n}", now=now)) for n in range(LEARNERS)]


async def prepare(dsn: str) -> None:
    """A running batch with the learners in it."""
    conn = await asyncpg.connect(dsn)
    await conn.execute(
        """INSERT INTO batch (batch_id, course_id, name, enrolment_type, start_date, status, created_at)
           VALUES ($1, $2, 'June', 'open', current_date - 5, 1, now())""",
        BATCH,
        COURSE,
    )
    await conn.execute(
        """INSERT INTO enrolment (user_id, batch_id, course_id, active, enrolled_at, updated_at)
           SELECT 'learner-' || n, $1, $2, true, now(), now() FROM generate_series(0, $3::int - 1) AS n""",
        BATCH,
        COURSE,
        LEARNERS,
    )
    await conn.close()


async def stored(dsn: str) -> dict[str, tuple[dict[str, Any], dict[str, Any], int]]:
    """Learner → states, scores, and the number of attempts."""
    conn = await asyncpg.connect(dsn)
    rows = await conn.fetch(
        """SELECT user_id, coalesce(states_text, states::text) AS states, scores::text,
                  (SELECT count(*) FROM attempt a WHERE a.user_id = e.user_id) AS attempts
             FROM enrolment e"""
    )
    await conn.close()
    return {
        row["user_id"]: (msgspec.json.decode(row["states"]), msgspec.json.decode(row["scores"]), row["attempts"])
        for row in rows
    }


def load(url: str, people: list[Learner], blow: Callable[[], None]) -> None:
    """Everybody reports; in the middle of it `blow` falls."""
    with ThreadPoolExecutor(LEARNERS) as pool:
        work = [pool.submit(person.report_until_refused, url) for person in people]
        wait_for(lambda: sum(len(person.contents) for person in people) > ENOUGH)
        blow()
        for done in work:
            done.result(600)


def check(dsn: str, people: list[Learner]) -> None:
    """Every acknowledged update is there, and none is there twice."""
    found = asyncio.run(stored(dsn))
    for person in people:
        states, scores, attempts = found[person.user_id]
        assert person.contents <= set(states)
        assert {content_id: state[2] for content_id, state in states.items() if content_id != QUIZ} == dict.fromkeys(
            set(states) - {QUIZ}, 1
        )
        assert len(person.attempts) <= attempts <= len(person.attempts) + 1
        assert scores[QUIZ][2] == attempts


def test_a_killed_process_loses_nothing_that_it_acknowledged(dsn: str, tmp_path: Path) -> None:
    asyncio.run(prepare(dsn))
    installation, people = Installation(tmp_path, dsn, {}), learners(tmp_path)
    with installation.serving("serve", "--no-jobs") as serving:
        serving.wait_until_ready()
        load(serving.url, people, serving.process.kill)
    check(dsn, people)
    reconciled = installation.run("reconcile")
    assert (reconciled.returncode, reconciled.stdout.strip()) == (0, "0 differences")


@pytest.mark.real
def test_a_killed_database_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    programs = os.environ.get("LERNBATCH_PG_BIN")
    server: dict[str, Any] = {"bin_dir": Path(programs) if programs else None, "options": FAST}
    installation, people = Installation(tmp_path, None, {}), learners(tmp_path)
    with embedded.running(tmp_path, **server) as dsn:
        asyncio.run(migrate_and_seed(dsn))
        asyncio.run(prepare(dsn))
        postmaster = int((tmp_path / "postgres/data/postmaster.pid").read_text().split()[0])
        with installation.serving("serve", "--no-jobs") as serving:
            serving.wait_until_ready()
            load(serving.url, people, lambda: os.kill(postmaster, signal.SIGKILL))
        with embedded.running(tmp_path, **server) as recovered:
            check(recovered, people)
            reconciled = installation.run("reconcile")
            assert (reconciled.returncode, reconciled.stdout.strip()) == (0, "0 differences")
