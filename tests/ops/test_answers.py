"""Compression, the log, and the page of the API."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import httpx
import msgspec
import pytest

from tests.cli.commands import Installation
from tests.people import VIKRAM
from tests.running import Running, running

READ = "/v1/course/batch/read/0140"


def raw(service: Running, accept: str) -> httpx.Response:
    """The answer with its body as it was sent."""
    headers = {**service.headers(VIKRAM), "Accept-Encoding": accept}
    with httpx.stream("GET", service.url + READ, headers=headers) as answer:
        answer.extensions["sent"] = b"".join(answer.iter_raw())
    return answer


def test_large_answers_are_compressed_for_who_accepts_it(tmp_path: Path, dsn: str) -> None:
    with running(tmp_path, dsn, gzip_enabled=True, gzip_threshold_bytes=10) as service:
        answer = raw(service, "gzip, deflate")
        assert answer.headers["Content-Encoding"] == "gzip"
        body = gzip.decompress(answer.extensions["sent"])
        result = msgspec.json.decode(body)["result"]
        assert answer.headers["X-Response-Length"] == str(len(msgspec.json.encode(result)))
        plain = raw(service, "identity")
        assert "Content-Encoding" not in plain.headers
        assert plain.headers["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize("settings", [{"gzip_enabled": True}, {"gzip_threshold_bytes": 10}])
def test_small_answers_and_installations_that_do_not_want_it_are_plain(
    settings: dict[str, int | bool], tmp_path: Path, dsn: str
) -> None:
    with running(tmp_path, dsn, **settings) as service:
        assert "Content-Encoding" not in raw(service, "gzip").headers


def test_the_log_is_json_with_the_request_s_id_and_nobody_s_data(own_installation: Installation) -> None:
    with own_installation.serving("serve", "--no-jobs") as serving:
        serving.wait_until_ready()
        httpx.get(f"{serving.url}/v1/user/courses/list/somebody", headers={"X-msgId": "m-7"})
        assert serving.stop() == 0
        assert serving.process.stderr is not None
        lines = [msgspec.json.decode(line) for line in serving.process.stderr.read().splitlines()]
    ours = [line for line in lines if line.get("request_id") == "m-7"]
    assert [line["event"] for line in ours] == ["a call was refused", "request"]
    assert ours[1]["status"] == 401
    assert "somebody" not in str(lines)


def test_the_page_of_the_api_loads_nothing_from_elsewhere_and_runs_nothing_of_its_own(service: Running) -> None:
    answer = service.call("GET", "/docs")
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    for forbidden in ("<script>", "://", "@import", "style=", "onclick"):
        assert forbidden not in answer.text
    for file in re.findall(r'(?:src|href)="(docs/[^"]*)"', answer.text):
        sent = service.call("GET", f"/{file}")
        assert (sent.status_code, sent.headers["cache-control"]) == (200, "public, max-age=31536000, immutable")
    assert service.call("GET", "/docs/page.0123456789ab.js").status_code == 404


def test_the_description_is_sent_compressed(service: Running) -> None:
    packed = service.call("GET", "/openapi.json", headers={"Accept-Encoding": "gzip"})
    plain = service.call("GET", "/openapi.json", headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content
