"""The renderer: pictures are drawn in a sandboxed process of their own, which a template may end without harm.

Templates come from outside, and an SVG of two hundred bytes can ask its renderer for hours, for all memory, or for
more stack than there is. So every drawing has its seconds and its memory, and one that wants more is told so.
"""

from __future__ import annotations

import atexit
import os
import resource
import select
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import msgspec

from lernbatch.drawing.design import Design
from lernbatch.drawing.svg import BadPicture

if TYPE_CHECKING:  # only the process that draws loads the libraries for it
    from lernbatch.drawing.typesetting import FontSet

SECONDS = 10  # of processor time for one drawing; an ordinary one takes a quarter of one
WAIT_SECONDS = 120  # for one drawing on a machine that is busy with other things
MEMORY = 2 * 1024**3  # of address space
_DRAWINGS = 500  # then a new process: what libraries remember must not pile up
_LENGTH = struct.Struct(">I")
_EPOCH = datetime.fromtimestamp(0, UTC)
# A picture may take a second and a hundred megabytes, and anybody may ask for one: they are drawn one at a time.
EXECUTOR = ThreadPoolExecutor(1, thread_name_prefix="drawing")


@dataclass(frozen=True, slots=True)
class RenderJob:
    """What to draw. `form`: svg, png, pdf, or check, which draws a template without values in all three."""

    form: str
    source: bytes
    embedded: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    zone: str = "UTC"
    fonts: str | None = None  # the operator's folder
    credential: bytes = b""
    title: str = "Certificate"
    author: str = ""
    made_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RenderResult:
    """The result of a job: the picture, or why there is none."""

    picture: bytes = b""
    bad: str | None = None
    warnings: list[str] = field(default_factory=list)  # of a check


class Renderer:
    """The drawing process; it is started when it is first needed, and again after it ended."""

    def __init__(self, seconds: int = SECONDS) -> None:
        self._seconds, self._lock = seconds, Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._left = 0

    def draw(self, job: RenderJob) -> bytes:
        """The picture. Blocks; for any thread. Raises: BadPicture."""
        return self._work(job).picture

    def check(self, source: bytes) -> list[str]:
        """What of a template is left out or drawn otherwise. Blocks; for any thread. Raises: BadPicture."""
        return self._work(RenderJob("check", source)).warnings

    def _work(self, job: RenderJob) -> RenderResult:
        with self._lock:
            jobs, answers = self._pipes()
            try:
                _write(jobs, msgspec.msgpack.encode(job))
                drawn = msgspec.msgpack.decode(_read(answers, WAIT_SECONDS), type=RenderResult)
            except (OSError, EOFError) as ended:
                raise BadPicture(f"The picture cannot be drawn: {self._end()}") from ended
        if drawn.bad is not None:
            raise BadPicture(drawn.bad)
        return drawn

    def close(self) -> None:
        """End the process, between drawings."""
        with self._lock:
            self._end()

    def _pipes(self) -> tuple[int, int]:
        """To and from the process that draws."""
        if self._process is None or self._left == 0 or self._process.poll() is not None:
            self._end()
            # The child's environment holds PYTHONPATH only, so a renderer cannot leak our secrets.
            environment = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", __spec__.name, str(self._seconds)],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
            )
            self._left = _DRAWINGS
        self._left -= 1
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        return self._process.stdin.fileno(), self._process.stdout.fileno()

    def _end(self) -> str:
        """End the process. Returns why it ended, if it did so by itself."""
        process, self._process = self._process, None
        if process is None:
            return ""
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            code = process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return f"it takes more than {WAIT_SECONDS} s."
        if code == -signal.SIGXCPU:
            return f"it takes more than {self._seconds} s of processor time."
        return f"it takes more than {MEMORY // 1024**3} GB of memory, or breaks the program that draws it."


RENDERER = Renderer()
atexit.register(RENDERER.close)


def main() -> None:
    """Draw jobs from the standard input until it is closed."""
    seconds = int(sys.argv[1])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the service, which then has no more to ask
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(ValueError, OSError):  # not every system has this limit
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with suppress(EOFError):
        while True:
            job = msgspec.msgpack.decode(_read(sys.stdin.fileno()), type=RenderJob)
            # Past the soft limit the system ends the process; it counts from the process's beginning.
            limit, (_, hard) = int(time.process_time()) + 1 + seconds, resource.getrlimit(resource.RLIMIT_CPU)
            resource.setrlimit(resource.RLIMIT_CPU, (limit if hard < 0 else min(limit, hard), hard))
            _write(sys.stdout.fileno(), msgspec.msgpack.encode(run(job)))


def run(job: RenderJob) -> RenderResult:
    """Do a job in this process. Templates from outside belong into the process of RENDERER."""
    from lernbatch.drawing import picture

    try:
        fonts = _fonts(job.fonts)
        if job.form == "check":
            drawn, warnings = picture.check(job.source, fonts)
            picture.png(drawn)
            picture.pdf(drawn, job.credential, job.title, job.author, _EPOCH)
            return RenderResult(warnings=warnings)
        drawn = picture.draw(Design(job.source, job.embedded), job.values, ZoneInfo(job.zone), fonts)
        if job.form == "png":
            drawn = picture.png(drawn)
        elif job.form == "pdf":
            drawn = picture.pdf(drawn, job.credential, job.title, job.author, job.made_at or _EPOCH)
        return RenderResult(drawn)
    except BadPicture as bad:
        return RenderResult(bad=str(bad))
    except MemoryError:
        return RenderResult(bad=f"The picture cannot be drawn: it takes more than {MEMORY // 1024**3} GB of memory.")


@cache
def _fonts(fonts: str | None) -> FontSet:
    from lernbatch.drawing.typesetting import FontSet

    return FontSet(Path(fonts) if fonts else None)


def _write(pipe: int, message: bytes) -> None:
    left = memoryview(_LENGTH.pack(len(message)) + message)
    while left:
        left = left[os.write(pipe, left) :]


def _read(pipe: int, seconds: float | None = None) -> bytes:
    """One message, within so many seconds. Raises: EOFError, TimeoutError."""
    until = None if seconds is None else time.monotonic() + seconds
    (length,) = _LENGTH.unpack(_read_exactly(pipe, _LENGTH.size, until))
    return _read_exactly(pipe, length, until)


def _read_exactly(pipe: int, size: int, until: float | None) -> bytes:
    parts, ready = bytearray(), select.poll()
    ready.register(pipe, select.POLLIN)
    while len(parts) < size:
        if not ready.poll(None if until is None else max(until - time.monotonic(), 0) * 1000):
            raise TimeoutError
        part = os.read(pipe, min(size - len(parts), 1 << 20))
        if not part:
            raise EOFError
        parts += part
    return bytes(parts)


if __name__ == "__main__":
    main()
