"""The primary dies under load and its standby takes over: what was acknowledged is there, and nothing twice."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.learning import enrolled, new_batch
from tests.people import VIKRAM
from tests.running import PATIENCE_SECONDS, Running, running
from tests.seeds import migrate_and_seed
from tests.standbys import Server, primary_server, standby_of
from tests.writers import assert_nothing_lost_or_twice, finished_report, writing


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return tmp_path_factory.mktemp("pair")


@pytest.fixture(scope="module")
def primary(home: Any) -> Iterator[Server]:
    with primary_server(home / "primary") as server:
        asyncio.run(migrate_and_seed(server.dsn()))
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


@pytest.mark.real
def test_no_acknowledged_write_is_lost_or_done_twice(primary: Server, standby: Server, service: Running) -> None:
    with writing(service) as (batch_id, writers, await_rounds):
        await_rounds()
        primary.kill()
        assert service.call("GET", "/readyz").status_code == 503
        standby.ask("SELECT pg_promote()")
        await_rounds()
    assert service.call("GET", "/readyz").status_code == 200
    health = service.call("GET", "/health").json()["result"]["response"]
    assert health["healthy"], "without a standby the primary is read"
    assert [check["name"] for check in health["checks"] if not check["healthy"]] == ["Reports database"]
    assert "standbyLagSeconds" not in finished_report(service)
    assert_nothing_lost_or_twice(service, batch_id, writers)
