"""Structured log lines with the request's id. They name batches and courses, never people's data."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable, Hashable, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TextIO

WINDOW_SECONDS, LINES_A_WINDOW = 60.0, 5
_NAMES = {logging.DEBUG: "debug", logging.INFO: "info"}
MOST_KINDS = 1000  # a library may put its values into the text itself

_logger = logging.getLogger("lernbatch")
_encode = json.JSONEncoder(default=repr).encode
# What `bind` has added for the running task.
_bound: ContextVar[Mapping[str, object]] = ContextVar("bound", default=MappingProxyType({}))


def debug(event: str, **values: object) -> None:
    _write(logging.DEBUG, event, values)


def info(event: str, **values: object) -> None:
    _write(logging.INFO, event, values)


def warning(event: str, **values: object) -> None:
    _write(logging.WARNING, event, values)


def exception(event: str, error: BaseException, **values: object) -> None:
    """A line with the trace of `error`: something that should not have happened."""
    _write(logging.ERROR, event, values, error)


def bind(**values: object) -> None:
    """Add `values` to every line of the running task."""
    _bound.set(values)


def _write(level: int, event: str, values: Mapping[str, object], error: BaseException | None = None) -> None:
    if not _logger.isEnabledFor(level):
        return
    if level < logging.WARNING:  # a line a request: what the library does for one takes longer than to write it
        sys.stderr.write(_line(event, values, _NAMES[level], time.time()) + "\n")
    else:
        _logger.log(level, event, exc_info=error, extra={"values": values})


def _line(event: str, values: Mapping[str, object], level: str, at: float, **more: str) -> str:
    """One JSON object: what happened, the values that are bound, its own, the level, and when."""
    timestamp = datetime.fromtimestamp(at, UTC).isoformat()[:-6] + "Z"
    return _encode({"event": event, **_bound.get(), **values, "level": level, "timestamp": timestamp, **more})


class Repeats:
    """Lets through a bounded number of lines of one kind a minute, and counts the others.

    A database that is down makes the same line with every request: without a bound the log fills the disk next.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kinds: dict[Hashable, tuple[float, int]] = {}  # since when, and how many lines came

    def admit(self, kind: Hashable) -> int | None:
        """How many lines of `kind` were left out before this one; None: this one is left out, too."""
        now = self._clock()
        since, count = self._kinds.get(kind, (now, 0))
        left_out = 0
        if now - since >= WINDOW_SECONDS:
            left_out, since, count = max(count - LINES_A_WINDOW, 0), now, 0
        if len(self._kinds) >= MOST_KINDS and kind not in self._kinds:
            self._kinds.clear()
        self._kinds[kind] = since, count + 1
        return left_out if count < LINES_A_WINDOW else None


_repeats = Repeats()


class _BoundRepeats(logging.Filter):
    """Bounds warnings and errors: of one kind are those of one text and one class of error."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        left_out = _repeats.admit((record.name, record.msg, record.exc_info and record.exc_info[0]))
        if left_out and record.name == _logger.name:
            record.__dict__["values"] = {**record.__dict__["values"], "left_out": left_out}
        elif left_out:
            record.msg = f"{record.msg} ({left_out} such lines were left out before)"
        return left_out is not None


class _LineFormatter(logging.Formatter):
    """A line as ours for what libraries log, and for what has a trace."""

    def format(self, record: logging.LogRecord) -> str:
        error = record.exc_info
        more = {"exception": self.formatException(error)} if error and error[0] else {}
        values, level = record.__dict__.get("values", {}), record.levelname.lower()
        return _line(record.getMessage(), values, level, record.created, **more)


class _StandardError(logging.StreamHandler[TextIO]):
    """Writes to the standard error of the moment: one that somebody puts in its place may be closed later."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stderr


def configure(level: str) -> None:
    """One JSON line an event, on standard error; what libraries log comes in the same form, from warnings on."""
    handler = _StandardError()
    handler.addFilter(_BoundRepeats())
    handler.setFormatter(_LineFormatter())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    _logger.setLevel(level.upper())
    # It warns of every form that is none, each time in other words: the caller is told, the operator need not be.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
