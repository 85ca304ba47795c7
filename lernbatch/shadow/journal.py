"""The journal: what was asked and what both answered, one JSON object a line, compressed, for its owner alone.

A file is a row of zstd frames, each with whole lines. So a process that is killed, or a disk that is full, costs the
frame that was being written and no other.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import msgspec
import pyarrow

from lernbatch import log
from lernbatch.errors import Unusable
from lernbatch.shadow.model import Entry

FILE_BYTES = 64 * 1024 * 1024  # compressed; then the next file begins
FRAME_BYTES = 256 * 1024  # of lines that wait; more is written at once
FRAME_SECONDS = 1.0  # for which a line waits at most
MOST_WAITING_BYTES = 32 * 1024 * 1024  # of lines; more is lost, and counted
PAUSE_SECONDS = 5.0  # after a write that failed
_LONGEST_LINE = 64 * 1024 * 1024
_SUFFIX = ".jsonl.zst"


class Journal:
    """Writes lines in the background. A line that cannot be written is counted and never troubles the caller."""

    def __init__(self, folder: Path, file_bytes: int = FILE_BYTES) -> None:
        self._folder, self._file_bytes = folder, file_bytes
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._file: int | None = None
        self._written_bytes = 0
        self._retry_at = 0.0
        self._full = asyncio.Event()
        self.lost = 0  # lines since the last one that was written

    def add(self, entry: Entry) -> None:
        """Take a line; it is on the disk within about a second."""
        line = msgspec.json.encode(entry) + b"\n"
        if self._waiting_bytes + len(line) > MOST_WAITING_BYTES:
            self.lost += 1
            return
        self._waiting.append(line)
        self._waiting_bytes += len(line)
        if self._waiting_bytes >= FRAME_BYTES:
            self._full.set()

    async def keep_writing(self) -> None:
        """Write what waits, until cancelled."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._full.wait(), FRAME_SECONDS)
            self._full.clear()
            await self.flush()

    async def flush(self) -> None:
        """Write what waits, as one frame; after a failure not before PAUSE_SECONDS are over."""
        if not self._waiting or time.monotonic() < self._retry_at:
            return
        lines, count = self._waiting, len(self._waiting)
        self._waiting, self._waiting_bytes = [], 0
        if self.lost:
            lines.insert(0, msgspec.json.encode(Entry(at=time.time(), lost=self.lost)) + b"\n")
        try:
            await asyncio.to_thread(self._write, b"".join(lines))
            self.lost = 0
        except OSError as failure:
            self.lost += count
            self._retry_at = time.monotonic() + PAUSE_SECONDS
            log.warning("the journal cannot be written", error=failure.strerror or repr(failure), lost=self.lost)
            self._close()

    def _write(self, lines: bytes) -> None:
        """Raises: OSError."""
        frame = memoryview(pyarrow.compress(lines, codec="zstd", asbytes=True))
        if self._file is None or self._written_bytes >= self._file_bytes:
            self._close()
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            name = f"journal-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}-{uuid4().hex[:8]}{_SUFFIX}"
            self._file = os.open(self._folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
            self._written_bytes = 0
        while frame:
            count = os.write(self._file, frame)
            self._written_bytes += count
            frame = frame[count:]

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    async def close(self) -> None:
        """Write what waits, if that is possible now, and close the file."""
        self._retry_at = 0.0
        await self.flush()
        self._close()


class Damage:
    """What of a journal could not be read: frames that were cut off, and lines that are none."""

    def __init__(self) -> None:
        self.frames = self.lines = 0


def read(folder: Path, damage: Damage | None = None) -> Iterator[Entry]:
    """The lines of a journal, file by file in the order of writing: of one learner in the order of the requests.

    What is cut off or no line is counted in `damage`, and the rest is read. Raises: Unusable, when there is no journal.
    """
    damage = damage or Damage()
    files = sorted(folder.glob(f"journal-*{_SUFFIX}"))
    if not files:
        raise Unusable(f"There is no journal in {folder}.")
    decoder = msgspec.json.Decoder(Entry)
    for file in files:
        for line in _lines(file, damage):
            try:
                yield decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                damage.lines += 1


def _lines(file: Path, damage: Damage) -> Iterator[bytes]:
    """Raises: Unusable, when the file cannot be opened."""
    rest = b""
    for chunk in _chunks(file, damage):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines
        if len(rest) > _LONGEST_LINE:
            break
    if rest:
        damage.lines += 1


def _chunks(file: Path, damage: Damage) -> Iterator[bytes]:
    """What can be decompressed. Raises: Unusable."""
    size = 0
    try:
        with pyarrow.input_stream(str(file), compression="zstd") as stream:
            while chunk := stream.read(FRAME_BYTES):
                size += len(chunk)
                yield chunk
    except (FileNotFoundError, PermissionError) as closed:
        raise Unusable(f"The journal's file {file} cannot be read: {closed.strerror}.") from closed
    except OSError:
        damage.frames += 1
        # A read that fails gives nothing of what came before the damage: that is fetched byte by byte.
        last = bytearray()
        with suppress(OSError), pyarrow.input_stream(str(file), compression="zstd") as stream:
            while size and (skipped := stream.read(min(size, FRAME_BYTES))):
                size -= len(skipped)
            while byte := stream.read(1):
                last += byte
        yield bytes(last)
