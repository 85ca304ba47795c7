"""The growing pause after failures."""

from __future__ import annotations

from datetime import timedelta

import pytest

from lernbatch.jobs.pauses import pause_after


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [(0, 1), (1, 2), (2, 4), (8, 256), (9, 300), (20, 300), (10_000, 300)],
)
def test_the_pause_doubles_with_every_failure_up_to_its_bound(failures: int, seconds: float) -> None:
    assert pause_after(failures, timedelta(minutes=5)) == timedelta(seconds=seconds)
