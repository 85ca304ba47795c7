"""People who write to a service while its database fails: what was acknowledged must be there, and nothing twice."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx

from tests.learning import ENROLMENT, at, enrolled, item, new_batch, new_learner
from tests.people import VIKRAM, Person
from tests.reporting import Reporting
from tests.running import PATIENCE_SECONDS, Running
from tests.seeds import COURSE

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
    longest_pause_seconds: float = 0  # between two acknowledged rounds
    contents: set[str] = field(default_factory=set)  # acknowledged
    enrolled: set[str] = field(default_factory=set)
    batches: set[str] = field(default_factory=set)
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)

    def write(self) -> None:
        with httpx.Client(base_url=self.service.url, timeout=PATIENCE_SECONDS) as http:
            done_at = time.monotonic()
            for n in range(100_000):
                if self.stop.is_set():
                    return
                moment = at(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=n))
                report = {"contents": [item(self.batch_id, f"do_{n % 500}", 2, lastAccessTime=moment)]}
                learner, name = new_learner(), f"Batch {uuid4()}"
                enrolment = {"courseId": COURSE, "batchId": self.batch_id}
                today = self.service.clock.today().isoformat()
                batch = {"courseId": COURSE, "name": name, "enrollmentType": "open", "startDate": today}
                done = [
                    self._is_done(
                        http, "PATCH", "/v1/content/state/update", self.learner, report, self.contents, f"do_{n % 500}"
                    ),
                    self._is_done(
                        http, "POST", "/v1/course/enroll", learner, enrolment, self.enrolled, learner.user_id
                    ),
                    self._is_done(http, "POST", "/v1/course/batch/create", VIKRAM, batch, self.batches, name),
                ]
                if all(done):
                    self.rounds += 1
                    done_at, before = time.monotonic(), done_at
                    self.longest_pause_seconds = max(self.longest_pause_seconds, done_at - before)

    def _is_done(
        self, http: httpx.Client, method: str, path: str, person: Person, sent: Any, done: set[str], what: str
    ) -> bool:
        answer = http.request(method, path, headers=self.service.headers(person), json={"request": sent})
        self.answers[path, answer.status_code] += 1
        if answer.status_code == 200:
            done.add(what)
        else:
            error = answer.json()["params"]["err"]
            if error == "SERVICE_UNAVAILABLE":
                assert answer.status_code == 503
                assert answer.headers["retry-after"] == "1"
            else:  # the sandbox, which stands for the content service, is away with the database that they share
                assert (path, error) == ("/v1/course/batch/create", "INVALID_COURSE_ID"), answer.text
        return answer.status_code == 200


@contextmanager
def writing(service: Running) -> Iterator[tuple[str, list[Writer], Callable[[], None]]]:
    """WRITERS of a new batch, until the block ends; and what waits until all have had ENOUGH more acknowledged."""
    batch_id, stop = new_batch(service), threading.Event()
    writers = [Writer(service, batch_id, enrolled(service, batch_id), stop) for _ in range(WRITERS)]
    with ThreadPoolExecutor(WRITERS) as threads:
        futures = [threads.submit(writer.write) for writer in writers]

        def await_rounds() -> None:
            before, deadline = [writer.rounds for writer in writers], time.monotonic() + PATIENCE_SECONDS
            while any(writer.rounds < rounds + ENOUGH for writer, rounds in zip(writers, before, strict=True)):
                for future in futures:
                    if future.done():
                        future.result()
                assert time.monotonic() < deadline
                time.sleep(0.02)

        try:
            yield batch_id, writers, await_rounds
        finally:
            stop.set()
        for future in futures:
            future.result()


def assert_nothing_lost_or_twice(service: Running, batch_id: str, writers: list[Writer]) -> None:
    names = Counter(row["name"] for row in service.sql("SELECT name FROM batch WHERE name LIKE 'Batch %'"))
    assert max(names.values()) == 1
    people = {row["user_id"] for row in service.sql("SELECT user_id FROM enrolment WHERE batch_id = $1", batch_id)}
    for writer in writers:
        assert writer.batches <= names.keys()
        assert writer.enrolled <= people
        (row,) = service.sql(f"{ENROLMENT} WHERE user_id = $1", writer.learner.user_id)
        assert writer.contents <= row["states"].keys()


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
    file: dict[str, Any]
    (file,) = service.http.get(job["manifestUrl"].removeprefix(service.config.base_url)).json()["files"]
    assert file["rowCount"] == 1
    return file
