"""The last hour minute by minute, from totals that only grow."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram

from lernbatch.ops.recent import Minute, Totals, minutes, totals

INF = float("inf")


def test_the_totals_are_those_of_all_routes() -> None:
    registry = CollectorRegistry()
    requests = Counter("lernbatch_requests_total", "", ["route", "status"], registry=registry)
    seconds = Histogram("lernbatch_request_seconds", "", ["route"], registry=registry, buckets=(0.1, 1))
    for route, status, took in (("/a", "200", 0.05), ("/b", "200", 0.5), ("/b", "503", 5)):
        requests.labels(route, status).inc()
        seconds.labels(route).observe(took)
    assert totals(registry.collect()) == Totals(3, 1, {0.1: 1, 1.0: 2, INF: 3})


@pytest.mark.parametrize(
    ("noted", "expected"),
    [
        ([], []),
        ([Totals(5, 0, {1: 5, INF: 5})], []),
        ([Totals(5, 1, {1: 5, INF: 5}), Totals(105, 3, {1: 105, INF: 105})], [Minute(100, 2, 1)]),
        ([Totals(0, 0, {}), Totals(100, 0, {1: 98, 2: 99, INF: 100})], [Minute(100, 0, 2)]),
        ([Totals(0, 0, {}), Totals(9, 0, {1: 0, 2: 0, INF: 9})], [Minute(9, 0, 2)]),  # slower than the last bound
        ([Totals(9, 9, {1: 9, INF: 9}), Totals(2, 0, {1: 2, INF: 2})], [Minute(0, 0, 0)]),  # a process began again
    ],
)
def test_a_minute_is_what_came_between_two_notes(noted: list[Totals], expected: list[Minute]) -> None:
    assert minutes(noted) == expected
