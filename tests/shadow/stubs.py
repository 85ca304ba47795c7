"""Services of a few lines: one that speaks bytes, and one that keeps what it was asked."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.types import Receive, Scope, Send

from tests.running import lifespan

OK = {"id": "api", "ver": "v1", "ts": "1", "params": {"err": None, "errmsg": None}, "responseCode": "OK", "result": {}}


@dataclass
class Stub:
    """Answers everything with `answer`, keeps what it was asked, and waits while it is held."""

    answer: Any = field(default_factory=lambda: dict(OK))
    status: int = 200
    requests: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    is_held: bool = False
    pause_seconds: dict[str, float] = field(default_factory=dict)  # by path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await lifespan(receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        while self.is_held:
            await asyncio.sleep(0.02)
        await asyncio.sleep(self.pause_seconds.get(scope["path"], 0))
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        self.requests.append((scope["method"], scope["raw_path"].decode(), headers, body))
        told = json.dumps(self.answer).encode()
        named = [(b"content-type", b"application/json"), (b"content-length", str(len(told)).encode())]
        await send({"type": "http.response.start", "status": self.status, "headers": named})
        await send({"type": "http.response.body", "body": told})


@dataclass
class RawServer:
    """Answers the next request with the bytes given for it; then, unless told otherwise, keeps the connection."""

    url: str = ""
    answer: bytes = b""
    closes: bool = False
    reads_bodies: bool = True
    released: threading.Event = field(default_factory=threading.Event)  # what it does not read it holds until then
    received: list[bytes] = field(default_factory=list)

    def serve(self, connection: socket.socket) -> None:
        with connection:
            while request := self._request(connection):
                self.received.append(request)
                connection.sendall(self.answer)
                if not self.reads_bodies:
                    self.released.wait(300)
                    return
                if self.closes:
                    return

    def _request(self, connection: socket.socket) -> bytes:
        data = b""
        while b"\r\n\r\n" not in data:
            if not (piece := connection.recv(65536)):
                return b""
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        if not self.reads_bodies:
            return head
        if b"transfer-encoding: chunked" in head.lower():
            while not body.endswith(b"0\r\n\r\n"):
                body += connection.recv(65536)
        else:
            length = next(
                (
                    int(line.split(b":")[1])
                    for line in head.lower().split(b"\r\n")
                    if line.startswith(b"content-length")
                ),
                0,
            )
            while len(body) < length:
                body += connection.recv(65536)
        return head + b"\r\n\r\n" + body


@contextmanager
def raw_server() -> Iterator[RawServer]:
    listening = socket.create_server(("127.0.0.1", 0))
    server = RawServer(f"http://127.0.0.1:{listening.getsockname()[1]}")
    connections: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            connections.append(connection)
            threading.Thread(target=_serve, args=(server, connection), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        for connection in connections:
            connection.close()


def _serve(server: RawServer, connection: socket.socket) -> None:
    try:
        server.serve(connection)
    except OSError:
        return  # the test is over


def exchange(url: str, request: bytes) -> bytes:
    """The whole answer to raw bytes, until the other side closes."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=300) as connection:
        connection.sendall(request)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    return answer
