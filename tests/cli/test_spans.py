"""Spans: a collector on loopback is sent those of requests, statements, calls of other services and jobs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.cli.commands import Installation, wait_for
from tests.cli.test_observing import PARENT, TRACE, Failing, lines, logged
from tests.cli.test_serve import NEW_BATCH, token


@dataclass
class Collector:
    """What it was sent, span by span."""

    url: str
    spans: list[Span] = field(default_factory=list)
    services: set[str] = field(default_factory=set)

    def of_trace(self, trace_id: str) -> dict[str, Span]:
        """By name."""
        return {span.name: span for span in self.spans if span.trace_id.hex() == trace_id}


@contextmanager
def collector() -> Iterator[Collector]:
    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = ExportTraceServiceRequest()
            body.ParseFromString(self.rfile.read(int(self.headers["Content-Length"])))
            for resource in body.resource_spans:
                collected.services |= {
                    one.value.string_value for one in resource.resource.attributes if one.key == "service.name"
                }
                for scope in resource.scope_spans:
                    collected.spans += scope.spans
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    collected = Collector(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield collected
    finally:
        server.shutdown()
        server.server_close()


def attributes(span: Span) -> dict[str, object]:
    return {
        one.key: one.value.int_value if one.value.HasField("int_value") else one.value.string_value
        for one in span.attributes
    }


@pytest.fixture(scope="module")
def content() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Failing)
    server.seen = []  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_a_request_its_statements_and_calls_are_one_trace_whose_ids_are_in_the_log(
    installation: Installation, content: ThreadingHTTPServer, tmp_path: Path
) -> None:
    log, address = tmp_path / "log", f"http://127.0.0.1:{content.server_port}"
    other = PARENT.replace(TRACE, TRACE[::-1])
    with collector() as collected:
        settings = {"OTLP_ENDPOINT": collected.url, "CONTENT_URL": address, "SEARCH_URL": address, "ACCESS_LOG": "true"}
        with logged(installation, log, **settings) as serving:
            headers = {**token(installation), "traceparent": PARENT, "X-Request-ID": "r-1"}
            course = {
                "name": "Algebra",
                "contentType": "Course",
                "mimeType": "application/vnd.ekstep.content-collection",
            }
            body = {"request": {"course": {**course, "code": "alg"}}}
            answer = httpx.post(f"{serving.url}/v1/course/create", json=body, headers=headers, timeout=60)
            assert answer.status_code == 500
            batch, headers = f"{serving.url}/v1/course/batch/read/none", token(installation)
            assert httpx.get(batch, headers={**headers, "traceparent": other}, timeout=60).status_code == 403
            assert httpx.get(batch, headers=headers, timeout=60).status_code == 403
    assert collected.services == {"lernbatch"}
    failed = collected.of_trace(TRACE)
    request, call = failed["POST /v1/course/create"], failed["POST content"]
    assert request.parent_span_id.hex() == PARENT.split("-")[2]
    assert call.parent_span_id == request.span_id
    assert (request.kind, call.kind) == (Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT)
    assert request.status.code == Status.STATUS_CODE_ERROR
    assert attributes(request) == {
        "http.request.method": "POST",
        "http.route": "/v1/course/create",
        "http.response.status_code": 500,
        "lernbatch.request_id": "r-1",
    }
    assert attributes(call)["http.response.status_code"] == 500
    passed_on = {seen["traceparent"] for seen in content.seen}  # type: ignore[attr-defined]
    assert f"00-{TRACE}-{call.span_id.hex()}-01" in passed_on
    (line,) = [line for line in lines(log, "request") if line["request_id"] == "r-1"]
    assert (line["trace_id"], line["span_id"]) == (TRACE, request.span_id.hex())

    served = collected.of_trace(TRACE[::-1])
    request = served["GET /v1/course/batch/read/{batch_id}"]
    statement = served["web.write_note"]  # of the refusal, in the audit trail
    assert statement.parent_span_id == request.span_id
    assert request.start_time_unix_nano <= statement.start_time_unix_nano <= statement.end_time_unix_nano
    assert attributes(statement)["db.system.name"] == "postgresql"
    new = [span for span in collected.spans if span.name == request.name and span.span_id != request.span_id]
    assert [span.parent_span_id for span in new] == [b""]
    assert "Algebra" not in str(collected.spans)


@pytest.mark.real
def test_a_run_of_a_job_that_did_something_is_a_trace_and_an_idle_one_is_none(
    own_installation: Installation, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with collector() as collected, logged(own_installation, log, "serve", OTLP_ENDPOINT=collected.url) as serving:
        new = httpx.post(
            f"{serving.url}/v1/course/batch/create",
            json={"request": NEW_BATCH},
            headers=token(own_installation),
            timeout=60,
        )
        assert new.status_code == 200
        wait_for(lambda: lines(log, "job done"))
    jobs = [span for span in collected.spans if span.name.startswith("job ")]
    relay = next(span for span in jobs if span.name == "job outbox.relay")
    assert all(attributes(span)["lernbatch.count"] for span in jobs)
    inside = [span for span in collected.spans if span.parent_span_id == relay.span_id]
    assert [span.name for span in inside if span.name.startswith("jobs.outbox.")]
    assert {span.trace_id for span in inside} == {relay.trace_id}
    roots = {span.name.partition(" ")[0] for span in collected.spans if not span.parent_span_id}
    assert roots <= {"job", "GET", "POST"}, "no statement of an idle run is left alone"
    assert relay.trace_id.hex() in {line["trace_id"] for line in lines(log, "job done")}


def test_what_is_not_recorded_by_its_caller_is_not_sent(installation: Installation, tmp_path: Path) -> None:
    with collector() as collected, logged(installation, tmp_path / "log", OTLP_ENDPOINT=collected.url) as serving:
        headers = {"traceparent": PARENT[:-2] + "00"}
        assert httpx.get(f"{serving.url}/certs/static/page.css", headers=headers, timeout=60).status_code == 200
    assert collected.of_trace(TRACE) == {}


@pytest.mark.real
def test_a_collector_that_is_away_stops_nothing(installation: Installation, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with logged(installation, log, OTLP_ENDPOINT="http://127.0.0.1:1") as serving:
        assert httpx.get(f"{serving.url}/certs/static/page.css", timeout=60).status_code == 200
    assert len(lines(log, "stopped")) == 1
