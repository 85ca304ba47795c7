"""Reading files of people: large ones in a process of their own, which nothing waits for but who uploaded them.

A workbook of 100,000 rows takes a processor for seconds.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from typing import Any

import msgspec

from lernbatch import apart
from lernbatch.bulk import drafts, wire
from lernbatch.bulk.model import BulkLine, RosterLine
from lernbatch.bulk.rules import TooManyFiles
from lernbatch.errors import Refused
from lernbatch.services import Services
from lernbatch.tables.model import Unreadable
from lernbatch.tables.reading import is_quick

SECONDS = 60  # of processor time for one file; the largest takes a fifth
MEMORY = 1024**3  # of address space
FILE, ROSTER = "file", "roster"  # what the process is to read
TOO_MUCH = "Reading it takes more time or memory than a file may; save the table as CSV UTF-8, or split it."


class FileRefused(Refused):
    """What the reading process said of a file, in its words."""

    def __init__(self, message: str | None, code: str | None, details: Mapping[str, object]) -> None:
        super().__init__(message, code=code)
        self.details = details


class ReadFile(msgspec.Struct):
    """The result of a reading process: the lines, or the refusal."""

    lines: list[BulkLine] = []
    roster: list[RosterLine] = []
    is_refused: bool = False
    message: str | None = None
    code: str | None = None
    details: dict[str, Any] = {}


async def read_lines(services: Services, data: bytes) -> list[BulkLine]:
    """The lines of a file. Raises: as `wire.read_lines`; TooManyFiles, where those before it take too long."""
    if is_quick(data):
        return await asyncio.to_thread(wire.read_lines, data, services.config.bulk_row_limit)
    file = await _read_apart(services, FILE, data)
    if file is None:
        raise wire.InvalidCsv(Unreadable(TOO_MUCH))
    if file.is_refused:
        raise FileRefused(file.message, file.code, file.details)
    return file.lines


async def read_roster(services: Services, data: bytes) -> list[RosterLine]:
    """The people in a roster's file. Raises: as `drafts.read_lines`; TooManyFiles, where others take too long."""
    if is_quick(data):
        return await asyncio.to_thread(drafts.read_lines, data, services.config.bulk_row_limit)
    file = await _read_apart(services, ROSTER, data)
    if file is None:
        raise Unreadable(TOO_MUCH)
    if file.is_refused:
        raise Unreadable(file.message or TOO_MUCH)
    return file.roster


async def _read_apart(services: Services, kind: str, data: bytes) -> ReadFile | None:
    """What a process of its own reads; None, when it came to its bounds. Raises: TooManyFiles."""
    place = services.file_reading
    try:
        async with asyncio.timeout(services.config.file_wait_seconds):
            await place.acquire()
    except TimeoutError as late:
        raise TooManyFiles from late
    try:
        written = await asyncio.to_thread(apart.run, __name__, data, kind, str(services.config.bulk_row_limit))
    finally:
        place.release()
    return None if written is None else await asyncio.to_thread(msgspec.msgpack.decode, written, type=ReadFile)


def main() -> None:
    """Read the file that comes by the standard input."""
    apart.bound(SECONDS, MEMORY)
    kind, most = sys.argv[1], int(sys.argv[2])
    try:
        data = sys.stdin.buffer.read()
        file = (
            ReadFile(roster=drafts.read_lines(data, most)) if kind == ROSTER else ReadFile(wire.read_lines(data, most))
        )
    except Unreadable as wrong:
        file = ReadFile(is_refused=True, message=wrong.sentence)
    except Refused as refusal:
        file = ReadFile(is_refused=True, message=refusal.message, code=refusal.code, details=dict(refusal.details))
    except MemoryError:
        sys.exit(apart.OUT_OF_MEMORY)
    sys.stdout.buffer.write(msgspec.msgpack.encode(file))


if __name__ == "__main__":
    main()
