"""What another service says when it fails may name people or addresses: it is for the log, not for who asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.people import ADMIN, ASHA
from tests.reporting import Reporting
from tests.running import Running, running
from tests.shadow.stubs import OK, RawServer, raw_server

WORDS = "asha.kulkarni@example.org at 10.0.0.7"
REFUSAL = json.dumps({**OK, "params": {"err": WORDS, "errmsg": WORDS}, "responseCode": WORDS})


@pytest.fixture(scope="module")
def other() -> Iterator[RawServer]:
    with raw_server() as server:
        yield server


@pytest.fixture(scope="module")
def asking(other: RawServer, module_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service whose content service and search are that other one."""
    settings = {"content_url": other.url, "search_url": other.url, "upstream_attempts": 1, "upstream_failures": 1000}
    with running(tmp_path_factory.mktemp("home"), module_dsn, exhaust_attempts=1, **settings) as service:
        yield service


def http(status: str, body: str) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body.encode())}\r\n\r\n{body}".encode()


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        (http("500 Internal Server Error", REFUSAL), "another service answered 500"),
        (http("403 Forbidden", REFUSAL), "another service answered 403"),
        (http("200 OK", REFUSAL), "another service answered 200"),
        (http("502 Bad Gateway", f"<html>{WORDS}</html>"), "another service answered 502"),
        (f"HTTP/1.1 200 OK\r\n{WORDS} is no header\r\n\r\n".encode(), "another service did not answer"),
        (f"{WORDS}\r\n\r\n".encode(), "another service did not answer"),
    ],
)
@pytest.mark.parametrize("selector", [{}, {"searchFilter": {"request": {"filters": {"name": "x"}}}}])
def test_an_exhaust_says_how_another_service_failed_in_our_own_words(
    asking: Running, other: RawServer, answer: bytes, shown: str, selector: dict[str, object]
) -> None:
    reporting = Reporting(asking)
    reporting.enrol(ASHA)
    other.answer = answer
    config = selector or {"batchId": reporting.batch_id}
    assert reporting.submit(by=ADMIN, datasetConfig=config).status_code == 200
    reporting.work()
    (job,) = reporting.jobs(ADMIN)
    assert (job["status"], job["statusMessage"]) == ("FAILED", f"Internal Server Error: {shown}")
    assert "asha.kulkarni" not in json.dumps(job)


def test_an_exhaust_says_what_the_store_did_not_do_and_neither_where_nor_why(dsn: str, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "progress-exhaust").write_text("in the way")
    with running(tmp_path, dsn, file_store=str(tmp_path / "store"), exhaust_attempts=1) as service:
        reporting = Reporting(service)
        reporting.enrol(ASHA)
        assert reporting.made()["statusMessage"] == "Internal Server Error: The file store does not delete a file"
