"""The last hour, minute by minute, from what all processes have counted. Each process keeps its own note of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from prometheus_client.core import Metric

MINUTE_SECONDS = 60.0
MINUTES = 60
_SLOWEST = 0.99  # of the requests are answered within that time


@dataclass(frozen=True, slots=True)
class Totals:
    """What was counted since the start. `within`: seconds → how many requests took no longer."""

    requests: float
    failures: float  # those that were answered 5xx
    within: Mapping[float, float]


@dataclass(frozen=True, slots=True)
class Minute:
    """One minute. `p99_seconds`: the bound within which 99 % of its requests were answered; 0: there were none."""

    requests: int
    failures: int
    p99_seconds: float


_NOTED: deque[Totals] = deque(maxlen=MINUTES + 1)


def note(counted: Iterable[Metric]) -> None:
    """Note the totals of this moment, once a minute."""
    _NOTED.append(totals(counted))


def last_hour() -> list[Minute]:
    """At most MINUTES, the oldest first; the first begins when this process was started."""
    return minutes(list(_NOTED))


def totals(counted: Iterable[Metric]) -> Totals:
    """The totals of all routes."""
    requests, failures = 0.0, 0.0
    within: dict[float, float] = {}
    for sample in (sample for metric in counted for sample in metric.samples):
        if sample.name == "lernbatch_requests_total":
            requests += sample.value
            failures += sample.value if sample.labels["status"].startswith("5") else 0
        elif sample.name == "lernbatch_request_seconds_bucket":
            bound = float(sample.labels["le"])
            within[bound] = within.get(bound, 0) + sample.value
    return Totals(requests, failures, within)


def minutes(noted: Sequence[Totals]) -> list[Minute]:
    """What came between two notes. A counter that began again, since a process did, counts as nothing."""
    return [
        Minute(
            max(int(after.requests - before.requests), 0),
            max(int(after.failures - before.failures), 0),
            _p99({bound: count - before.within.get(bound, 0) for bound, count in after.within.items()}),
        )
        for before, after in pairwise(noted)
    ]


def _p99(within: Mapping[float, float]) -> float:
    """By the bounds of the histogram: of the last one, which has no end, the one before."""
    bounds = sorted(within)
    if not bounds or within[bounds[-1]] <= 0:
        return 0
    rank = _SLOWEST * within[bounds[-1]]
    return next((bound for bound in bounds[:-1] if within[bound] >= rank), bounds[-2] if bounds[1:] else 0)
