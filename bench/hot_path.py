"""The hot path against the same SQL without HTTP: `make bench`. Ratios of one run; each figure is a median.

Service, load generator and PostgreSQL share the machine; commits are durable. It stops by itself.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import psutil
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bench import database, pgbench
from bench.generator import Plan
from lernbatch.config import Config
from lernbatch.neighbours import identity
from lernbatch.pg import embedded
from lernbatch.pg.migrate import migrate

# What is measured: call, connections, and the least share of pgbench's rate that it must reach.
MEASURED = (("update", 64, 1.3), ("read", 64, 0.6), ("list", 64, 0.5), ("enrol", 64, 1.0), ("update", 1, None))


def main() -> None:
    asked = argparse.ArgumentParser(prog="bench", description=__doc__)
    asked.add_argument("--enrolments", type=int, default=1_000_000)
    asked.add_argument("--contents", type=int, default=20)
    asked.add_argument("--rounds", type=int, default=5)
    asked.add_argument("--seconds", type=float, default=4)
    asked.add_argument("--workers", type=int, default=1)
    asked.add_argument("--calls", default=",".join(dict.fromkeys(call for call, _, _ in MEASURED)))
    given = asked.parse_args()
    size = database.Size(given.enrolments, given.contents)
    with TemporaryDirectory(prefix="bench") as folder, embedded.running(Path(folder)) as dsn:
        began = time.perf_counter()
        asyncio.run(migrate(dsn))
        asyncio.run(database.load(dsn, size))
        print(
            f"{size.enrolments:,} enrolments of {size.contents} contents loaded in {time.perf_counter() - began:.0f} s"
        )
        calls = [row for row in MEASURED if row[0] in given.calls.split(",")]
        _measure(Path(folder), dsn, size, calls, given)


def _measure(home: Path, dsn: str, size: database.Size, calls: list[Any], given: argparse.Namespace) -> None:
    learners = tokens(home, size)
    found: dict[str, list[dict[str, float]]] = {}
    with serving(home, given.workers) as (port, process), serving(home, 1, coalescing=False) as (plain, _):
        with Progress() as bar:
            task = bar.add_task("measuring", total=given.rounds * len(calls) * 2)
            for round_number in range(given.rounds + 1):  # the first warms up
                for call, connections, _ in calls:
                    if pgbench.program() and connections > 1:
                        rate = pgbench.rate(dsn, pgbench.SCRIPTS[call](size), given.seconds, home)
                        measured = {"rate": rate, "p50_ms": 0.0, "p99_ms": 0.0}
                    else:
                        measured = generate(
                            home,
                            Plan(
                                call,
                                "127.0.0.1",
                                plain,
                                connections,
                                given.seconds,
                                size.contents,
                                size.stride,
                                learners,
                            ),
                        )
                    served = generate(
                        home,
                        Plan(call, "127.0.0.1", port, connections, given.seconds, size.contents, size.stride, learners),
                    )
                    if round_number:
                        found.setdefault(f"{call} {connections} plain", []).append(measured)
                        found.setdefault(f"{call} {connections}", []).append(served)
                        bar.advance(task, 2)
        memory = sum(p.memory_info().rss for p in [process, *process.children(recursive=True)])
    _show(calls, found, memory)


def tokens(home: Path, size: database.Size) -> list[str]:
    config, now = Config(home=home), datetime.now(UTC)
    numbers = [n * size.stride for n in range(database.ACTIVE)]
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


def _show(calls: list[Any], found: dict[str, list[dict[str, float]]], memory: int) -> None:
    table = Table("call", "connections", "rate/s", "p50 ms", "p99 ms", "without HTTP /s", "ratio", "must reach")
    for call, connections, wanted in calls:
        served, plain = found[f"{call} {connections}"], found[f"{call} {connections} plain"]
        ratio = median(one["rate"] / other["rate"] for one, other in zip(served, plain, strict=True))
        table.add_row(
            call,
            str(connections),
            f"{median(one['rate'] for one in served):,.0f}",
            f"{median(one['p50_ms'] for one in served):.1f}",
            f"{median(one['p99_ms'] for one in served):.1f}",
            f"{median(one['rate'] for one in plain):,.0f}",
            f"{ratio:.2f}",
            "-" if wanted is None else f"{wanted:.1f}",
        )
    Console(width=120).print(table)
    print(f"memory of the service: {memory / 2**20:.0f} MiB")
