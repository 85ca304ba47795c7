"""Two real services of ours, one altered, and the shadow proxy before them: a process of its own, as in the field."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from resource import RLIMIT_FSIZE, setrlimit
from typing import Any

import httpx
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lernbatch.shadow import journal
from lernbatch.shadow.model import Entry
from tests import forked
from tests.people import Person
from tests.running import PATIENCE_SECONDS, Running
from tests.shadow.conftest import SHADOW_KEY

Change = Callable[[int, Any], tuple[int, Any]]


class Altered:
    """An application some of whose answers are changed: `changes` by a pattern of `METHOD path`."""

    def __init__(self) -> None:
        self.changes: dict[str, Change] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []

    def around(self, application: ASGIApp) -> ASGIApp:
        async def altered(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await application(scope, receive, send)
                return
            headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
            self.requests.append((f"{scope['method']} {scope['path']}", headers))
            change = next(
                (c for p, c in self.changes.items() if re.match(p, f"{scope['method']} {scope['path']}")), None
            )
            if change is None:
                await application(scope, receive, send)
                return
            start: Message = {}
            body = b""

            async def changed(message: Message) -> None:
                nonlocal body
                if message["type"] == "http.response.start":
                    start.update(message)
                    return
                body += message.get("body", b"")
                if message.get("more_body"):
                    return
                status, document = change(start["status"], json.loads(body))
                told = json.dumps(document, ensure_ascii=False).encode()
                kept = [(name, value) for name, value in start["headers"] if name != b"content-length"]
                kept.append((b"content-length", str(len(told)).encode()))
                await send({**start, "status": status, "headers": kept})
                await send({"type": "http.response.body", "body": told})

            await application(scope, receive, changed)

        return altered


def setting(*path: str, to: Any) -> Change:
    """A change of one value of the result."""

    def change(status: int, document: Any) -> tuple[int, Any]:
        inner = document["result"]
        for key in path[:-1]:
            inner = inner[int(key)] if isinstance(inner, list) else inner[key]
        inner[path[-1]] = to
        return status, document

    return change


@dataclass
class Proxied:
    """A running proxy and its journal."""

    url: str
    folder: Path
    process: subprocess.Popen[str]
    environment: dict[str, str]
    http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=self.url, timeout=PATIENCE_SECONDS)

    def entries(self) -> list[Entry]:
        """The lines of the journal so far, which has no file before the first."""
        written = any(self.folder.glob("*.zst"))
        return [entry for entry in journal.read(self.folder) if entry.route] if written else []

    def wait_for(self, count: int) -> list[Entry]:
        """The lines of the journal, once there are so many."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            if len(entries := self.entries()) >= count:
                return entries
            time.sleep(0.05)
        raise AssertionError(f"the journal did not get {count} lines")

    def run(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """`lernbatch shadow` with these words."""
        return forked.run(["shadow", *words], self.environment)

    def children(self) -> list[int]:
        """The processes that the proxy has started."""
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in listed.split()]

    def resident_bytes(self) -> int:
        """The memory of the proxy and of what it has started."""
        total = 0
        for pid in (self.process.pid, *self.children()):
            status = Path(f"/proc/{pid}/status").read_text()
            total += int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0]) * 1024
        return total

    def differences(self) -> set[tuple[str, str, str]]:
        """(route, kind, path) of every difference in the report."""
        answer = self.run("report", self.folder, "--json")
        assert answer.returncode == 0, answer.stderr
        return {(one["route"], one["kind"], one["path"]) for one in json.loads(answer.stdout)["differences"]}


@contextmanager
def proxied(
    primary: str, candidate: str, folder: Path, *words: str, file_bytes: int | None = None
) -> Iterator[Proxied]:
    """The proxy as an operator starts it; all reads are compared, none is asked again.

    `file_bytes`: as much as any file of it may hold, as on a disk that is full.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LERNBATCH_", "sunbird"))}
    environment = {**kept, "LERNBATCH_SHADOW_KEY": SHADOW_KEY, "LERNBATCH_LOG_LEVEL": "warning"}
    named = ("--primary", primary, "--candidate", candidate, "--journal", str(folder), "--port", "0")
    sampled = () if "--sample" in words else ("--sample", "1")
    settled = () if "--settle" in words else ("--settle", "0")
    process = subprocess.Popen(
        [sys.executable, "-m", "lernbatch", "shadow", "serve", *named, *sampled, *settled, *words],
        env={**environment, "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=None if file_bytes is None else lambda: setrlimit(RLIMIT_FSIZE, (file_bytes, file_bytes)),
    )
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        match = re.search(r"http://\S+", said)
        assert match is not None, said
        proxy = Proxied(match.group(), folder, process, {**environment, "COLUMNS": "250"})
        _await(proxy)
        yield proxy
        proxy.http.close()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_SECONDS)
        if process.stdout is not None:
            process.stdout.close()


def _await(proxy: Proxied) -> None:
    """Until the proxy takes requests."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            proxy.http.get("/livez")
            return
        except httpx.TransportError:
            assert proxy.process.poll() is None, "the proxy ended"
            time.sleep(0.05)
    raise AssertionError("the proxy did not start")


def through(
    proxy: Proxied, service: Running, method: str, path: str, person: Person | None, request: Any = None
) -> Any:
    """One call through the proxy, as `Running.call` makes it."""
    body: dict[str, Any] = {} if request is None else {"json": {"request": request}}
    return proxy.http.request(method, path, headers=service.headers(person), **body)
