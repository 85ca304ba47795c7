"""A cluster of Patroni under load: its primary is switched, then killed, and comes back as a standby."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import asyncpg
import pytest

from lernbatch.database import hosts
from tests.real.patroni import Cluster
from tests.running import PATIENCE_SECONDS, Running, running
from tests.seeds import migrate_and_seed
from tests.writers import assert_nothing_lost_or_twice, finished_report, writing


@pytest.fixture(scope="module")
def service(patroni: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    asyncio.run(migrate_and_seed(patroni.dsn()))
    home, settings = tmp_path_factory.mktemp("service"), {"reports_database_url": patroni.dsn()}
    with running(home, patroni.dsn(), jobs_enabled=True, reports_lag_seconds=PATIENCE_SECONDS, **settings) as service:
        yield service


def is_away(service: Running) -> list[str]:
    checks = service.call("GET", "/health").json()["result"]["response"]["checks"]
    return [check["name"] for check in checks if not check["healthy"]]


async def write_directly(dsn: str) -> None:
    """Write to the cluster as soon as it lets anybody."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            conn = await hosts.connect(dsn)
            try:
                await conn.execute("CREATE TABLE written_directly ()")
                return
            finally:
                conn.terminate()
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)


def test_an_operator_switches_the_primary_under_load(patroni: Cluster, service: Running) -> None:
    before = patroni.primary()
    with writing(service) as (batch_id, writers, await_rounds):
        await_rounds()
        patroni.switch_over()
        await_rounds()
    assert patroni.primary() is not before
    assert_nothing_lost_or_twice(service, batch_id, writers)


def test_the_primary_dies_under_load_and_comes_back_as_a_standby(
    patroni: Cluster, service: Running, measured: list[str]
) -> None:
    patroni.standby()
    before = patroni.primary()
    with writing(service) as (batch_id, writers, await_rounds):
        await_rounds()
        killed_at = time.monotonic()
        before.kill()
        asyncio.run(write_directly(patroni.dsn()))
        cluster_seconds = time.monotonic() - killed_at
        await_rounds()
    assert patroni.primary() is not before
    assert_nothing_lost_or_twice(service, batch_id, writers)
    pause = max(writer.longest_pause_seconds for writer in writers)
    measured.append(
        f"The cluster took a write {cluster_seconds:.1f} s after its primary died; "
        f"a writer was without an acknowledged round for {pause:.1f} s."
    )
    assert is_away(service) == ["Reports database"]
    assert "standbyLagSeconds" not in finished_report(service)
    before.start()
    assert patroni.standby() is before
    service.services.reports._left_alone_until = 0
    assert "standbyLagSeconds" in finished_report(service)
    assert is_away(service) == []
