"""The trace that a request belongs to (W3C Trace Context): taken up from its headers, passed on to other services."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass

LONGEST_STATE = 512
_PARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?P<trace>(?!0{32})[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-(?P<flags>[0-9a-f]{2})")


@dataclass(frozen=True, slots=True)
class Trace:
    """A trace: its id, whether it is recorded, and what tools of tracing have added (`tracestate`)."""

    trace_id: str
    flags: str
    state: str
    span_id: str = ""  # of the running span, where spans are recorded

    def headers(self) -> dict[str, str]:
        """The headers of one outgoing call, which is a span of its own."""
        span_id = self.span_id or f"{random.getrandbits(64) or 1:016x}"  # a name, no secret
        passed_on = {"traceparent": f"00-{self.trace_id}-{span_id}-{self.flags}"}
        return {**passed_on, "tracestate": self.state} if self.state else passed_on


CURRENT: ContextVar[Trace | None] = ContextVar("trace", default=None)


def read(headers: Mapping[str, str]) -> Trace | None:
    """The trace of a request; None where it names none, or not as the standard says."""
    given = headers.get("traceparent")
    if given is None or not (match := _PARENT.fullmatch(given.strip())):
        return None
    state = headers.get("tracestate", "")
    return Trace(match["trace"], match["flags"], state if len(state) <= LONGEST_STATE and state.isascii() else "")


def outgoing() -> dict[str, str]:
    """The headers that pass on the trace of the running task."""
    trace = CURRENT.get()
    return {} if trace is None else trace.headers()
