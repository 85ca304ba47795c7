"""From the proxy to the process that asks the candidate: frames over a pipe, bounded, and never waited for.

Comparing takes milliseconds of a processor, which a caller of the proxy would feel if it happened in the same process;
and whatever breaks over there ends that process alone, which is then started again.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import msgspec

from lernbatch import log
from lernbatch.jobs.pauses import pause_after
from lernbatch.shadow.model import Exchange

MOST_WAITING = 1000  # exchanges that were handed over and are not done (M50)
MOST_WAITING_BYTES = 64 * 1024 * 1024  # of their frames, wherever they are
LENGTH_BYTES = 4  # of a frame's length before it; the process says the same length when it is through with the frame
DRAIN_SECONDS = 30.0  # for what waits when the proxy stops
LONGEST_PAUSE = timedelta(seconds=30)  # between two starts


class Handover:
    """The pipe and the process at its end. `module` is run as `python -m MODULE`; `settings` is its first frame."""

    def __init__(self, module: str, settings: msgspec.Struct, most_waiting: int = MOST_WAITING) -> None:
        self._module, self._settings, self._most_waiting = module, settings, most_waiting
        self._process: asyncio.subprocess.Process | None = None
        self._encoder = msgspec.msgpack.Encoder()
        self._waiting = self._waiting_bytes = 0
        self._skipped = 0
        self._is_stopping = False

    def offer(self, exchange: Exchange) -> None:
        """Hand an exchange over, unless too much waits already or nobody is there; then it counts as skipped."""
        pipe = self._pipe
        if pipe is None or self._waiting >= self._most_waiting:
            self.skip()
            return
        frame = self._encoder.encode(msgspec.structs.replace(exchange, skipped_before=self._skipped))
        if self._waiting_bytes + len(frame) > MOST_WAITING_BYTES:
            self.skip()
            return
        pipe.write(len(frame).to_bytes(LENGTH_BYTES) + frame)
        self._waiting += 1
        self._waiting_bytes += len(frame)
        self._skipped = 0

    def skip(self) -> None:
        """Count an exchange that is not compared; the next one that is tells the number."""
        self._skipped += 1

    @property
    def _pipe(self) -> asyncio.StreamWriter | None:
        pipe = self._process.stdin if self._process is not None and self._process.returncode is None else None
        return None if pipe is None or pipe.is_closing() else pipe

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The process runs, and is started again when it ends, until the block ends; then it may finish what waits."""
        keeper = asyncio.create_task(self._keep())
        try:
            yield
        finally:
            self._is_stopping = True
            if (pipe := self._pipe) is not None:
                pipe.close()
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(keeper), DRAIN_SECONDS)
            keeper.cancel()
            with suppress(asyncio.CancelledError):
                await keeper
            if self._process is not None and self._process.returncode is None:
                self._process.kill()
                await self._process.wait()

    async def _keep(self) -> None:
        failures = 0
        while not self._is_stopping:
            try:
                code = await self._run()
                log.warning("the process that compares ended", exit_code=code, lost=self._waiting)
            except OSError as failure:
                log.warning("the process that compares cannot be started", error=repr(failure))
            self._skipped += self._waiting
            self._waiting = self._waiting_bytes = 0
            self._process = None
            if not self._is_stopping:
                await asyncio.sleep(pause_after(failures, LONGEST_PAUSE).total_seconds())
                failures += 1

    async def _run(self) -> int:
        """Start the process and count what it is through with, until it ends. Returns its exit code."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            self._module,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C reaches us alone; it ends when its input does
        )
        assert process.stdin is not None
        assert process.stdout is not None
        settings = self._encoder.encode(self._settings)
        process.stdin.write(len(settings).to_bytes(LENGTH_BYTES) + settings)
        self._process = process
        with suppress(asyncio.IncompleteReadError):
            while True:
                self._waiting_bytes -= int.from_bytes(await process.stdout.readexactly(LENGTH_BYTES))
                self._waiting -= 1
        return await process.wait()
