"""How fast a living source is read."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

_FIRST_SECONDS = 60.0  # in which it is learnt how quick the source is when nobody hurries it
_SLOW = 2.0  # times that, from which on it is read half as fast
_WEIGHT = 0.1  # of a new latency in the mean of the last ones


@dataclass
class SourcePace:
    """Keeps reading at `rows_per_second`, and at half of it while the source answers half as fast as in the beginning.

    `now` gives seconds, `wait` takes them.
    """

    rows_per_second: float
    now: Callable[[], float] = time.monotonic
    wait: Callable[[float], None] = time.sleep
    _began: float | None = None
    _free_at: float = 0.0
    _first: list[float] = field(default_factory=lambda: [0.0, 0.0])  # sum and count of the first latencies
    _latest: float = 0.0

    @property
    def is_slow(self) -> bool:
        total, count = self._first
        return bool(count) and self._latest > _SLOW * total / count

    def took(self, rows: int, latency_seconds: float) -> None:
        """A page of `rows` came after `latency_seconds`; waits until the next one may be asked for."""
        now = self.now()
        if self._began is None:
            self._began, self._free_at, self._latest = now, now, latency_seconds
        self._latest += _WEIGHT * (latency_seconds - self._latest)
        if now - self._began < _FIRST_SECONDS:
            self._first = [self._first[0] + latency_seconds, self._first[1] + 1]
        allowed = self.rows_per_second / (2 if self.is_slow else 1)
        self._free_at = max(self._free_at, now - 1.0) + rows / allowed  # a second of slack, no more
        if self._free_at > now:
            self.wait(self._free_at - now)
