"""What users feel, in one run: `make bench [ROUNDS=5] [ENROLMENTS=1000000] [MINUTES=10]`.

The service as the README starts it, with PostgreSQL and the load generator on the same machine and durable commits.
Beside it stand the same statements from pgbench, the same server with an application that answers a constant, and a
service with 10,000 enrolments; all take turns, and a ratio is that of neighbours. Every figure is a median of the
rounds. Learners have come back to a content six times at the median, but for those of "fresh". It stops by itself.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import psutil
from rich import box
from rich.console import Console
from rich.table import Table

from bench import database, pgbench, reports, world
from bench.generator import Plan
from bench.service import answering, generate, memory_of, serving, tokens
from bench.world import Size

SMALL = 10_000  # enrolments
CONNECTIONS = 64
# Whose rate is compared with what: name → call, connections. What is not listed has no pgbench script or no ceiling.
CALLS: dict[str, tuple[str, int]] = {
    "update": ("update", CONNECTIONS),
    "update, fresh rows": ("update", CONNECTIONS),
    "update, 100 contents": ("update_large", CONNECTIONS),
    "update, 1 connection": ("update", 1),
    "read": ("read", CONNECTIONS),
    "list v1": ("list_v1", CONNECTIONS),
    "list v2": ("list_v2", CONNECTIONS),
    "enrol": ("enrol", CONNECTIONS),
    "participants": ("participants", 16),
    "batch read": ("read_batch", CONNECTIONS),
    "search": ("search", 16),
}
# The answer's bytes: what the service answers here, rounded. An enrolment and an update answer about the same.
ANSWERS = {"update": 420, "read": 6200, "list v2": 9200}
GROWING = (
    "update",
    "update, 1 connection",
    "read",
    "list v1",
    "list v2",
    "enrol",
    "participants",
    "batch read",
    "search",
)
MOST_REFUSED = 0.01  # of the calls: somebody enrols where they are already
BESIDE = 500  # reports, so that updates beside them can be measured for a while


@dataclass
class World:
    """A filled database, the service on it, and who calls."""

    home: Path
    dsn: str
    size: Size
    port: int
    process: psutil.Process
    callers: dict[str, tuple[list[int], list[str]]] = field(default_factory=dict)

    def call(self, name: str, seconds: float, port: int | None = None) -> dict[str, float]:
        call, connections = CALLS[name]
        kind = {"update, fresh rows": "fresh", "update, 100 contents": "large", "enrol": "newcomers"}.get(
            name, "active"
        )
        learners, held = self.callers["manager" if call in ("participants", "read_batch") else kind]
        size = self.size
        where = ("127.0.0.1", port or self.port, connections, seconds)
        plan = Plan(call, *where, learners, held, size.contents, size.batches, size.searched)
        measured = generate(self.home, plan)
        if measured["refused"] > MOST_REFUSED:
            raise RuntimeError(f"{name}: {measured['refused']:.1%} of the calls failed")
        return measured


@dataclass
class Seen:
    """What was measured: name → a figure a round."""

    rates: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    pgbench: dict[str, list[float]] = field(default_factory=dict)
    ceilings: dict[str, list[float]] = field(default_factory=dict)
    small: dict[str, list[float]] = field(default_factory=dict)
    machine: list[float] = field(default_factory=list)
    minutes: list[float] = field(default_factory=list)
    report_seconds: float = 0.0
    updates_kept: float = 0.0
    memory: float = 0.0
    memory_after_reports: float = 0.0

    def middle(self, name: str, what: str) -> float:
        return median(one[what] for one in self.rates[name])

    def share(self, name: str, of: dict[str, list[float]]) -> float:
        """The median of the rounds' ratios."""
        pairs = zip(self.rates[name], of[name], strict=True)
        return median(one["rate"] / other for one, other in pairs)


def main() -> None:
    asked = argparse.ArgumentParser(prog="bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    asked.add_argument("--enrolments", type=int, default=1_000_000, help="of learners with 20 contents")
    asked.add_argument("--rounds", type=int, default=5)
    asked.add_argument("--seconds", type=float, default=4, help="of a call, in a round")
    asked.add_argument("--minutes", type=float, default=10, help="of updates of the same learners; 0: none")
    asked.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    asked.add_argument(
        "--searched", type=int, default=100_000, help="batches to search; a hundredth beside the small ones"
    )
    asked.add_argument("--calls", default="", help=f"instead of all: {', '.join(CALLS)}, with ; between them")
    asked.add_argument("--no-reports", action="store_true")
    asked.add_argument("--parts", type=int, default=0, help="of the largest tables, see docs/scale.md; 0: whole")
    given = asked.parse_args()
    names = given.calls.split(";") if given.calls else list(CALLS)
    if pgbench.program() is None:
        raise SystemExit("There is no pgbench: install PostgreSQL's own programs (postgresql on Debian).")
    began = time.monotonic()
    with ExitStack() as opened:
        large = _opened(opened, Size(given.enrolments, given.searched), given.workers, given.parts)
        small = _opened(opened, Size(SMALL, given.searched // 100), given.workers, given.parts)
        seen = Seen()

        def look_at_machine() -> None:
            seen.machine.append(pgbench.measure(large.dsn, "read", large.size, given.seconds, large.home))

        for number in range(given.rounds + 1):  # the first warms up
            look_at_machine()
            _round(large, small, names, given.workers, given.seconds if number else 1, seen if number else Seen())
            print(f"round {number} of {given.rounds} is over after {time.monotonic() - began:.0f} s", flush=True)
        if given.minutes:
            _last(large, given.minutes, seen)
            look_at_machine()
        seen.memory = memory_of(large.process)
        if not given.no_reports:
            _report(large, given.seconds, seen)
            look_at_machine()
    _show(names, given, seen)
    print(
        f"The whole run took {(time.monotonic() - began) / 60:.1f} minutes; load at its end {os.getloadavg()[0]:.1f}."
    )


def _opened(opened: ExitStack, size: Size, workers: int, parts: int) -> World:
    home, dsn = opened.enter_context(database.loaded(size, parts))
    port, process = opened.enter_context(serving(home, workers))
    newcomers = range(world.FIRST_NEWCOMER, world.FIRST_NEWCOMER + world.NEWCOMERS)
    callers: dict[str, Iterable[int]] = {
        "active": size.active_learners,
        "fresh": size.fresh_learners,
        "newcomers": newcomers,
        "manager": [world.MANAGER],
    }
    held = {kind: (list(numbers), tokens(home, numbers)) for kind, numbers in callers.items()}
    learners, theirs = held["active"]
    held["large"] = (learners[: world.LARGE_LEARNERS], theirs[: world.LARGE_LEARNERS])
    return World(home, dsn, size, port, process, held)


def _round(large: World, small: World, names: list[str], workers: int, seconds: float, seen: Seen) -> None:
    """Each call with what it is compared with, one after the other."""
    for name in names:
        seen.rates.setdefault(name, []).append(large.call(name, seconds))
        if (call := CALLS[name][0]) in pgbench.SCRIPTS and CALLS[name][1] > 1:
            rate = pgbench.measure(large.dsn, call, large.size, seconds, large.home)
            seen.pgbench.setdefault(name, []).append(rate)
        if name in ANSWERS:
            with answering(large.home, workers, ANSWERS[name]) as port:
                rate = large.call(name, seconds, port)["rate"]
            seen.ceilings.setdefault(name, []).append(rate)
        if name in GROWING:
            seen.small.setdefault(name, []).append(small.call(name, seconds)["rate"])


def _last(large: World, minutes: float, seen: Seen) -> None:
    """The same learners, minute after minute."""
    for _ in range(max(round(minutes), 2)):
        seen.minutes.append(large.call("update", min(60.0, minutes * 30))["rate"])


def _report(large: World, seconds: float, seen: Seen) -> None:
    """A request a batch: first with nothing else, then with updates beside, and at least BESIDE of them."""
    alone, beside = large.size.batches, max(large.size.batches, BESIDE)
    asyncio.run(reports.submit(large.home, large.dsn, large.size, "alone", alone))
    seen.report_seconds = reports.finished(large.dsn, "alone", alone) * 1000 / alone
    before = large.call("update", seconds)["rate"]
    asyncio.run(reports.submit(large.home, large.dsn, large.size, "beside", beside))
    kept = []
    is_beside = True
    while is_beside and len(kept) < 10:
        kept.append(large.call("update", seconds)["rate"])
        is_beside = asyncio.run(reports.progress(large.dsn, "beside")).left > 0
    if not is_beside and len(kept) > 1:
        kept.pop()  # the reports were over before it was
    reports.finished(large.dsn, "beside", beside)
    after = large.call("update", seconds)["rate"]
    seen.updates_kept = median(kept) / median([before, after])
    seen.memory_after_reports = memory_of(large.process)


def _show(names: list[str], given: argparse.Namespace, seen: Seen) -> None:
    console = Console(width=220)
    console.print(_calls(names, seen), _compared(given, seen), markup=False)
    print(
        f"{given.enrolments:,} enrolments, {given.searched:,} batches to search, {given.workers} processes;"
        f" rounds: {given.rounds}, of {given.seconds:g} s a call. In brackets: least and most of the rounds."
    )
    machine = ", ".join(f"{rate:,.0f}" for rate in seen.machine)
    print(f"The machine itself, pgbench's reads a second from start to end: {machine}.")
    if seen.minutes:
        print(f"Updates a second, minute by minute: {', '.join(f'{rate:,.0f}' for rate in seen.minutes)}.")


def _calls(names: list[str], seen: Seen) -> Table:
    table = Table(
        *("call", "connections", "rate/s", "p50 ms", "p99 ms", "pgbench /s", "of pgbench"),
        *("constant answer /s", "of it", "large / small"),
        box=box.MARKDOWN,
    )

    def of(name: str, other: dict[str, list[float]], *, rate: bool = True) -> list[str]:
        if name not in other:
            return ["", ""] if rate else [""]
        share = _spread([one["rate"] / two for one, two in zip(seen.rates[name], other[name], strict=True)])
        return [f"{median(other[name]):,.0f}", share] if rate else [share]

    for name in names:
        rates = [one["rate"] for one in seen.rates[name]]
        table.add_row(
            name,
            str(CALLS[name][1]),
            f"{median(rates):,.0f} ({min(rates):,.0f}–{max(rates):,.0f})",
            f"{seen.middle(name, 'p50_ms'):.1f}",
            f"{seen.middle(name, 'p99_ms'):.1f}",
            *of(name, seen.pgbench),
            *of(name, seen.ceilings),
            *of(name, seen.small, rate=False),
        )
    return table


def _spread(values: list[float]) -> str:
    return f"{median(values):.2f} ({min(values):.2f}–{max(values):.2f})"


def _compared(given: argparse.Namespace, seen: Seen) -> Table:
    """What must be reached beside what was seen."""
    table = Table("what", "must", "seen", "", box=box.MARKDOWN)

    def row(what: str, must: float, value: Callable[[], float], unit: str = "", *, at_most: bool = False) -> None:
        try:
            seen_value = value()
        except KeyError:  # its calls were not asked for
            return
        kept = seen_value <= must if at_most else seen_value >= must
        shown = f"{seen_value:,.2f}" if must < 10 else f"{seen_value:,.0f}"
        table.add_row(what, f"{'≤' if at_most else '≥'} {must:g}{unit}", f"{shown}{unit}", "yes" if kept else "no")

    row("update / pgbench", 1.3, lambda: seen.share("update", seen.pgbench))
    row("update, 100 contents / pgbench", 0.9, lambda: seen.share("update, 100 contents", seen.pgbench))
    if seen.minutes:
        row(f"update after {given.minutes:g} minutes / at the start", 0.9, lambda: seen.minutes[-1] / seen.minutes[0])
    row("p99 of an update", 25, lambda: seen.middle("update", "p99_ms"), " ms", at_most=True)
    row(
        "p99 of an update, 100 contents", 45, lambda: seen.middle("update, 100 contents", "p99_ms"), " ms", at_most=True
    )
    row("state read / constant answer", 0.45, lambda: seen.share("read", seen.ceilings))
    row("list v1 / pgbench", 0.5, lambda: seen.share("list v1", seen.pgbench))
    row("list v2 / pgbench", 0.5, lambda: seen.share("list v2", seen.pgbench))
    row("enrol / pgbench", 1.2, lambda: seen.share("enrol", seen.pgbench))
    row("participants of 1,000, 16 connections", 600, lambda: seen.middle("participants", "rate"), "/s")
    row("p99 of a batch read", 30, lambda: seen.middle("batch read", "p99_ms"), " ms", at_most=True)
    for name in GROWING:
        must = {"search": 0.7, "participants": 0.8}.get(name, 0.85)
        row(f"growth of {name}", must, lambda name=name: seen.share(name, seen.small))  # type: ignore[misc]
    if seen.report_seconds:
        row("1,000 reports of 1,000 rows, 1,000 requests", 60, lambda: seen.report_seconds, " s", at_most=True)
        row("updates kept meanwhile", 0.6, lambda: seen.updates_kept)
        row("largest process after reports", 150, lambda: seen.memory_after_reports, " MiB", at_most=True)
    row("largest process", 150, lambda: seen.memory, " MiB", at_most=True)
    return table
