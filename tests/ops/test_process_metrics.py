"""A scrape never fails for a file that a process has not finished, or has left behind."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from lernbatch.ops.gauges import WholeFiles

COUNTING = """
from lernbatch import metrics
for number in range(200):
    metrics.answered(f"GET /v1/{number}", 200, 0.1)
metrics.POOL_SIZE.set(3)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files of one process that has counted."""
    environment = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run([sys.executable, "-c", COUNTING], env=environment, check=True)
    return tmp_path


def scraped(folder: Path) -> str:
    registry = CollectorRegistry()
    WholeFiles(registry, str(folder))
    return generate_latest(registry).decode()


def whole(folder: Path) -> bytes:
    return next(folder.glob("counter_*.db")).read_bytes()


UNFINISHED: dict[str, Callable[[bytes], bytes]] = {
    "just made, and empty": lambda _: b"",
    "a part of its first number": lambda _: b"\x10\x00",
    "of its size, and nothing written": lambda file: bytes(len(file)),
    "more used than there is": lambda file: file[:5000],
    "cut within an entry": lambda file: (100).to_bytes(4, "little") + file[4:],
    "something else": lambda _: b"\x40\x00\x00\x00garbage!" * 20,
    "text that is none": lambda file: file[:16] + b"\xff" * 64 + file[80:],
}


@pytest.mark.parametrize("kind", ["counter", "histogram", "gauge_livesum"])
@pytest.mark.parametrize("unfinished", UNFINISHED)
def test_a_file_that_is_not_whole_is_passed_over(unfinished: str, kind: str, folder: Path) -> None:
    before = scraped(folder)
    assert before.count('status="200"') >= 200
    (folder / f"{kind}_4711.db").write_bytes(UNFINISHED[unfinished](whole(folder)))
    assert sorted(scraped(folder).splitlines()) == sorted(before.splitlines())


def test_without_a_file_there_is_nothing(tmp_path: Path) -> None:
    assert scraped(tmp_path) == ""
