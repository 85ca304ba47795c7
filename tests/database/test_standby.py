"""The primary dies under load and its standby takes over: what was acknowledged is there, and nothing twice."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

import sandbox
from lernbatch.database.migrate import migrate
from tests.learning import at, enrolled, item, new_batch, new_learner
from tests.people import VIKRAM, Person
from tests.reporting import Reporting
from tests.running import PATIENCE_SECONDS, Running, running
from tests.seeds import COURSE, seed
from tests.standbys import Server, primary_server, standby_of

ENOUGH = 15  # acknowledged rounds of each writer, before the blow and after it
WRITERS = 3


@dataclass
class Writer:
    """Somebody who writes until told to stop, whatever the answers are; nothing is sent again."""

    service: Running
    batch_id: str
    learner: Person
    stop: threading.Event
    rounds: int = 0  # of which all was acknowledged
    contents: set[str] = field(default_factory=set)  # acknowledged
    enrolled: set[str] = field(default_factory=set)
    batches: set[str] = field(default_factory=set)
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    last_ms: float = 0

    def write(self) -> None:
        with httpx.Client(base_url=self.service.url, timeout=PATIENCE_SECONDS) as http:
            for n in range(100_000):
                if self.stop.is_set():
                    return
                moment = at(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=n))
                report = {"contents": [item(self.batch_id, f"do_{n}", 2, lastAccessTime=moment)]}
                learner, name = new_learner(), f"Batch {uuid4()}"
                enrolment = {"courseId": COURSE, "batchId": self.batch_id}
                today = self.service.clock.today().isoformat()
                batch = {"courseId": COURSE, "name": name, "enrollmentType": "open", "startDate": today}
                done = [
                    self._is_done(
                        http, "PATCH", "/v1/content/state/update", self.learner, report, self.contents, f"do_{n}"
                    ),
                    self._is_done(
                        http, "POST", "/v1/course/enroll", learner, enrolment, self.enrolled, learner.user_id
                    ),
                    self._is_done(http, "POST", "/v1/course/batch/create", VIKRAM, batch, self.batches, name),
                ]
                self.rounds += all(done)

    def _is_done(
        self, http: httpx.Client, method: str, path: str, person: Person, sent: Any, done: set[str], what: str
    ) -> bool:
        answer = http.request(method, path, headers=self.service.headers(person), json={"request": sent})
        self.answers[path, answer.status_code] += 1
        if answer.status_code == 200:
            done.add(what)
        else:
            assert answer.status_code == 503, answer.text
            assert answer.headers["retry-after"] == "1"
            assert answer.json()["params"]["err"] == "SERVICE_UNAVAILABLE"
        return answer.status_code == 200


async def prepare(dsn: str) -> None:
    await migrate(dsn)
    await migrate(dsn, sandbox.MIGRATIONS)
    await seed(dsn)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return tmp_path_factory.mktemp("pair")


@pytest.fixture(scope="module")
def primary(home: Any) -> Iterator[Server]:
    with primary_server(home / "primary") as server:
        asyncio.run(prepare(server.dsn()))
        yield server


@pytest.fixture(scope="module")
def standby(primary: Server, home: Any) -> Iterator[Server]:
    with standby_of(primary, home / "standby") as server:
        yield server


@pytest.fixture(scope="module")
def service(primary: Server, standby: Server, home: Any) -> Iterator[Running]:
    """A service that knows both, the standby first, and reads reports from whichever is a standby."""
    both = standby.dsn(primary)
    settings = {"reports_database_url": both, "reports_lag_seconds": PATIENCE_SECONDS}
    with running(home / "service", both, pool_wait_seconds=1, jobs_enabled=True, **settings) as service:
        yield service


def await_rounds(writers: list[Writer], futures: list[Any]) -> None:
    before, deadline = [writer.rounds for writer in writers], time.monotonic() + PATIENCE_SECONDS
    while any(writer.rounds < rounds + ENOUGH for writer, rounds in zip(writers, before, strict=True)):
        for future in futures:
            if future.done():
                future.result()
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextmanager
def replay_paused(standby: Server, service: Running, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The standby falls behind, more than a report allows."""
    monkeypatch.setattr(service.services.reports, "lag_seconds", 0.1)
    standby.ask("SELECT pg_wal_replay_pause()")
    try:
        yield
    finally:
        standby.ask("SELECT pg_wal_replay_resume()")
        service.services.reports._left_alone_until = 0


def finished_report(service: Running) -> dict[str, Any]:
    """What the manifest says of the file of a new report, about a batch whose learner has just been put there."""
    reporting = Reporting(service)
    reporting.enrol(new_learner())
    assert reporting.submit().status_code == 200
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (job := reporting.jobs()[0])["status"] not in ("SUCCESS", "FAILED"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert job["status"] == "SUCCESS", job
    (file,) = service.http.get(job["manifestUrl"].removeprefix(service.config.base_url)).json()["files"]
    assert file["rowCount"] == 1
    result: dict[str, Any] = file
    return result


def test_a_report_is_read_from_the_standby_and_says_how_far_it_was_behind(service: Running) -> None:
    file = finished_report(service)
    assert 0 <= file["standbyLagSeconds"] < PATIENCE_SECONDS


def test_a_report_and_a_page_are_read_from_the_primary_while_the_standby_is_behind(
    standby: Server, service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch_id = new_batch(service)
    with replay_paused(standby, service, monkeypatch):
        file = finished_report(service)
        assert "standbyLagSeconds" not in file
        learner = enrolled(service, batch_id)
        asked = {"batchId": batch_id}
        answer = service.call("POST", "/v1/course/batch/learners", VIKRAM, asked).json()["result"]
        assert learner.user_id in str(answer)


def test_a_learner_is_in_the_table_as_soon_as_enrolled_wherever_it_is_read(service: Running) -> None:
    batch_id = new_batch(service)
    for _ in range(5):
        learner = enrolled(service, batch_id)
        answer = service.call("POST", "/v1/course/batch/learners", VIKRAM, {"batchId": batch_id}).json()["result"]
        assert learner.user_id in str(answer)
    assert service.services.reports.standby is not None
    assert service.services.reports.standby.get_size() > 0


def test_no_acknowledged_write_is_lost_or_done_twice(primary: Server, standby: Server, service: Running) -> None:
    batch_id, stop = new_batch(service), threading.Event()
    writers = [Writer(service, batch_id, new_learner(), stop) for _ in range(WRITERS)]
    for writer in writers:
        enrolment = {"courseId": COURSE, "batchId": batch_id}
        assert service.call("POST", "/v1/course/enroll", writer.learner, enrolment).status_code == 200
    with ThreadPoolExecutor(WRITERS) as threads:
        futures = [threads.submit(writer.write) for writer in writers]
        try:
            await_rounds(writers, futures)
            primary.kill()
            assert service.call("GET", "/readyz").status_code == 503
            standby.ask("SELECT pg_promote()")
            await_rounds(writers, futures)
        finally:
            stop.set()
        for future in futures:
            future.result()
    assert service.call("GET", "/readyz").status_code == 200
    health = service.call("GET", "/health").json()["result"]["response"]
    assert health["healthy"], "without a standby the primary is read"
    assert [check["name"] for check in health["checks"] if not check["healthy"]] == ["Reports database"]
    assert "standbyLagSeconds" not in finished_report(service)
    names = Counter(row["name"] for row in service.sql("SELECT name FROM batch WHERE name LIKE 'Batch %'"))
    assert max(names.values()) == 1
    people = {row["user_id"] for row in service.sql("SELECT user_id FROM enrolment WHERE batch_id = $1", batch_id)}
    for writer in writers:
        assert writer.batches <= names.keys()
        assert writer.enrolled <= people
        (row,) = service.sql("SELECT states FROM enrolment WHERE user_id = $1", writer.learner.user_id)
        assert writer.contents <= row["states"].keys()
