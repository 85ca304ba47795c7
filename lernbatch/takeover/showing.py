"""Shows how far a pass is: bars on a terminal, a line a minute elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

LINE_EVERY_SECONDS = 60.0
TIMES_A_SECOND = 1


class Shown:
    """Is called with what is done, how much of it, and of how much (None: that much more of nobody knows how much)."""

    def __init__(self, screen: Console) -> None:
        self._screen = screen
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=self._screen,
            refresh_per_second=TIMES_A_SECOND,
            disable=not self._screen.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        self._totals: dict[str, int] = {}
        self._began = self._said_at = time.monotonic()

    def __enter__(self) -> Shown:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def __call__(self, what: str, done: int, total: int | None) -> None:
        self._totals[what] = done if total is not None else self._totals.get(what, 0) + done
        so_far, seconds = self._totals[what], time.monotonic() - self._began
        rate = f"{so_far / seconds:,.0f} a second" if seconds > 1 else ""
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(what, total=total, rate=rate)
        self._progress.update(self._tasks[what], completed=so_far, total=total, rate=rate)
        if not self._screen.is_terminal and time.monotonic() - self._said_at >= LINE_EVERY_SECONDS:
            self._said_at = time.monotonic()
            self._screen.print(", ".join(f"{count} {name}" for name, count in self._totals.items()))
