"""Reading files of people: large ones in a process of their own, which nothing waits for but who uploaded them.

A workbook of 100,000 rows takes a processor for seconds. In a thread it would hold the interpreter's lock meanwhile,
and every other request would be late; the process has a lower priority, and its seconds and memory are bounded.
"""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import msgspec

from lernbatch.bulk import wire
from lernbatch.bulk.model import BulkLine
from lernbatch.bulk.rules import TooManyFiles
from lernbatch.errors import Refused
from lernbatch.services import Services
from lernbatch.tables.model import Unreadable
from lernbatch.tables.reading import is_quick

SECONDS = 60  # of processor time for one file; the largest takes a fifth
WAIT_SECONDS = 180  # for one file on a machine that is busy with other things
MEMORY = 1024**3  # of address space
NICENESS = 10
OUT_OF_MEMORY = 3  # how the process then ends


class FileRefused(Refused):
    """What the reading process said of a file, in its words."""

    def __init__(self, message: str | None, code: str | None, details: Mapping[str, object]) -> None:
        super().__init__(message, code=code)
        self.details = details


class ReadFile(msgspec.Struct):
    """The result of a reading process: the lines, or the refusal."""

    lines: list[BulkLine] = []
    is_refused: bool = False
    message: str | None = None
    code: str | None = None
    details: dict[str, Any] = {}


async def read_lines(services: Services, data: bytes) -> list[BulkLine]:
    """The lines of a file. Raises: as `wire.read_lines`; TooManyFiles, where those before it take too long."""
    most, place = services.config.bulk_row_limit, services.file_reading
    if is_quick(data):
        return await asyncio.to_thread(wire.read_lines, data, most)
    try:
        async with asyncio.timeout(services.config.file_wait_seconds):
            await place.acquire()
    except TimeoutError as late:
        raise TooManyFiles from late
    try:
        file = await asyncio.to_thread(_read_apart, data, most)
    finally:
        place.release()
    if file is None:
        reason = "Reading it takes more time or memory than a file may; save the table as CSV UTF-8, or split it."
        raise wire.InvalidCsv(Unreadable(reason))
    if file.is_refused:
        raise FileRefused(file.message, file.code, file.details)
    return file.lines


def _read_apart(data: bytes, most: int) -> ReadFile | None:
    """What a process of its own reads; None, when it came to its bounds. Blocks."""
    # The child's environment holds PYTHONPATH only, so whatever a file does there leaks no secret of ours.
    environment = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-m", __name__, str(most)]
    try:
        done = subprocess.run(  # noqa: S603 - our own module
            command, env=environment, input=data, stdout=subprocess.PIPE, timeout=WAIT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return None
    if done.returncode == OUT_OF_MEMORY or done.returncode < 0:  # the system ended it
        return None
    done.check_returncode()  # a bug, whose trace is in the log
    return msgspec.msgpack.decode(done.stdout, type=ReadFile)


def main() -> None:
    """Read the file that comes by the standard input."""
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(ValueError, OSError):  # not every system has these limits
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    try:
        file = ReadFile(wire.read_lines(sys.stdin.buffer.read(), int(sys.argv[1])))
    except Refused as refusal:
        file = ReadFile(is_refused=True, message=refusal.message, code=refusal.code, details=dict(refusal.details))
    except MemoryError:
        sys.exit(OUT_OF_MEMORY)
    sys.stdout.buffer.write(msgspec.msgpack.encode(file))


if __name__ == "__main__":
    main()
