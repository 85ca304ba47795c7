"""serve, worker and sandbox as processes: ports, several processes, SIGTERM under load, kill -9."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from lernbatch import config
from lernbatch.web.caller import Role
from sandbox import identity
from tests.cli.commands import Installation, Serving, sentence, wait_for
from tests.cli.test_commands import rows
from tests.forked import WAIT_SECONDS
from tests.people import VIKRAM
from tests.postgres_supervisor.servers import postmaster
from tests.seeds import COURSE

CLIENTS = 4
LATER = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()
NEW_BATCH = {"courseId": COURSE, "name": "June", "enrollmentType": "open", "startDate": LATER}


def token(installation: Installation) -> dict[str, str]:
    minted = identity.mint(
        installation.home,
        config.Config(),
        VIKRAM.user_id,
        now=datetime.now(UTC),
        roles=[Role("CONTENT_CREATOR", frozenset({VIKRAM.org_id}))],
    )
    return {"X-Authenticated-User-Token": minted}


def create_until_refused(url: str, headers: dict[str, str], created: list[str]) -> None:
    """Create batches until the connection ends. Any other answer than success fails the test."""
    with httpx.Client(base_url=url, headers=headers, timeout=WAIT_SECONDS) as http, suppress(httpx.TransportError):
        while True:
            answer = http.post("/v1/course/batch/create", json={"request": NEW_BATCH})
            assert answer.status_code == 200, answer.text
            created.append(answer.json()["result"]["batchId"])


def load(serving: Serving, headers: dict[str, str], then: int) -> set[str]:
    """The batches whose creation was answered when `serving` gets the signal `then` in the middle."""
    created: list[str] = []
    with ThreadPoolExecutor(CLIENTS) as pool:
        work = [pool.submit(create_until_refused, serving.url, headers, created) for _ in range(CLIENTS)]
        wait_for(lambda: len(created) > 20)
        serving.process.send_signal(then)
        for done in work:
            done.result(WAIT_SECONDS)
    return set(created)


def stored(installation: Installation) -> set[str]:
    return {row[0] for row in rows(installation.dsn, "SELECT batch_id FROM batch")}


def test_sigterm_under_load_answers_what_is_accepted_and_gives_back_leases(own_installation: Installation) -> None:
    headers = token(own_installation)
    with own_installation.serving("serve") as serving:
        serving.wait_until_ready()
        created = load(serving, headers, signal.SIGTERM)
        assert serving.process.wait(WAIT_SECONDS) == 0
    assert stored(own_installation) == created
    assert rows(own_installation.dsn, "SELECT kind FROM job WHERE leased_by IS NOT NULL") == []


@pytest.mark.real
def test_kill_9_under_load_loses_no_answered_request(own_installation: Installation) -> None:
    headers = token(own_installation)
    with own_installation.serving("serve") as serving:
        serving.wait_until_ready()
        created = load(serving, headers, signal.SIGKILL)
    assert created <= stored(own_installation)
    assert len(stored(own_installation)) <= len(created) + CLIENTS


def test_readyz_fails_while_the_door_is_still_open(own_installation: Installation) -> None:
    draining = replace(own_installation, settings={"LERNBATCH_DRAIN_SECONDS": "600"})
    with draining.serving("serve", "--no-jobs") as serving:
        serving.wait_until_ready()
        serving.process.send_signal(signal.SIGTERM)
        wait_for(lambda: serving.get("/readyz") == 503)
        assert serving.get("/livez") == 200
        assert serving.stop() == 0  # the second signal ends the wait


@pytest.mark.real
def test_several_processes_share_a_port_and_end_with_the_one_that_started_them(own_installation: Installation) -> None:
    def children() -> set[int]:
        pid = serving.process.pid
        return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))

    with own_installation.serving("serve", "--workers", "2") as serving:
        serving.wait_until_ready()
        wait_for(lambda: len(children()) == 3)  # two that answer, one for reports
        before = children()
        status = Path(f"/proc/{serving.process.pid}/status").read_text()
        assert int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0]) < 30 * 1024  # of the parent, which only watches
        os.kill(min(before), signal.SIGKILL)
        wait_for(lambda: len(children()) == 3 and children() != before)  # the dead one is replaced
        serving.wait_until_ready()
        counted = httpx.get(f"{serving.url}/metrics").text
        assert 'lernbatch_requests_total{route="GET /readyz",status="200"}' in counted
        serving.process.kill()
        wait_for(lambda: serving.get("/livez") is None)


@pytest.mark.real
def test_reports_are_made_by_a_process_that_answers_nobody(own_installation: Installation) -> None:
    def state() -> str:
        listed = httpx.get(f"{serving.url}/v1/jobrequest/list/june", headers=headers, timeout=WAIT_SECONDS)
        return str(listed.json()["result"]["jobs"][0]["status"])

    headers = token(own_installation)
    with own_installation.serving("serve", "--workers", "2") as serving:
        serving.wait_until_ready()
        pid = serving.process.pid
        children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        with httpx.Client(base_url=serving.url, headers=headers, timeout=WAIT_SECONDS) as http:
            batch = http.post("/v1/course/batch/create", json={"request": NEW_BATCH}).json()["result"]["batchId"]
            report = {"tag": "june", "dataset": "progress-exhaust", "datasetConfig": {"batchId": batch}}
            assert http.post("/v1/jobrequest/submit", json={"request": report}).status_code == 200
        wait_for(lambda: state() == "SUCCESS")
        ours = os.getpriority(os.PRIO_PROCESS, pid)
        assert sorted(os.getpriority(os.PRIO_PROCESS, child) - ours for child in children) == [0, 0, 10]
        assert serving.stop() == 0


def test_several_processes_stop_together(own_installation: Installation) -> None:
    with own_installation.serving("serve", "--workers", "2") as serving:
        serving.wait_until_ready()
        assert serving.stop() == 0
        assert serving.get("/livez") is None


def test_the_sandbox_answers_over_tcp_on_a_port_of_its_own(own_installation: Installation) -> None:
    with own_installation.serving("sandbox") as serving:
        wait_for(lambda: serving.get(f"/content/v3/read/{COURSE}") == 200)
        done = own_installation.run("serve", "--port", serving.url.rpartition(":")[2])
        assert serving.stop() == 0
    assert done.returncode == 1
    assert "is taken" in sentence(done)


def test_worker_works_on_jobs_until_sigterm(own_installation: Installation) -> None:
    worker = subprocess.Popen(
        [sys.executable, "-m", "lernbatch", "worker"],
        env=own_installation.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for(lambda: rows(own_installation.dsn, "SELECT kind FROM job WHERE last_run_at IS NOT NULL") != [])
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(WAIT_SECONDS) == 0
    finally:
        worker.kill()
        worker.communicate()
    assert rows(own_installation.dsn, "SELECT kind FROM job WHERE leased_by IS NOT NULL") == []


@pytest.mark.real
def test_a_running_service_brings_its_killed_database_back_without_filling_its_log(tmp_path: Path) -> None:
    """Several processes of one service, too, which connect anew; the log is read while the service runs."""
    embedded = Installation(tmp_path, None, {})
    errors = tmp_path / "errors"
    with errors.open("w") as log, embedded.serving("serve", "--workers", "2", errors=log) as serving:
        serving.wait_until_ready()
        for _ in range(2):
            os.kill(server := postmaster(tmp_path) or 0, signal.SIGKILL)
            wait_for(lambda server=server: postmaster(tmp_path) not in (None, server))
            serving.wait_until_ready()
            wait_for(lambda: serving.get("/v1/course/batch/read/none") == 401)  # whichever process answers
        assert "was started again" in errors.read_text()
        assert serving.stop() == 0
    lines = [json.loads(line) for line in errors.read_text().splitlines() if line.startswith("{")]
    a_minute = Counter((line["event"], line["timestamp"][:16]) for line in lines)
    assert max(a_minute.values()) <= 60  # a few of each class of error, from four processes
    wait_for(lambda: postmaster(tmp_path) is None)


def test_a_killed_service_leaves_no_database_server(tmp_path: Path) -> None:
    embedded = Installation(tmp_path, None, {})
    with embedded.serving("serve") as serving:
        serving.wait_until_ready()
        serving.process.kill()
        wait_for(lambda: postmaster(tmp_path) is None)


@pytest.mark.real
def test_commands_at_once_share_the_embedded_server(tmp_path_factory: pytest.TempPathFactory) -> None:
    embedded = Installation(tmp_path_factory.mktemp("e"), None, {})
    with embedded.serving("serve") as first, embedded.serving("serve") as second:
        first.wait_until_ready()
        second.wait_until_ready()
        assert embedded.run("migrate").stdout == "Nothing to migrate.\n"
        assert first.stop() == 0
        assert second.get("/readyz") == 200
        assert second.stop() == 0
