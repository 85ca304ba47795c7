"""Memory of the service under state updates, minute by minute: `python -m bench memory`."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import database, hot_path
from bench.generator import Plan

MINUTE = 60.0


def main() -> None:
    asked = argparse.ArgumentParser(prog="bench memory", description=__doc__)
    asked.add_argument("--minutes", type=int, default=10)
    asked.add_argument("--enrolments", type=int, default=1_000_000)
    asked.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    given = asked.parse_args()
    size = database.Size(given.enrolments, 20)
    with database.loaded(size) as (home, _):
        _watch(home, size, given.minutes, given.workers)


def _watch(home: Path, size: database.Size, minutes: int, workers: int) -> None:
    learners = hot_path.tokens(home, size.active_learners)
    table = Table("minute", "updates/s", "p99 ms", "largest process, MiB")
    with hot_path.serving(home, workers) as (port, process):
        for minute in range(1, minutes + 1):
            plan = Plan("update", "127.0.0.1", port, 64, MINUTE, size.contents, learners)
            measured = hot_path.generate(home, plan)
            table.add_row(
                str(minute),
                f"{measured['rate']:,.0f}",
                f"{measured['p99_ms']:.1f}",
                f"{hot_path.memory_of(process):.0f}",
            )
    Console(width=100).print(table)
