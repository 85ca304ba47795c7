"""The hot path against the same SQL without HTTP: `make bench`. Ratios of one run; each figure is a median.

Service, load generator and PostgreSQL share the machine; commits are durable. It stops by itself.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import psutil
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bench import database, pgbench, processor
from bench.generator import Plan
from lernbatch.config import Config
from sandbox import identity

# What is measured: call, connections, and the least share of pgbench's rate that it must reach.
MEASURED = (("update", 64, 1.3), ("read", 64, 0.6), ("list", 64, 0.5), ("enrol", 64, 1.0), ("update", 1, None))


def main() -> None:
    asked = argparse.ArgumentParser(prog="bench", description=__doc__)
    asked.add_argument("--enrolments", type=int, default=1_000_000)
    asked.add_argument("--contents", type=int, default=20)
    asked.add_argument("--rounds", type=int, default=5)
    asked.add_argument("--seconds", type=float, default=4)
    asked.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    asked.add_argument("--calls", default=",".join(dict.fromkeys(call for call, _, _ in MEASURED)))
    given = asked.parse_args()
    size = database.Size(given.enrolments, given.contents)
    with database.loaded(size) as (home, dsn):
        calls = [row for row in MEASURED if row[0] in given.calls.split(",")]
        _measure(home, dsn, size, calls, given)


def _measure(home: Path, dsn: str, size: database.Size, calls: list[Any], given: argparse.Namespace) -> None:
    learners = tokens(home, size.active_learners)
    newcomers = tokens(home, range(database.FIRST_NEWCOMER, database.FIRST_NEWCOMER + database.NEWCOMERS))
    found: dict[str, list[dict[str, float]]] = {}
    with serving(home, given.workers) as (port, process), serving(home, 1, coalescing=False) as (plain, alone):

        def served(call: str, connections: int, at: int, by: psutil.Process) -> dict[str, float]:
            who = newcomers if call == "enrol" else learners
            plan = Plan(call, "127.0.0.1", at, connections, given.seconds, size.contents, who)
            with processor.spent(home, by) as seconds:
                measured = generate(home, plan)
            return measured | {name: spent / measured["count"] * 1e6 for name, spent in seconds.items()}

        def unserved(call: str) -> dict[str, float]:
            with processor.spent(home, None) as seconds:
                measured = pgbench.measure(dsn, pgbench.SCRIPTS[call](size), given.seconds, home)
            return measured | {name: spent / measured["count"] * 1e6 for name, spent in seconds.items()}

        with Progress() as bar:
            task = bar.add_task("measuring", total=given.rounds * len(calls))
            for round_number in range(given.rounds + 1):  # the first warms up
                for call, connections, _ in calls:
                    lone = connections == 1 or pgbench.program() is None
                    without = served(call, connections, plain, alone) if lone else unserved(call)
                    measured = served(call, connections, port, process)
                    if round_number:
                        found.setdefault(f"{call} {connections} without", []).append(without)
                        found.setdefault(f"{call} {connections}", []).append(measured)
                        bar.advance(task)
        memory = memory_of(process)
    _show(calls, found, memory)


def tokens(home: Path, numbers: Iterable[int]) -> list[str]:
    """The tokens of the learners of these numbers."""
    config, now = Config(home=home), datetime.now(UTC)
    return [identity.mint(home, config, database.user_id(number), now=now) for number in numbers]


@contextmanager
def serving(home: Path, workers: int, *, coalescing: bool = True) -> Iterator[tuple[int, psutil.Process]]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "LERNBATCH_HOME": str(home),
        "LERNBATCH_COALESCING_ENABLED": str(coalescing),
        "LERNBATCH_LOG_LEVEL": "warning",
    }
    command = [sys.executable, "-m", "lernbatch", "serve", "--no-jobs", "--port", str(port), "--workers", str(workers)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        _wait(f"http://127.0.0.1:{port}/readyz")
        yield port, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(60)


def _wait(url: str) -> None:
    for _ in range(300):
        try:
            if httpx.get(url).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise RuntimeError(f"{url} does not answer")


def generate(folder: Path, plan: Plan) -> dict[str, float]:
    path = folder / "plan.json"
    path.write_text(json.dumps(asdict(plan)), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "bench.generator", str(path)],
        capture_output=True,
        text=True,
        timeout=plan.seconds + 60,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return dict(json.loads(done.stdout))


def memory_of(process: psutil.Process) -> float:
    """The memory of a service's largest process in MiB."""
    processes = [process, *process.children(recursive=True)]
    return float(max(one.memory_info().rss for one in processes)) / 2**20


def _show(calls: list[Any], found: dict[str, list[dict[str, float]]], memory: float) -> None:
    """Rates are what the machine gave; the ratio by processor time is what remains when others use it, too."""
    table = Table(
        "call",
        "connections",
        "rate/s",
        "p50 ms",
        "p99 ms",
        "without /s",
        "ratio",
        "must reach",
        "service µs",
        "database µs",
        "without: database µs",
    )
    for call, connections, wanted in calls:
        measured, without = found[f"{call} {connections}"], found[f"{call} {connections} without"]

        def middle(of: list[dict[str, float]], name: str) -> float:
            return median(one[name] for one in of)

        ratio = median(one["rate"] / other["rate"] for one, other in zip(measured, without, strict=True))
        table.add_row(
            call,
            str(connections),
            f"{middle(measured, 'rate'):,.0f}",
            f"{middle(measured, 'p50_ms'):.1f}",
            f"{middle(measured, 'p99_ms'):.1f}",
            f"{middle(without, 'rate'):,.0f}",
            f"{ratio:.2f}",
            "-" if wanted is None else f"{wanted:.1f}",
            f"{middle(measured, 'service'):.0f}",
            f"{middle(measured, 'database'):.0f}",
            f"{middle(without, 'database'):.0f}",
        )
    Console(width=140).print(table)
    print("without: the same statements from pgbench, one transaction a request; of one connection: not coalesced")
    print(f"µs: processor time a request; memory of the service's largest process: {memory:.0f} MiB")
