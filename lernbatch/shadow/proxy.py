"""The reverse proxy: the primary answers, byte for byte; a copy goes to the process that asks the candidate (M50).

Nothing of ours stands between a caller and the primary but the copying of bytes that are held for a moment, and it is
given up as soon as it would cost: too much that waits, too large, or the process beside us gone.
"""

from __future__ import annotations

import asyncio
import gc
import random
import signal
import socket
import time
from collections.abc import AsyncIterator

import uvicorn
import uvloop
from starlette.types import Receive, Scope, Send

from lernbatch import log
from lernbatch.shadow.handover import Handover
from lernbatch.shadow.model import Exchange
from lernbatch.shadow.rules import OTHER, Calls, is_read
from lernbatch.shadow.upstream import PrimaryService, Unanswered, passed_back
from lernbatch.web import server

LARGEST_BYTES = 8 * 1024 * 1024  # of a body, request or answer, that is compared
MOST_HELD_BYTES = 64 * 1024 * 1024  # of bodies of requests under way
_NO_ANSWER = b'{"responseCode":"SERVER_ERROR","params":{"err":"BAD_GATEWAY","errmsg":"The service does not answer."}}'


class Proxy:
    """The ASGI application. `sample`: the share of reads that are compared; of writes all are (M51)."""

    def __init__(self, upstream: PrimaryService, handover: Handover, calls: Calls, sample: float) -> None:
        self._upstream, self._handover, self._calls, self._sample = upstream, handover, calls, sample
        self._held_bytes = 0
        self.is_straight = False  # everything passes, and nothing is compared

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        arrived = time.time()
        method, query = scope["method"].encode(), scope["query_string"]
        target = scope["raw_path"] + (b"?" + query if query else b"")
        copy = self._copy_of(scope)
        connection = None
        try:
            connection = await self._upstream.ask(method, target, scope["headers"], _body(receive, copy))
            headers = passed_back(connection.headers)
            await send({"type": "http.response.start", "status": connection.status, "headers": headers})
            async for chunk in connection.chunks():
                if copy is not None:
                    copy.add(copy.answer, chunk)
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        except _CallerLeft:
            return
        except Unanswered as failure:
            log.warning("the primary does not answer", error=str(failure))
            if connection is not None:
                raise  # the answer has begun: the server ends the connection, as the primary did
            await send(
                {"type": "http.response.start", "status": 502, "headers": [(b"content-type", b"application/json")]}
            )
            await send({"type": "http.response.body", "body": _NO_ANSWER})
            return
        finally:
            if connection is not None:
                self._upstream.done(connection)
            if copy is not None:
                copy.release()
        if copy is None:
            return
        if copy.is_given_up:
            self._handover.skip()
        else:
            self._handover.offer(
                Exchange(
                    arrived,
                    scope["method"],
                    target.decode("latin-1"),
                    [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]],
                    b"".join(copy.request),
                    connection.status,
                    [(name.decode("latin-1"), value.decode("latin-1")) for name, value in connection.headers],
                    b"".join(copy.answer),
                )
            )

    def _copy_of(self, scope: Scope) -> _Copy | None:
        """Where the bodies of this request are held; None: it only passes."""
        if self.is_straight:
            return None
        route = self._calls.find(scope["method"], scope["path"]).route
        is_sampled = route == OTHER or is_read(scope["method"], route)
        if is_sampled and random.random() >= self._sample:  # noqa: S311 - a sample, no secret
            return None
        return _Copy(self)

    def hold(self, count: int) -> bool:
        """Whether so many more bytes may be held."""
        if self._held_bytes + count > MOST_HELD_BYTES:
            return False
        self._held_bytes += count
        return True

    def free(self, count: int) -> None:
        self._held_bytes -= count


class _CallerLeft(Exception):
    """Whoever asked has closed the connection."""


class _Copy:
    """The bodies of one exchange, until it is handed over or given up."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy, self._held_bytes = proxy, 0
        self.request: list[bytes] = []
        self.answer: list[bytes] = []
        self.is_given_up = False

    def add(self, part: list[bytes], chunk: bytes) -> None:
        if self.is_given_up:
            return
        if self._held_bytes + len(chunk) <= LARGEST_BYTES and self._proxy.hold(len(chunk)):
            self._held_bytes += len(chunk)
            part.append(chunk)
            return
        self.is_given_up = True
        self.request.clear()
        self.answer.clear()
        self.release()

    def release(self) -> None:
        self._proxy.free(self._held_bytes)
        self._held_bytes = 0


async def _body(receive: Receive, copy: _Copy | None) -> AsyncIterator[bytes]:
    """Raises: _CallerLeft, before the request is whole."""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _CallerLeft
        piece, more = message.get("body", b""), message.get("more_body", False)
        if piece:
            if copy is not None:
                copy.add(copy.request, piece)
            yield piece


def serve(proxy: Proxy, handover: Handover, upstream: PrimaryService, sock: socket.socket) -> None:
    """Answer on `sock` until SIGTERM. SIGUSR1 sends all traffic straight through, and back."""
    settings = uvicorn.Config(
        proxy,
        lifespan="off",
        loop="uvloop",
        http="httptools",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,  # the primary has one
        proxy_headers=False,
        timeout_keep_alive=server.KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=server.GRACE_SECONDS,
    )

    def turn() -> None:
        proxy.is_straight = not proxy.is_straight
        log.warning("traffic goes straight through" if proxy.is_straight else "traffic is compared again")

    async def run() -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, turn)
        gc.collect()
        gc.freeze()  # what is loaded by now stays: looking through it for garbage would stop every call
        async with handover.running():
            await server.Server(settings, lambda: None, 0).serve(sockets=[sock])
        upstream.close()

    uvloop.run(run())
