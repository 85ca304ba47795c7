"""Which headers name a trace (W3C Trace Context)."""

from __future__ import annotations

import pytest

from lernbatch import tracing

ID, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("given", "trace_id"),
    [
        (f"00-{ID}-{SPAN}-01", ID),
        (f" 00-{ID}-{SPAN}-00 ", ID),
        (f"cc-{ID}-{SPAN}-01", ID),  # a later version, whose first four parts mean the same
        (f"ff-{ID}-{SPAN}-01", None),
        (f"00-{'0' * 32}-{SPAN}-01", None),
        (f"00-{ID}-{'0' * 16}-01", None),
        (f"00-{ID.upper()}-{SPAN}-01", None),
        (f"00-{ID}-{SPAN}", None),
        (f"00-{ID}-{SPAN}-01-more", None),
        ("", None),
    ],
)
def test_only_what_the_standard_says_is_a_trace(given: str, trace_id: str | None) -> None:
    trace = tracing.read({"traceparent": given})
    assert (trace and trace.trace_id) == trace_id


@pytest.mark.parametrize(("state", "kept"), [("a=1,b=2", "a=1,b=2"), ("a" * 513, ""), ("a=ü", "")])
def test_a_state_is_passed_on_as_far_as_it_is_one(state: str, kept: str) -> None:
    trace = tracing.read({"traceparent": f"00-{ID}-{SPAN}-01", "tracestate": state})
    assert trace is not None
    assert trace.headers().get("tracestate", "") == kept
    assert trace.headers()["traceparent"].startswith(f"00-{ID}-")
    assert SPAN not in trace.headers()["traceparent"]
