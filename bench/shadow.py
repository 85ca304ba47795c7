"""What the shadow proxy adds to a call: `python -m bench shadow`. A constant answer, straight and through, in turns.

Client, both services and the proxy share the machine. Each round asks both ways the same number of times; figures are
the median of the rounds. The proxy compares all that it forwards, so its other process works meanwhile.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import psutil
import uvicorn
from rich.console import Console
from rich.table import Table
from starlette.types import Receive, Scope, Send

MOST_ADDED_MS = 2.0  # at the 99th percentile
PATH = "/v1/content/state/update"
BODY = b'{"request":{"userId":"0b1e3c5a-0000-4000-8000-00000000a5a0","contents":[]}}'
ANSWER = b'{"id":"api","params":{"err":null,"errmsg":null},"responseCode":"OK","result":{"x":"%b"}}' % (b"y" * 2000)


async def constant(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers every request with the same bytes."""
    await receive()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(ANSWER)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": ANSWER})


def main() -> None:
    asked = argparse.ArgumentParser(prog="bench shadow", description=__doc__)
    asked.add_argument("--rounds", type=int, default=7)
    asked.add_argument("--requests", type=int, default=2000)
    asked.add_argument(
        "--pause-ms", type=float, default=2.0, help="between two requests: a service is not asked flat out"
    )
    asked.add_argument("--serve", type=int, help="serve the constant answer on the socket with this descriptor")
    given = asked.parse_args()
    if given.serve is not None:
        _serve(given.serve)
        return
    straight: list[tuple[float, float]] = []
    through: list[tuple[float, float]] = []
    with (
        TemporaryDirectory(prefix="bench") as folder,
        _constant() as primary,
        _constant() as candidate,
        _proxy(primary, candidate, Path(folder)) as (proxy, process),
    ):
        for url in (primary, proxy):
            _measure(url, given.requests // 4, given.pause_ms)  # what is cold at first counts for nobody
        for number in range(given.rounds):
            # First one, then the other, by turns: what else the machine does meets both.
            for url, figures in ((primary, straight), (proxy, through))[:: 1 if number % 2 else -1]:
                figures.append(_measure(url, given.requests, given.pause_ms))
        memory = sum(each.memory_info().rss for each in (process, *process.children())) / 2**20
    table = Table("", "straight, ms", "through, ms", "added, ms", "ratio", box=None)
    added = 0.0
    for place, name in enumerate(("p50", "p99")):
        one, other = (median(figure[place] for figure in figures) for figures in (straight, through))
        added = other - one
        table.add_row(name, f"{one:.2f}", f"{other:.2f}", f"{added:.2f}", f"{other / one:.2f}")
    Console(width=100).print(table)
    print(f"Memory of the proxy and its process: {memory:.0f} MiB.")
    if added > MOST_ADDED_MS:
        sys.exit(f"More than {MOST_ADDED_MS} ms are added at the 99th percentile.")


def _measure(url: str, count: int, pause_ms: float) -> tuple[float, float]:
    """The median and the 99th percentile of the seconds of `count` calls, in milliseconds."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    connection = HTTPConnection(parts.hostname, parts.port)
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    taken = []
    for _ in range(count):
        began = time.perf_counter()
        connection.request("PATCH", PATH, BODY, {"Content-Type": "application/json"})
        answer = connection.getresponse().read()
        taken.append((time.perf_counter() - began) * 1000)
        assert answer == ANSWER
        time.sleep(pause_ms / 1000)
    connection.close()
    cuts = quantiles(taken, n=100)
    return cuts[49], cuts[98]


def _serve(descriptor: int) -> None:
    settings = uvicorn.Config(constant, lifespan="off", log_config=None, access_log=False, http="httptools")
    with socket.socket(fileno=descriptor) as sock:
        uvicorn.Server(settings).run([sock])


@contextmanager
def _constant() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        words = (sys.executable, "-m", "bench", "shadow", "--serve", str(sock.fileno()))
        process = subprocess.Popen(words, pass_fds=(sock.fileno(),))
        try:
            yield f"http://127.0.0.1:{sock.getsockname()[1]}"
        finally:
            process.terminate()
            process.wait()


@contextmanager
def _proxy(primary: str, candidate: str, folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    services = ("--primary", primary, "--candidate", candidate, "--journal", str(folder / "journal"))
    words = (sys.executable, "-m", "lernbatch", "shadow", "serve", *services, "--port", "0", "--sample", "1")
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env={**os.environ})
    try:
        assert process.stdout is not None
        named = re.search(r"http://\S+", process.stdout.readline())
        assert named is not None
        yield named.group(), psutil.Process(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
