"""An upgrade under load: two processes of the last release are replaced by two of this one, and no request fails."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from lernbatch import config
from lernbatch.web.caller import Role
from sandbox import identity
from tests.cli.commands import Installation, Serving, sentence, wait_for
from tests.cli.test_commands import rows
from tests.forked import WAIT_SECONDS
from tests.people import HOME_ORG, VIKRAM
from tests.running import named
from tests.seeds import COURSE, COURSES, REQUIRED

CLIENTS = 3
ENOUGH = 5  # learners who finish between two steps of the upgrade
HOURS_BEHIND = datetime.now(UTC).hour - 12  # of the zone in which it is noon: no midnight comes in the middle
SETTINGS = {
    "LERNBATCH_TIME_ZONE": f"Etc/GMT{HOURS_BEHIND:+d}",
    "LERNBATCH_DRAIN_SECONDS": "600",  # the second signal ends it, when the balancer has looked elsewhere
}

# What "Before you upgrade" in the changelog says that the new processes have until the last old one is gone.
BESIDE_THOSE_BEFORE = {"LERNBATCH_STATES_AS_TEXT": "false"}


@dataclass
class Balancer:
    """Sends each request to the next process that is in the list, and knows which are under way."""

    urls: list[str] = field(default_factory=list)
    under_way: Counter[str] = field(default_factory=Counter)
    _turns: Iterator[int] = field(default_factory=count)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def chosen(self) -> Iterator[str]:
        with self._lock:
            url = self.urls[next(self._turns) % len(self.urls)]
            self.under_way[url] += 1
        try:
            yield url
        finally:
            with self._lock:
                self.under_way[url] -= 1

    def replace(self, old: Serving, new: Serving) -> None:
        """Add `new` when it is ready; take out `old` when it says that it leaves, and let it end."""
        new.wait_until_ready()
        self.urls.append(new.url)
        old.process.send_signal(signal.SIGTERM)
        wait_for(lambda: old.get("/readyz") == 503)
        with self._lock:
            self.urls.remove(old.url)
        wait_for(lambda: not self.under_way[old.url])
        assert old.stop() == 0


@dataclass
class Load:
    """Learners who enrol and finish, each in a batch of their own; the first answer that is no success ends it."""

    balancer: Balancer
    home: Path
    finished: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self) -> Iterator[None]:
        with ThreadPoolExecutor(CLIENTS) as pool:
            clients = [pool.submit(self._learn) for _ in range(CLIENTS)]
            try:
                yield
            finally:
                self._over.set()
                for client in clients:
                    client.result(WAIT_SECONDS)

    def goes_on(self) -> None:
        """Until some more have finished."""
        until = len(self.finished) + ENOUGH
        wait_for(lambda: len(self.finished) >= until or self._over.is_set())

    def _learn(self) -> None:
        try:
            with httpx.Client(timeout=WAIT_SECONDS) as http:
                while not self._over.is_set():
                    self._finish(http)
        finally:
            self._over.set()

    def _finish(self, http: httpx.Client) -> None:
        today, learner = (datetime.now(UTC) - timedelta(hours=HOURS_BEHIND)).date(), str(uuid4())
        creator, token = self._token(VIKRAM.user_id, "CONTENT_CREATOR"), self._token(learner, "PUBLIC")
        batch = {
            "courseId": COURSE,
            "name": "June",
            "enrollmentType": "open",
            "startDate": today.isoformat(),
            "endDate": (today + timedelta(days=30)).isoformat(),
        }
        batch_id = self._call(http, creator, "POST", "/v1/course/batch/create", batch)["batchId"]
        place = {"courseId": COURSE, "batchId": batch_id}
        self._call(http, token, "POST", "/v1/course/enroll", place)
        for content in REQUIRED:
            contents = [{**place, "contentId": content, "status": 2}]
            self._call(http, token, "PATCH", "/v1/content/state/update", {"userId": learner, "contents": contents})
        courses = self._call(http, token, "GET", f"/v1/user/courses/list/{learner}")["courses"]
        assert [(course["batchId"], course["status"]) for course in courses] == [(batch_id, 2)]  # type: ignore[attr-defined]
        self.finished.append(learner)

    def _token(self, user_id: str, role: str) -> dict[str, str]:
        roles = [Role(role, frozenset({HOME_ORG}))]
        minted = identity.mint(self.home, config.Config(), user_id, now=datetime.now(UTC), roles=roles)
        return {"X-Authenticated-User-Token": minted}

    def _call(
        self, http: httpx.Client, token: dict[str, str], method: str, path: str, request: object = None
    ) -> dict[str, object]:
        with self.balancer.chosen() as url:
            body = None if request is None else {"request": request}
            try:
                answer = http.request(method, url + path, json=body, headers=token)
            except httpx.TransportError as broken:
                raise AssertionError(f"{method} {path} at {url}, of {self.balancer.urls}: {broken!r}") from broken
        assert answer.status_code == 200, f"{method} {path}: {answer.text}"
        result: dict[str, object] = answer.json()["result"]
        return result


@pytest.fixture
def installation(server: str, tmp_path: Path) -> Installation:
    """A home, and a database that has no tables yet."""
    for statement in ("DROP DATABASE IF EXISTS upgraded", "CREATE DATABASE upgraded"):
        rows(server, statement)
    return Installation(tmp_path / "home", named(server, "upgraded"), SETTINGS)


def run_anew(installation: Installation, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """A command of the code that the environment names: a forked one has loaded ours."""
    typed = [sys.executable, "-m", "lernbatch", *map(str, words)]
    return subprocess.run(
        typed, env=installation.environment, capture_output=True, text=True, timeout=WAIT_SECONDS, check=False
    )


@pytest.mark.real
def test_two_processes_are_replaced_under_load_and_no_request_fails(
    installation: Installation, previous: Path, tmp_path: Path
) -> None:
    of_before = Installation(
        installation.home, installation.dsn, {**SETTINGS, "PYTHONPATH": str(previous), "PYTHONSAFEPATH": "1"}
    )
    beside_those_before = replace(installation, settings={**SETTINGS, **BESIDE_THOSE_BEFORE})
    tree = tmp_path / "course.json"
    tree.write_text(json.dumps({"result": {"content": COURSES[0]}}), encoding="utf-8")
    assert run_anew(of_before, "import", "course", tree).returncode == 0
    balancer = Balancer()
    load = Load(balancer, installation.home)
    with ExitStack() as processes:
        first, second = (processes.enter_context(of_before.serving("serve")) for _ in range(2))
        for serving in (first, second):
            serving.wait_until_ready()
            balancer.urls.append(serving.url)
        with load.running():
            load.goes_on()
            third = processes.enter_context(beside_those_before.serving("serve"))
            third.wait_until_ready()  # it has migrated, while those of before went on
            load.goes_on()
            refused = run_anew(of_before, "serve", "--port", "0")
            assert refused.returncode == 1
            assert sentence(refused).startswith("The database was made by a newer version of lernbatch")
            balancer.replace(first, third)
            load.goes_on()
            fourth = processes.enter_context(beside_those_before.serving("serve"))
            balancer.replace(second, fourth)
            load.goes_on()
            balancer.replace(third, processes.enter_context(installation.serving("serve")))
            load.goes_on()
    statuses = rows(installation.dsn, "SELECT user_id, completed_at IS NOT NULL FROM enrolment")
    assert {user_id for user_id, is_complete in statuses if is_complete} >= set(load.finished)
    reconciled = installation.run("reconcile")
    assert reconciled.returncode == 0, reconciled.stdout
