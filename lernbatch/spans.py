"""Spans for OpenTelemetry: requests, statements, calls of other services and runs of jobs. Without an endpoint nothing.

The libraries are an extra, loaded where an endpoint is named. Names are those of routes, statements, services and jobs;
no span carries a path, a parameter or a person.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from lernbatch import __version__, log, tracing
from lernbatch.config import Config
from lernbatch.environment import source
from lernbatch.errors import Unusable

if TYPE_CHECKING:  # loaded where spans are wanted
    import asyncpg
    from opentelemetry.trace import Span, SpanKind, Tracer

EXPORT_SECONDS = 5  # for one attempt, also when the process ends
STATEMENTS: dict[str, str] = {}  # text of a statement that was loaded → its room and name
_tracer: Tracer | None = None


@asynccontextmanager
async def exporting(config: Config) -> AsyncIterator[None]:
    """Spans of this process go to `otlp_endpoint`, if there is one, until the block ends.

    Raises: Unusable, when the libraries are missing.
    """
    global _tracer
    if not config.otlp_endpoint:
        yield
        return
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.sdk") is None:
        raise Unusable(f"{source('otlp_endpoint')} needs a library: run `pip install 'lernbatch[tracing]'`.")
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

    from lernbatch.idle_runs import WithoutIdleRuns

    provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(config.trace_ratio)),
        resource=Resource.create({"service.name": "lernbatch", "service.version": __version__}),
        shutdown_on_exit=False,
    )
    exporter = OTLPSpanExporter(f"{config.otlp_endpoint.rstrip('/')}/v1/traces", timeout=EXPORT_SECONDS)
    provider.add_span_processor(WithoutIdleRuns(BatchSpanProcessor(exporter)))
    _tracer = provider.get_tracer("lernbatch", __version__)
    try:
        yield
    finally:
        _tracer = None
        await asyncio.to_thread(provider.shutdown)  # it sends what is left, which takes its time


def begin_request(headers: Mapping[str, str]) -> Span | None:
    """The span of a request, in the trace that its headers name, or in a new one; None: no spans are wanted.

    It is the current one of the running task.
    """
    if _tracer is None:
        return None
    from opentelemetry import context, trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    parent = TraceContextTextMapPropagator().extract(headers, context.Context())
    span = _tracer.start_span("request", parent, trace.SpanKind.SERVER)
    context.attach(trace.set_span_in_context(span, parent))  # never detached: the task is the request's
    tracing.CURRENT.set(_trace(span))
    return span


def end_request(span: Span, method: str, route: str, status: int, request_id: str) -> None:
    """The answer was sent, or the connection broke."""
    from opentelemetry.trace import StatusCode

    span.update_name(route)
    span.set_attributes(
        {
            "http.request.method": method,
            "http.route": route.partition(" ")[2],
            "http.response.status_code": status,
            "lernbatch.request_id": request_id,
        }
    )
    if status >= 500:
        span.set_status(StatusCode.ERROR)
    span.end()


@contextmanager
def of_call(service: str, method: str) -> Iterator[Span | None]:
    """The span of one call of another service, which its headers pass on."""
    if _tracer is None:
        yield None
        return
    from opentelemetry.trace import SpanKind

    attributes = {"http.request.method": method, "peer.service": service}
    with _current(f"{method} {service}", SpanKind.CLIENT, attributes) as span:
        yield span


@asynccontextmanager
async def of_job(kind: str) -> AsyncIterator[Span | None]:
    """The span of one run of a job; its ids are bound to log lines. A run that finds nothing to do leaves none."""
    if _tracer is None:
        yield None
        return
    from opentelemetry.trace import SpanKind

    with _current(f"job {kind}", SpanKind.INTERNAL, {"lernbatch.job": kind}) as span:
        trace = _trace(span)
        log.bind(trace_id=trace.trace_id, span_id=trace.span_id)
        yield span
        await asyncio.sleep(0)  # for the spans of its last statements, which are made between two steps of the loop


@contextmanager
def _current(name: str, kind: SpanKind, attributes: Mapping[str, str]) -> Iterator[Span]:
    """The current span of the block. Of an error it has the class alone: a text may name people."""
    assert _tracer is not None
    with _tracer.start_as_current_span(
        name, kind=kind, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as span:
        before = tracing.CURRENT.set(_trace(span))
        try:
            yield span
        except Exception as error:
            _mark_failed(span, error)
            raise
        finally:
            tracing.CURRENT.reset(before)


def watch(conn: asyncpg.Connection) -> None:
    """Have the statements of `conn` leave spans, where these are wanted."""
    if _tracer is not None:
        conn.add_query_logger(_note_statement)


def _note_statement(record: asyncpg.connection.LoggedQuery) -> None:
    """Called after a statement, in the context of who ran it."""
    from opentelemetry.trace import SpanKind, get_current_span

    if _tracer is None or not get_current_span().get_span_context().is_valid:
        return
    ended = time.time_ns()
    name = STATEMENTS.get(record.query) or record.query.split(maxsplit=1)[0].upper()[:20]
    span = _tracer.start_span(
        name,
        kind=SpanKind.CLIENT,
        start_time=ended - int(record.elapsed * 1e9),
        attributes={"db.system.name": "postgresql", "db.query.summary": name},
    )
    if record.exception is not None:
        _mark_failed(span, record.exception)
    span.end(ended)


def _mark_failed(span: Span, error: BaseException) -> None:
    from opentelemetry.trace import StatusCode

    span.set_status(StatusCode.ERROR)
    span.set_attribute("error.type", type(error).__name__)


def _trace(span: Span) -> tracing.Trace:
    context = span.get_span_context()
    return tracing.Trace(
        f"{context.trace_id:032x}",
        f"{context.trace_flags:02x}",
        context.trace_state.to_header(),
        f"{context.span_id:016x}",
    )
