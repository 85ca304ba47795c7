"""What an operator reads in the log of a running service: start, stop, failures with their place, the trace."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from lernbatch import __version__
from lernbatch.database.migrate import PRODUCT
from tests.cli.commands import Installation, Serving
from tests.cli.test_serve import token

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


@contextmanager
def logged(installation: Installation, log: Path, *words: str, **settings: str) -> Iterator[Serving]:
    """The service, whose log goes to `log`; `words`: of the command, without jobs where none are given."""
    configured = replace(installation, settings={f"LERNBATCH_{name}": value for name, value in settings.items()})
    with log.open("w") as errors, configured.serving(*(words or ("serve", "--no-jobs")), errors=errors) as serving:
        serving.wait_until_ready()
        yield serving
        assert serving.stop() == 0


def lines(log: Path, event: str) -> list[dict[str, Any]]:
    return [line for text in log.read_text().splitlines() if (line := json.loads(text))["event"] == event]


class Failing(BaseHTTPRequestHandler):
    """A content service that answers 500, and notes the headers that it was sent."""

    def do_GET(self) -> None:
        self.server.seen.append(dict(self.headers))  # type: ignore[attr-defined]
        self.send_response(500)
        self.end_headers()

    do_POST = do_GET  # noqa: N815 - the name that the library looks for

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def content() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Failing)
    server.seen = []  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_a_process_says_as_what_it_starts_and_that_it_has_stopped(installation: Installation, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with logged(installation, log, TIME_ZONE="UTC", SERVICE_TOKEN="s3cret-of-sixteen"):
        pass
    (started,), (stopped,) = lines(log, "started"), lines(log, "stopped")
    assert (started["version"], started["level"]) == (__version__, "info")
    assert started["migration"] == PRODUCT.files()[-1].name
    assert started["settings"]["time_zone"] == "UTC"
    assert started["settings"]["service_token"] == "********"
    assert "port" not in started["settings"]
    assert stopped["after_seconds"] >= 0


def test_a_failure_and_a_refusal_are_one_line_each_that_the_request_id_finds(
    installation: Installation, content: ThreadingHTTPServer, tmp_path: Path
) -> None:
    log, address = tmp_path / "log", f"http://127.0.0.1:{content.server_port}"
    with logged(installation, log, CONTENT_URL=address, SEARCH_URL=address) as serving:
        headers = {**token(installation), "X-Request-ID": "r-4711", "traceparent": PARENT, "tracestate": "vendor=1"}
        course = {"name": "Algebra", "contentType": "Course", "mimeType": "application/vnd.ekstep.content-collection"}
        body = {"request": {"course": {**course, "code": "alg"}}}
        answer = httpx.post(f"{serving.url}/v1/course/create", json=body, headers=headers, timeout=60)
        refused = httpx.post(
            f"{serving.url}/v1/course/create", json=body, headers={"X-Request-ID": "r-4712"}, timeout=60
        )
    assert answer.status_code == 500, answer.text
    (refusal,) = [line for line in lines(log, "a call was refused") if line["request_id"] == "r-4712"]
    assert refused.headers["X-Request-ID"] == "r-4712"
    assert (refusal["route"], refusal["status"], refusal["known"]) == ("POST /v1/course/create", 401, False)
    assert answer.headers["X-Request-ID"] == "r-4711"
    (failure,) = [line for line in lines(log, "upstream failed") if line.get("request_id") == "r-4711"]
    assert failure["route"] == "POST /v1/course/create"
    assert failure["status"] == 500
    assert failure["class"]
    assert failure["where"].startswith("lernbatch.sunbird.")
    assert failure["trace_id"] == TRACE
    passed_on = [seen.get("traceparent", "") for seen in content.seen]  # type: ignore[attr-defined]
    assert passed_on
    assert all(parent.startswith(f"00-{TRACE}-") and parent.endswith("-01") for parent in passed_on)
    assert len({*passed_on, PARENT}) == len(passed_on) + 1, "each call is a span of its own"
    assert {seen.get("tracestate") for seen in content.seen} == {"vendor=1"}  # type: ignore[attr-defined]


@pytest.mark.parametrize(("setting", "count"), [("", 1), ("false", 0)], ids=["as it comes", "off"])
def test_the_access_log_has_a_line_a_request_but_for_those_of_monitors(
    setting: str, count: int, installation: Installation, tmp_path: Path
) -> None:
    with logged(installation, tmp_path / "log", ACCESS_LOG=setting) as serving:
        for path in ("/livez", "/readyz", "/health", "/certs/static/page.css"):
            assert httpx.get(serving.url + path, headers={"X-Request-ID": "r-1"}).status_code == 200
    requests = [line for line in lines(tmp_path / "log", "request") if line["request_id"] == "r-1"]
    assert [(line["route"], line["status"], line["level"]) for line in requests] == [
        ("GET /certs/static/page.css", 200, "info")
    ] * count
