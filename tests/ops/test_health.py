"""Health for clients of the reference, readiness for load balancers, and the gate (contract batches §1.7)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest

from tests.cli.commands import wait_for
from tests.people import VIKRAM
from tests.running import Running, named, running

CHECKS = ["lms-service", "Actor service", "Cassandra service", "Elastic search service", "Content service"]


@contextmanager
def away(dsn: str) -> Iterator[None]:
    """The database behind `dsn` takes nobody in, and has thrown everybody out, until the block ends."""
    name = urlsplit(dsn).path[1:]
    asyncio.run(_execute(dsn, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
    asyncio.run(_execute(dsn, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"))
    try:
        yield
    finally:
        asyncio.run(_execute(dsn, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true"))


async def _execute(dsn: str, statement: str) -> None:
    conn = await asyncpg.connect(named(dsn, "lernbatch"))
    try:
        await conn.execute(statement)
    finally:
        await conn.close()


def unhealthy(answer: httpx.Response) -> list[str]:
    """The names of the checks that failed."""
    assert answer.status_code == 200
    told = answer.json()["result"]["response"]
    failed = [check for check in told["checks"] if not check["healthy"]]
    assert told["healthy"] is (not failed)
    assert {check["err"] for check in failed} <= {"CONNECTION_ERROR"}
    assert {check["errmsg"] for check in failed} <= {"Connection error"}
    return [check["name"] for check in failed]


def metric(service: Running, name: str) -> float:
    page = service.call("GET", "/metrics").text
    return float(next(line.split()[1] for line in page.splitlines() if line.startswith(f"{name} ")))


def test_health_names_what_clients_of_the_reference_know(service: Running) -> None:
    answer = service.call("GET", "/health", headers={"X-msgId": "m-1"})
    body = answer.json()
    assert (body["id"], body["ver"], body["params"]["msgid"]) == ("api.all.health", "health", "m-1")
    told = body["result"]["response"]
    assert (told["name"], told["healthy"]) == ("Complete health check api", True)
    assert told["checks"] == [{"name": name, "healthy": True, "err": "", "errmsg": ""} for name in CHECKS]


def test_health_of_the_service_alone_has_an_envelope_of_its_own(service: Running) -> None:
    answer = service.call("GET", "/service/health", headers={"X-msgId": "m-1"})
    body = answer.json()
    assert list(body) == ["id", "ver", "ts", "params", "responseCode", "result"]
    assert (body["id"], body["ver"], body["params"]) == ("learner.service.health.api", "service", None)
    assert body["ts"].startswith("20")  # the time, not the message id as in the reference (defect 38)
    assert answer.headers["X-Request-ID"] == "m-1"
    assert body["result"]["response"] == {
        "name": "Learner service health",
        "healthy": True,
        "checks": [{"name": "Learner service", "healthy": True, "err": "", "errmsg": ""}],
    }


def test_without_a_database_the_service_is_alive_but_not_ready_nor_healthy(tmp_path: Path, dsn: str) -> None:
    with running(tmp_path, dsn) as service:
        with away(dsn):
            assert service.call("GET", "/livez").status_code == 200
            assert service.call("GET", "/service/health").json()["result"]["response"]["healthy"] is True
            assert service.call("GET", "/readyz").status_code == 503
            assert unhealthy(service.call("GET", "/health")) == CHECKS[2:]  # the bundled content is in it too
            bugs = metric(service, "lernbatch_bugs_total")
            refused = service.call("GET", "/v1/course/batch/read/0140", VIKRAM)
            assert (refused.status_code, refused.json()["params"]["err"]) == (503, "SERVICE_UNAVAILABLE")
            assert metric(service, "lernbatch_database_failures_total") >= 1
            assert metric(service, "lernbatch_bugs_total") == bugs
        wait_for(lambda: service.call("GET", "/readyz").status_code == 200)
        assert unhealthy(service.call("GET", "/health")) == []


def test_a_content_service_that_does_not_answer_is_unhealthy_and_closes_nothing(tmp_path: Path, dsn: str) -> None:
    with running(tmp_path, dsn, search_url="http://127.0.0.1:1", upstream_attempts=1) as service:
        assert unhealthy(service.call("GET", "/health")) == ["Content service"]
        assert service.call("GET", "/v1/course/batch/read/0140", VIKRAM).status_code == 200
        assert service.call("GET", "/readyz").status_code == 200


def test_the_gate_if_there_is_one_answers_form_g_until_health_is_well(tmp_path: Path, dsn: str) -> None:
    with running(tmp_path, dsn, health_gate_enabled=True) as service:
        assert service.call("GET", "/v1/course/batch/read/0140", VIKRAM).status_code == 200
        with away(dsn):
            assert unhealthy(service.call("GET", "/health")) != []
        closed = service.call("GET", "/v1/course/batch/read/0140", VIKRAM, headers={"X-msgId": "m-1"})
        body = closed.json()
        assert (closed.status_code, body["responseCode"]) == (503, "SERVICE_UNAVAILABLE")
        assert body["params"] == {
            "resmsgid": None,
            "msgid": None,
            "err": None,
            "status": "SERVICE_UNAVAILABLE",
            "errmsg": None,
        }
        assert [service.call("GET", path).status_code for path in ("/service/health", "/livez", "/metrics")] == [
            200
        ] * 3
        wait_for(lambda: unhealthy(service.call("GET", "/health")) == [])
        assert service.call("GET", "/v1/course/batch/read/0140", VIKRAM).status_code == 200


@pytest.mark.parametrize(
    "path", ["/health", "/service/health", "/livez", "/readyz", "/metrics", "/openapi.json", "/docs"]
)
def test_operators_need_no_token_and_a_bad_one_does_not_hurt(service: Running, path: str) -> None:
    assert service.call("GET", path, headers={"X-Authenticated-User-Token": "x.y.z"}).status_code == 200
