"""M50 and M51: what passes through the proxy, and that nothing behind it is ever noticed before it."""

from __future__ import annotations

import asyncio
import gzip
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from lernbatch.shadow import journal
from lernbatch.shadow.model import Entry
from tests.running import PATIENCE_SECONDS, served
from tests.shadow.side_by_side import Proxied, proxied
from tests.shadow.stubs import RawServer, Stub, exchange, raw_server

ENROL = "/v1/course/enroll"


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RawServer, Proxied]]:
    """A primary that speaks bytes, behind the proxy."""
    folder = tmp_path_factory.mktemp("raw") / "journal"
    with raw_server() as server, served(Stub()) as candidate:
        server.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        with proxied(server.url, candidate, folder) as proxy:
            yield server, proxy


def asked(url: str, method: str = "GET", path: str = "/x", headers: bytes = b"", body: bytes = b"") -> bytes:
    return exchange(url, b"%b %b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%b\r\n%b" % (
        method.encode(), path.encode(), headers, body))  # fmt: skip


BIG = os.urandom(3 * 1024 * 1024)
CHUNKED = b"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "method", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "GET", b"ok"),
        (b"HTTP/1.1 418 I'm a Teapot\r\nX-Odd: \xe9\r\nContent-Length: 0\r\n\r\n", "GET", b""),
        (b"HTTP/1.1 404 Not Found\r\nX-C: a=1\r\nX-C: b=2\r\ncontent-length: 1\r\n\r\n\x00", "GET", b"\x00"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKED, "GET", b"hello!"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BIG) + BIG, "GET", BIG),
        (b"HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n", "GET", b""),
        (b"HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\n\r\n", "GET", b""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n", "HEAD", b""),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "GET", b"ok"),
        (b"HTTP/1.1 500 Oh\r\nDate: yesterday\r\nServer: akka\r\nContent-Length: 1\r\n\r\n!", "GET", b"!"),
    ],
)  # fmt: skip
def test_m50_the_answer_is_the_primary_s_byte_for_byte(
    raw: tuple[RawServer, Proxied], answer: bytes, method: str, body: bytes
) -> None:
    server, proxy = raw
    server.answer = answer
    told = asked(proxy.url, method)
    head, _, rest = told.partition(b"\r\n\r\n")
    wanted = answer.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n").partition(b"\r\n\r\n")[0]
    status, *headers = map(_named, wanted.split(b"\r\n"))
    status_told, *headers_told = map(_named, head.split(b"\r\n"))
    assert status_told.split(b" ")[1] == status.split(b" ")[1]
    assert [header for header in headers_told if header != b"connection: close"] == headers
    if b"chunked" in wanted:
        pieces = rest.split(b"\r\n")
        rest = b"".join(pieces[1::2])
    assert rest == body


def _named(line: bytes) -> bytes:
    """A line of a head with its name in lower case, as the server writes it."""
    name, colon, value = line.partition(b":")
    return name.lower() + colon + value


def test_m50_an_answer_that_ends_with_its_connection_is_whole(raw: tuple[RawServer, Proxied]) -> None:
    server, proxy = raw
    server.answer, server.closes = b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\n\r\na,b\n1,2\n", True
    try:
        assert proxy.http.get("/x").content == b"a,b\n1,2\n"
    finally:
        server.closes = False


def test_m50_an_answer_that_breaks_off_breaks_off_for_the_caller(raw: tuple[RawServer, Proxied]) -> None:
    server, proxy = raw
    server.answer, server.closes = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhal", True
    try:
        with pytest.raises(httpx.RemoteProtocolError):
            proxy.http.get("/x")
    finally:
        server.closes = False


def test_m50_a_connection_that_the_primary_has_closed_is_not_noticed(raw: tuple[RawServer, Proxied]) -> None:
    server, proxy = raw
    server.answer, server.closes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", True
    try:
        assert [proxy.http.get("/x").text for _ in range(20)] == ["ok"] * 20
    finally:
        server.closes = False


@pytest.mark.parametrize(
    ("headers", "sent"),
    [
        (b"Content-Length: 5\r\nX-Two: 1\r\nX-Two: 2\r\n", b"hello"),
        (b"Transfer-Encoding: chunked\r\n", CHUNKED),
        (b"Content-Length: 0\r\n", b""),
        (b"", b""),
    ],
)
def test_m50_the_primary_gets_the_request_as_it_was(
    raw: tuple[RawServer, Proxied], headers: bytes, sent: bytes
) -> None:
    server, proxy = raw
    server.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    server.received.clear()
    asked(proxy.url, "POST", "/v1/x%2Fy?a=%20b&c=%E0%A4%85", headers + b"X-Authenticated-User-Token: t.t.t\r\n", sent)
    (received,) = server.received
    head, _, body = received.partition(b"\r\n\r\n")
    line, *lines = head.split(b"\r\n")
    assert line == b"POST /v1/x%2Fy?a=%20b&c=%E0%A4%85 HTTP/1.1"
    wanted = [b"host: x", *(header.lower() for header in headers.split(b"\r\n") if header)]
    assert [each.lower() for each in lines] == [*wanted, b"x-authenticated-user-token: t.t.t"]
    whole = b"".join(body.split(b"\r\n")[1::2]) if b"chunked" in headers else body
    assert whole == (b"hello!" if b"chunked" in headers else sent)


def test_m50_an_answer_before_the_end_of_the_request_reaches_the_caller(raw: tuple[RawServer, Proxied]) -> None:
    server, proxy = raw
    server.answer = b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig"
    server.reads_bodies = False
    try:
        host, port = proxy.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=PATIENCE_SECONDS) as connection:
            connection.sendall(b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 99000000\r\n\r\n")
            answer = b""
            sending = threading.Thread(target=_send_for_ever, args=(connection,), daemon=True)
            sending.start()
            while not answer.endswith(b"big"):
                answer += connection.recv(65536)
            assert answer.startswith(b"HTTP/1.1 413")
    finally:
        server.reads_bodies = True
        server.released.set()


def _send_for_ever(connection: socket.socket) -> None:
    with suppress(OSError):
        while True:
            connection.sendall(b"x" * 65536)


def test_m50_an_answer_reaches_the_caller_as_it_comes(tmp_path: Path) -> None:
    read = threading.Event()

    async def streaming(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or scope["path"] != "/slow":
            await Stub()(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await asyncio.to_thread(read.wait, PATIENCE_SECONDS)  # the rest comes after the caller has seen this
        await send({"type": "http.response.body", "body": b"second"})

    with (
        served(streaming) as one,
        served(Stub()) as other,
        proxied(one, other, tmp_path / "journal") as proxy,
        proxy.http.stream("GET", "/slow") as response,
    ):
        pieces = response.iter_raw()
        assert next(pieces) == b"first"
        read.set()
        assert b"".join(pieces) == b"second"


def test_m50_a_primary_that_is_away_is_502(tmp_path: Path) -> None:
    with served(Stub()) as candidate, proxied("http://127.0.0.1:1", candidate, tmp_path / "journal") as proxy:
        assert proxy.http.get("/x").status_code == 502


def enrol(proxy: Proxied, learner: str, number: int = 0) -> httpx.Response:
    return proxy.http.post(ENROL, json={"request": {"userId": learner, "number": number}})


def test_m50_the_candidate_is_asked_after_the_answer_and_its_own_trouble_stays_its_own(tmp_path: Path) -> None:
    primary, candidate = Stub(), Stub(is_held=True)
    with served(primary) as one, served(candidate) as other, proxied(one, other, tmp_path / "journal") as proxy:
        assert enrol(proxy, "asha").json() == primary.answer
        assert candidate.requests == []
        candidate.is_held = False
        assert proxy.wait_for(2)[-1].outcome == "same"


def test_m50_a_candidate_that_is_gone_is_counted_and_nobody_notices(tmp_path: Path) -> None:
    with served(Stub()) as one, proxied(one, "http://127.0.0.1:1", tmp_path / "journal") as proxy:
        assert [enrol(proxy, "asha", n).status_code for n in range(20)] == [200] * 20
        failed = [entry for entry in proxy.wait_for(21) if entry.outcome == "failed"]
        assert len(failed) == 21
        report = proxy.run("report", proxy.folder, "--json")
        assert '"failedWrites": 20' in report.stdout
        assert proxy.run("report", proxy.folder, "--gate", "0").returncode == 1  # nothing was compared


@pytest.mark.real
@pytest.mark.parametrize("what", ["refused", "full"])
def test_m50_a_journal_that_cannot_be_written_is_noticed_by_nobody(tmp_path: Path, what: str) -> None:
    (tmp_path / "file").write_text("no folder")
    folder = tmp_path / ("file/journal" if what == "refused" else "journal")
    candidate = Stub()
    with (
        served(Stub()) as one,
        served(candidate) as other,
        proxied(one, other, folder, file_bytes=None if what == "refused" else 500) as proxy,
    ):
        assert [enrol(proxy, f"learner {n}", n).status_code for n in range(200)] == [200] * 200
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(candidate.requests) < 201 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(candidate.requests) == 201
        assert proxy.process.poll() is None
    if what == "full":
        damage = journal.Damage()
        list(journal.read(folder, damage))
        assert damage.frames >= 1  # the disk was full in the middle of one


@pytest.mark.real
def test_m50_the_process_that_compares_is_killed_and_started_again(tmp_path: Path) -> None:
    with served(Stub()) as one, served(Stub()) as other, proxied(one, other, tmp_path / "journal") as proxy:
        proxy.wait_for(1)
        (child,) = proxy.children()
        os.kill(child, signal.SIGKILL)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline and proxy.children() in ([], [child]):
            assert enrol(proxy, "asha").status_code == 200
        assert enrol(proxy, "after").status_code == 200
        while time.monotonic() < deadline and "after" not in {entry.learner for entry in proxy.entries()}:
            assert enrol(proxy, "after").status_code == 200
        assert "after" in {entry.learner for entry in proxy.entries()}


# A candidate of its own process: it begins every answer, and ends them where it is told to.
CANDIDATE = """
import sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    log_message = lambda *_: None

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.wfile.write(b"HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\nContent-Length: 2\\r\\n\\r\\n{")
        self.wfile.flush()
        print("asked", flush=True)
        time.sleep(600 if sys.argv[2] == "held" else 0)
        self.wfile.write(b"}")

ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@contextmanager
def candidate_process(port: int, how: str) -> Iterator[subprocess.Popen[str]]:
    words = [sys.executable, "-c", CANDIDATE, str(port), how]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.real
def test_m50_the_candidate_is_killed_in_the_middle_of_its_answers_and_comes_back(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with served(Stub()) as one, proxied(one, url, tmp_path / "journal") as proxy:
        with candidate_process(port, "held") as process:
            assert process.stdout is not None
            deadline = time.monotonic() + PATIENCE_SECONDS
            readable = select.poll()
            readable.register(process.stdout)
            while not readable.poll(0) and time.monotonic() < deadline:  # until it has begun an answer
                assert enrol(proxy, "asha").status_code == 200
            process.kill()
            process.wait()
            assert [enrol(proxy, f"learner {n}").status_code for n in range(20)] == [200] * 20
        with candidate_process(port, "whole"):
            entries: dict[str, Entry] = {}
            while time.monotonic() < deadline and "" not in {entry.reason for entry in entries.values()}:
                assert enrol(proxy, "after").status_code == 200
                entries = {entry.learner: entry for entry in proxy.entries() if entry.learner == "after"}
        assert entries["after"].candidate is not None
        assert entries["after"].candidate.text == "{}"
        lost = [entry for entry in proxy.entries() if entry.learner == "asha"]
        assert "it does not answer: RemoteProtocolError" in {entry.reason for entry in lost}


@pytest.mark.real
def test_m50_what_is_too_much_for_the_candidate_is_skipped_and_memory_stays_bounded(tmp_path: Path) -> None:
    primary, candidate = Stub(answer={"x": "y" * 20_000}), Stub(answer={"x": "y" * 20_000}, is_held=True)
    with served(primary) as one, served(candidate) as other, proxied(one, other, tmp_path / "journal") as proxy:
        before = proxy.resident_bytes()
        for number in range(1500):
            assert enrol(proxy, f"learner {number}").status_code == 200
        assert proxy.resident_bytes() - before < 200 * 1024 * 1024
        candidate.is_held = False
        proxy.wait_for(1000)
        enrol(proxy, "last")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline and "last" not in {entry.learner for entry in proxy.entries()}:
            time.sleep(0.1)
        skipped = sum(entry.skipped for entry in journal.read(proxy.folder))
        assert skipped == 1502 - len(proxy.entries())
        assert skipped >= 400


@pytest.mark.real
def test_m50_what_waits_has_a_bound_in_bytes_too(tmp_path: Path) -> None:
    candidate = Stub(is_held=True)
    with served(Stub()) as one, served(candidate) as other, proxied(one, other, tmp_path / "journal") as proxy:
        for _ in range(60):
            assert proxy.http.post(ENROL, content=b"x" * 3_000_000).status_code == 200
        assert proxy.resident_bytes() < 700 * 1024 * 1024
        candidate.is_held = False
        proxy.wait_for(15)
        enrol(proxy, "last")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline and "last" not in {entry.learner for entry in proxy.entries()}:
            time.sleep(0.1)
        assert sum(entry.skipped for entry in journal.read(proxy.folder)) >= 30


@pytest.mark.real
def test_m50_a_body_that_is_too_large_passes_and_is_skipped(tmp_path: Path) -> None:
    primary, candidate = Stub(), Stub()
    with served(primary) as one, served(candidate) as other, proxied(one, other, tmp_path / "journal") as proxy:
        assert proxy.http.post("/v1/batch/bulk/enrollment", content=b"x" * 9_000_000).status_code == 200
        assert len(primary.requests[-1][3]) == 9_000_000
        enrol(proxy, "asha")
        proxy.wait_for(2)
        assert sum(entry.skipped for entry in journal.read(proxy.folder)) == 1


def test_m50_one_switch_sends_all_traffic_straight_through(tmp_path: Path) -> None:
    candidate = Stub()
    with (
        served(Stub()) as one,
        served(candidate) as other,
        proxied(one, other, tmp_path / "journal", "--straight-through") as proxy,
    ):
        assert enrol(proxy, "asha").status_code == 200
        proxy.process.send_signal(signal.SIGUSR1)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline and not candidate.requests:
            assert enrol(proxy, "kavya").status_code == 200
        assert candidate.requests
        assert "asha" not in {entry.learner for entry in proxy.wait_for(1)}


@pytest.mark.real
def test_m51_calls_about_one_learner_reach_the_candidate_in_their_order(tmp_path: Path) -> None:
    candidate = Stub()
    with served(Stub()) as one, served(candidate) as other, proxied(one, other, tmp_path / "journal") as proxy:

        def learn(learner: str) -> None:
            with httpx.Client(base_url=proxy.url, timeout=PATIENCE_SECONDS) as http:
                for number in range(25):
                    path = ENROL if number % 2 else "/v1/content/state/update"
                    candidate.pause_seconds[path] = 0.002 * (number % 3)
                    method = "POST" if number % 2 else "PATCH"
                    http.request(method, path, json={"request": {"userId": learner, "number": number}})

        with ThreadPoolExecutor(6) as callers:
            list(callers.map(learn, [f"learner {n}" for n in range(6)]))
        proxy.wait_for(6 * 25 + 1)
    for n in range(6):
        mine = [body for _, _, _, body in candidate.requests if f"learner {n}".encode() in body]
        numbers = [int(body.split(b'"number":')[1].strip(b" }")) for body in mine]
        assert numbers == list(range(25))


def test_m50_a_compressed_answer_passes_as_it_is_and_is_compared_as_what_it_says(tmp_path: Path) -> None:
    told = gzip.compress(b'{"responseCode":"OK","params":{},"result":{"a":1}}')
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(told)
    candidate = Stub(answer={"responseCode": "OK", "params": {}, "result": {"a": 1}})
    with raw_server() as server, served(candidate) as other:
        server.answer = head + told
        with proxied(server.url, other, tmp_path / "journal") as proxy:
            assert asked(proxy.url, headers=b"Accept-Encoding: gzip\r\n").endswith(told)
            assert {entry.outcome for entry in proxy.wait_for(2)} == {"same"}


@pytest.mark.real
def test_m50_a_caller_that_leaves_in_the_middle_harms_nobody(tmp_path: Path) -> None:
    primary = Stub(is_held=True)
    with served(primary) as one, served(Stub()) as other:
        primary.is_held = False
        with proxied(one, other, tmp_path / "journal") as proxy:
            primary.is_held = True
            leaving = threading.Thread(target=_leave, args=(proxy.url,))
            leaving.start()
            leaving.join()
            primary.is_held = False
            assert enrol(proxy, "asha").status_code == 200


def _leave(url: str) -> None:
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(url + ENROL, json={"request": {"userId": "left"}}, timeout=httpx.Timeout(300, read=0.2))
