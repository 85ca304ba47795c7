"""How often somebody may do what costs others something."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from lernbatch.errors import LernbatchError

JOINS_PER_MINUTE = 5  # of one learner


class TooOften(LernbatchError):
    """More than a rate allows; in a minute it may be tried again."""

    http_status = 429
    code = "TOO_MANY_REQUESTS"
    message = "That was tried too often. Please wait a minute."
    retry_after_seconds = 60


class Rate:
    """How often each of many may do something in a minute, as far as this process has seen it."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._minute = 0
        self._counted: Counter[str] = Counter()

    def check(self, who: str, now: datetime) -> None:
        """Count one more of `who`. Raises: TooOften."""
        minute = int(now.timestamp() // 60)
        if minute != self._minute:
            self._minute = minute
            self._counted.clear()
        self._counted[who] += 1
        if self._counted[who] > self._per_minute:
            raise TooOften
