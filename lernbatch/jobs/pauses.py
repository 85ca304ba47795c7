"""How long to wait before something that failed is tried again."""

from __future__ import annotations

from datetime import timedelta

_DOUBLINGS = 20  # twelve days; more would only make numbers that no bound needs


def pause_after(failures: int, longest: timedelta) -> timedelta:
    """The pause after that many failures in a row: 1 s, 2 s, 4 s … up to `longest`. `failures`: from 0."""
    return min(timedelta(seconds=2.0 ** min(failures, _DOUBLINGS)), longest)
