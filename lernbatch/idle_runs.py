"""What a job's run leaves in a trace: nothing, when it found nothing to do. Each looks once a second or so."""

from __future__ import annotations

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

MOST_SPANS_OF_A_RUN = 1000


class WithoutIdleRuns(SpanProcessor):
    """Holds the spans of a job's run until it ends, and passes on those of a run that did something, or failed."""

    def __init__(self, following: SpanProcessor) -> None:
        self._following = following
        self._held: dict[int, list[ReadableSpan]] = {}  # by trace

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        if span.parent is None and "lernbatch.job" in (span.attributes or {}):
            self._held[span.context.trace_id] = []
        self._following.on_start(span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        held = self._held.get(span.context.trace_id)
        if held is None:
            self._following.on_end(span)
        elif span.parent is not None:
            if len(held) < MOST_SPANS_OF_A_RUN:
                held.append(span)
        else:
            del self._held[span.context.trace_id]
            if not span.status.is_ok or (span.attributes or {}).get("lernbatch.count"):
                for ended in (*held, span):
                    self._following.on_end(ended)

    def shutdown(self) -> None:
        self._following.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._following.force_flush(timeout_millis)
