"""What Prometheus reads."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from tests.people import VIKRAM
from tests.running import Running


def metrics(service: Running) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every value by its name and labels."""
    page = service.call("GET", "/metrics")
    assert page.headers["content-type"].startswith("text/plain")
    families = text_string_to_metric_families(page.text)
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def value(service: Running, name: str, **labels: str) -> float:
    return metrics(service).get((name, frozenset(labels.items())), 0)


def test_requests_are_counted_and_timed_by_route_and_status_never_by_path(service: Running) -> None:
    route = "GET /v1/course/batch/read/{batch_id}"
    before = value(service, "lernbatch_requests_total", route=route, status="200")
    service.call("GET", "/v1/course/batch/read/no-such-batch", VIKRAM)
    assert value(service, "lernbatch_requests_total", route=route, status="200") == before + 1
    assert value(service, "lernbatch_request_seconds_count", route=route) >= before + 1
    assert "no-such-batch" not in service.call("GET", "/metrics").text


def test_unknown_routes_share_one_label(service: Running) -> None:
    service.call("GET", "/some/made/up/path")
    assert value(service, "lernbatch_requests_total", route="none", status="404") >= 1


def test_the_pool_is_told(service: Running) -> None:
    told = metrics(service)  # once: between two looks the pool may close what it does not need
    idle, size = (told[f"lernbatch_pool_{name}", frozenset()] for name in ("idle_connections", "connections"))
    assert 1 <= idle <= size


def test_queues_are_told_with_their_length_and_lateness(service: Running) -> None:
    before = value(service, "lernbatch_queue_length", queue="outbox", state="waiting")
    parked = value(service, "lernbatch_queue_length", queue="outbox", state="parked")
    service.sql(
        "INSERT INTO outbox (destination, topic, key, payload, created_at, due_at, parked)"
        " SELECT 'nowhere', 't', 'k', '{}', now() - interval '1 hour', now() - interval '1 hour', parked"
        "   FROM unnest(ARRAY[false, false, true]) AS parked"
    )
    assert value(service, "lernbatch_queue_length", queue="outbox", state="waiting") == before + 2
    assert value(service, "lernbatch_queue_length", queue="outbox", state="parked") == parked + 1
    assert value(service, "lernbatch_queue_late_seconds", queue="outbox") >= 3600
    service.sql("DELETE FROM outbox WHERE destination = 'nowhere'")


def test_jobs_are_told_with_their_failures(service: Running) -> None:
    service.sql(
        "INSERT INTO job (kind, next_run_at, leased_by, leased_until, last_run_at, failures)"
        " VALUES ('test.job', now(), 'me', now() + interval '1 minute', now() - interval '5 minutes', 3)"
    )
    assert value(service, "lernbatch_job_running", kind="test.job") == 1
    assert value(service, "lernbatch_job_failures", kind="test.job") == 3
    assert value(service, "lernbatch_job_last_run_seconds", kind="test.job") >= 300
    service.sql("DELETE FROM job WHERE kind = 'test.job'")
