"""Structured log lines with the request's id. They name batches and courses, never people's data."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Hashable, Mapping, MutableMapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

import structlog

WINDOW_SECONDS, LINES_A_WINDOW = 60.0, 5
MOST_KINDS = 1000  # a library may put its values into the text itself

_logger: Any = structlog.get_logger("lernbatch")


def debug(event: str, **values: object) -> None:
    _logger.debug(event, **values)


def info(event: str, **values: object) -> None:
    _logger.info(event, **values)


def warning(event: str, **values: object) -> None:
    _logger.warning(event, **values)


# What `bind` has added for the running task. structlog's own way costs a tenth of a small request.
_bound: ContextVar[Mapping[str, object]] = ContextVar("bound", default=MappingProxyType({}))


def _merge_bound(_: object, __: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    return {**_bound.get(), **event}


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


def _bound_repeats(_: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Of our own lines from warnings on: one kind is one place in the code, and one class of error."""
    if method not in ("warning", "error"):
        return event
    left_out = _repeats.admit((event["event"], type(event.get("exc_info"))))
    if left_out is None:
        raise structlog.DropEvent
    return {**event, "left_out": left_out} if left_out else event


class _BoundRepeats(logging.Filter):
    """The same for what libraries log."""

    def filter(self, record: logging.LogRecord) -> bool:
        left_out = _repeats.admit((record.name, record.msg, record.exc_info and record.exc_info[0]))
        if left_out:
            record.msg = f"{record.msg} ({left_out} such lines were left out before)"
        return left_out is not None


_SHARED: list[Any] = [
    _merge_bound,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]


def configure(level: str) -> None:
    """One JSON line an event, on standard error; what libraries log comes in the same form, from warnings on."""
    structlog.configure(
        processors=[_bound_repeats, *_SHARED, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    global _logger
    _logger = structlog.get_logger("lernbatch").bind()  # bound once: the unbound one binds anew with every call
    handler = logging.StreamHandler(sys.stderr)
    renderers: list[Any] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.JSONRenderer(),
    ]
    handler.addFilter(_BoundRepeats())
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processors=renderers, foreign_pre_chain=_SHARED))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    # It warns of every form that is none, each time in other words: the caller is told, the operator need not be.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)


def bind(**values: object) -> None:
    """Add `values` to every line of the running task."""
    _bound.set(values)


def exception(event: str, error: BaseException, **values: object) -> None:
    """A line with the trace of `error`: something that should not have happened."""
    _logger.error(event, exc_info=error, **values)
