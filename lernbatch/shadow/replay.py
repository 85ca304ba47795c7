"""A recorded journal, played against a candidate (contract migration M60)."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from lernbatch.shadow import journal
from lernbatch.shadow.comparer import Comparer, Settings
from lernbatch.shadow.model import Entry, Exchange, RecordedBody
from lernbatch.shadow.resigning import Resigner

MOST_WAITING = 200  # requests that are asked and not answered


@dataclass
class Counts:
    """What was played, and why the rest was not."""

    asked: int = 0
    skipped_for: Counter[str] = field(default_factory=Counter)

    @property
    def skipped(self) -> int:
        return self.skipped_for.total()

    @property
    def reasons(self) -> str:
        return ", ".join(f"{count} {reason}" for reason, count in self.skipped_for.most_common()) or "none"


def folder_beside(folder: Path) -> Path:
    """Where a replay is recorded unless somebody says otherwise."""
    return folder.parent / f"replay-{folder.name}-{datetime.now(UTC):%Y%m%dT%H%M%S}"


async def play(folder: Path, settings: Settings, pace: float, *, failed_only: bool = False) -> Counts:
    """Ask the candidate of `settings` what the journal in `folder` has, of each learner in the order it was.

    `pace`: how many times as fast as it was; 0: as fast as it goes. Raises: Unusable.
    """
    resigner = Resigner.of(settings.replay_key, settings.replay_key_id, settings.token_issuer)
    record = journal.Journal(Path(settings.journal))
    writer = asyncio.create_task(record.keep_writing())
    comparer = Comparer(msgspec.structs.replace(settings, replay_key=""), record)
    places, tasks, counts = asyncio.Semaphore(MOST_WAITING), set[asyncio.Task[None]](), Counts()
    began, first = time.monotonic(), 0.0

    def through(task: asyncio.Task[None]) -> None:
        tasks.discard(task)
        places.release()

    try:
        for entry in journal.read(folder):
            if not entry.route or (failed_only and entry.outcome != "failed"):
                continue
            if reason := _obstacle(entry, resigner):
                counts.skipped_for[reason] += 1
                continue
            first = first or entry.at
            if pace:
                await asyncio.sleep(max(0.0, (entry.at - first) / pace - (time.monotonic() - began)))
            await places.acquire()
            headers = {**entry.headers, **(resigner.headers(entry.credentials, entry.at) if resigner else {})}
            assert entry.primary is not None  # nothing that can be asked again is without
            task = comparer.take(
                Exchange(
                    entry.at,
                    entry.method,
                    entry.target,
                    list(headers.items()),
                    _bytes(entry.request),
                    entry.primary.status,
                    [],
                    _bytes(entry.primary),
                )
            )
            tasks.add(task)
            task.add_done_callback(through)
            counts.asked += 1
        await asyncio.gather(*tasks)
    finally:
        await comparer.end()
        writer.cancel()
        await record.close()
    return counts


def _obstacle(entry: Entry, resigner: Resigner | None) -> str:
    """Why a request cannot be asked again; "": it can."""
    for recorded in (entry.request, entry.primary):
        if recorded is None or recorded.shape is not None:
            return "without its body, which is not kept"
    if entry.credentials and resigner is None:
        return "without its token, for which there is no key"
    return ""


def _bytes(recorded: RecordedBody | None) -> bytes:
    return b"" if recorded is None or recorded.text is None else recorded.text.encode()
