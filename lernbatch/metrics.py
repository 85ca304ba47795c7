"""Counters and timings for Prometheus; the names are part of what operators build on."""

from __future__ import annotations

from functools import cache

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter("lernbatch_requests_total", "Requests answered", ["route", "status"])
LATENCY = Histogram(
    "lernbatch_request_seconds",
    "Time from a request's arrival to its answer",
    ["route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
BUGS = Counter("lernbatch_bugs_total", "Requests and jobs that ended in an error nobody foresaw")
DATABASE_FAILURES = Counter("lernbatch_database_failures_total", "Requests that the database could not serve")
UPSTREAM_FAILURES = Counter("lernbatch_upstream_failures_total", "Calls to other services that failed")
POOL_SIZE = Gauge("lernbatch_pool_connections", "Open database connections", multiprocess_mode="livesum")
POOL_IDLE = Gauge(
    "lernbatch_pool_idle_connections", "Database connections that wait for work", multiprocess_mode="livesum"
)
PROCESSES = Gauge("lernbatch_processes", "Processes of the service", multiprocess_mode="livesum")
MEMORY = Gauge("lernbatch_memory_bytes", "Resident memory of all processes", multiprocess_mode="livesum")
PROCESSOR = Gauge("lernbatch_processor_seconds", "Processor time since the start", multiprocess_mode="livesum")
OPEN_FILES = Gauge("lernbatch_open_files", "Open files and connections", multiprocess_mode="livesum")
BUILD = Gauge("lernbatch_build_info", "1; its labels say what runs", ["version", "python"], multiprocess_mode="livemax")
INBOX_LAG = Gauge(
    "lernbatch_inbox_lag", "Messages of a topic that are not yet in the inbox", ["topic"], multiprocess_mode="livesum"
)
JOB_RUNS = Counter("lernbatch_job_runs_total", "Runs of jobs", ["kind", "outcome"])
JOB_ITEMS = Counter("lernbatch_job_items_total", "Things that jobs did", ["kind"])
JOB_SECONDS = Histogram("lernbatch_job_seconds", "Time of a job's run", ["kind"])
BUSINESS = Counter("lernbatch_events_total", "What happened: enrolments, completions, certificates …", ["event"])


def answered(route: str, status: int, seconds: float) -> None:
    """Count a request, and note how long it took."""
    requests, latency = _of_route(route, status)
    requests.inc()
    latency.observe(seconds)


@cache  # routes and statuses are few; finding a metric by its labels takes longer than counting
def _of_route(route: str, status: int) -> tuple[Counter, Histogram]:
    return REQUESTS.labels(route, status), LATENCY.labels(route)
