"""Of a living source what needs none: ranges, pace, addresses, and the driver that is not there. See tests/real."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lernbatch.sunbird_source.files import NoSource
from lernbatch.sunbird_source.live import CASSANDRA, YUGABYTE, split
from lernbatch.sunbird_source.opening import open_source
from lernbatch.sunbird_source.pace import SourcePace

TOKENS = st.integers(-(2**63), 2**63 - 1)


@given(st.sets(TOKENS, max_size=20), st.integers(1, 500))
def test_m10_a_ring_is_split_at_its_tokens_and_between_them(tokens: set[int], parts: int) -> None:
    ring = sorted({CASSANDRA.lowest, CASSANDRA.highest, *tokens})
    bounds = split(ring, parts)
    assert bounds == sorted({*bounds})
    assert {*ring} <= {*bounds}
    assert max(high - low for low, high in pairwise(bounds)) * parts <= ring[-1] - ring[0] + 2 * parts
    assert len(bounds) <= parts + len(ring) + 1


def test_m10_the_hashes_of_yugabytedb_are_split_too() -> None:
    assert split([YUGABYTE.lowest, YUGABYTE.highest], 4) == [-1, 16383, 32767, 49151, 65535]
    assert len(split([YUGABYTE.lowest, YUGABYTE.highest], 10**6)) == 65_537


class Watch:
    """A clock that moves when it is waited for."""

    def __init__(self) -> None:
        self.seconds, self.waited = 1000.0, 0.0

    def now(self) -> float:
        return self.seconds

    def wait(self, seconds: float) -> None:
        self.seconds += seconds
        self.waited += seconds


def read_pages(pace: SourcePace, watch: Watch, pages: int, latency: float) -> float:
    """The rows a second that came of reading pages of 1,000 rows."""
    began = watch.seconds
    for _ in range(pages):
        watch.seconds += latency
        pace.took(1000, latency)
    return pages * 1000 / (watch.seconds - began)


def test_m62_no_more_rows_come_in_a_second_than_are_allowed() -> None:
    watch = Watch()
    assert read_pages(SourcePace(20_000, watch.now, watch.wait), watch, 400, 0.01) == pytest.approx(20_000, rel=0.06)


def test_m62_a_source_that_is_slower_than_that_is_not_waited_for() -> None:
    watch = Watch()
    read_pages(SourcePace(20_000, watch.now, watch.wait), watch, 100, 0.2)
    assert watch.waited < 0.1  # which the first page may take


def test_m62_half_of_it_while_the_source_answers_half_as_fast_as_at_first() -> None:
    watch = Watch()
    pace = SourcePace(20_000, watch.now, watch.wait)
    read_pages(pace, watch, 2000, 0.005)  # more than the first minute
    read_pages(pace, watch, 50, 0.02)
    assert pace.is_slow
    assert read_pages(pace, watch, 200, 0.02) == pytest.approx(10_000, rel=0.05)
    read_pages(pace, watch, 50, 0.005)
    assert not pace.is_slow
    assert read_pages(pace, watch, 200, 0.005) == pytest.approx(20_000, rel=0.05)


@pytest.mark.parametrize("text", ["cassandra://", "cassandra://:9042/k", "ycql://host:port/k"])
def test_m10_an_address_that_names_no_cluster_is_refused(text: str) -> None:
    with pytest.raises(NoSource, match="write cassandra://HOST"):
        open_source(text)


def test_m10_without_the_driver_its_extra_is_named() -> None:
    program = (
        "import sys; sys.modules['cassandra'] = None\n"
        "from lernbatch.sunbird_source.opening import open_source\n"
        "try: open_source('cassandra://127.0.0.1:1/')\n"
        "except Exception as refused: print(type(refused).__name__, refused)"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said.startswith("NoDriver ")
    assert "pip install 'lernbatch[cassandra]'" in said
