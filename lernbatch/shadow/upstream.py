"""The way to the primary: connections that are kept, and answers that pass through as they come.

httpx and httpcore were measured first: they add more than a millisecond to each call, of the two that the proxy may
add at the 99th percentile. This is httptools, which is the server's parser too, with what a proxy needs around it.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from urllib.parse import urlsplit

import httptools

from lernbatch.errors import Unusable

Header = tuple[bytes, bytes]

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 300.0  # between two pieces of an answer; callers give up long before
IDLE_SECONDS = 4.0  # after which a connection is closed, before the other side does so
MOST_IDLE = 256  # connections
_MOST_BUFFERED = 256 * 1024  # bytes of an answer that its caller has not taken
_OF_THE_HOP = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"te", b"upgrade", b"expect", b"http2-settings")
)
_REPEATABLE = frozenset((b"GET", b"HEAD", b"OPTIONS"))


class Unanswered(Exception):
    """There is no answer, or it broke off. `nothing_came`: not a byte, on a connection that had been used before."""

    def __init__(self, reason: str, *, nothing_came: bool = False) -> None:
        super().__init__(reason)
        self.nothing_came = nothing_came


class Connection(asyncio.Protocol):
    """One connection: one exchange at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._is_paused = False
        self._may_go_on = asyncio.Event()  # with sending: the other side reads, or has answered already
        self._may_go_on.set()
        self.is_open = False
        self._exchanges = 0
        self._begin(b"GET")

    def _begin(self, method: bytes) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._is_head = method == b"HEAD"
        self._failure: Exception | None = None
        self._chunks: deque[bytes] = deque()
        self._buffered = 0
        self._came = self._has_head = self._is_whole = self._is_sent = False
        self._may_be_kept = True
        self.status, self.headers = 0, list[Header]()

    # what asyncio calls

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport, self.is_open = transport, True

    def data_received(self, data: bytes) -> None:
        self._came = True
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as wrong:
            self._fail(Unanswered(f"the answer is no HTTP: {wrong!r}"))
            self.close()
        self._wake()

    def connection_lost(self, failure: Exception | None) -> None:
        self.is_open = False
        # Without a length or chunks the answer's end is the connection's.
        is_open_ended = not any(name.lower() in (b"content-length", b"transfer-encoding") for name, _ in self.headers)
        if self._has_head and not self._is_whole and failure is None and is_open_ended:
            self._is_whole = True
        elif not self._is_whole:
            self._fail(Unanswered("the connection ended", nothing_came=not self._came and self._exchanges > 1))
        self._may_go_on.set()
        self._wake()

    def pause_writing(self) -> None:
        self._is_paused = True
        if not self._has_head:
            self._may_go_on.clear()

    def resume_writing(self) -> None:
        self._is_paused = False
        self._may_go_on.set()

    # what httptools calls

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._has_head:  # trailers pass nobody by
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if 100 <= status < 200:
            self.headers.clear()
            return
        self.status, self._has_head = status, True
        self._may_go_on.set()
        if self._is_head:  # its length is that of another answer
            self._is_whole, self._may_be_kept = True, False

    def on_body(self, data: bytes) -> None:
        self._chunks.append(data)
        self._buffered += len(data)
        if self._buffered > _MOST_BUFFERED and self._transport is not None:
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        if self._has_head:
            self._is_whole = True
            self._may_be_kept = self._may_be_kept and self._parser.should_keep_alive()

    # what the proxy calls

    async def send(self, method: bytes, target: bytes, headers: Sequence[Header], body: AsyncIterator[bytes]) -> None:
        """Send a request and wait for the head of its answer. Raises: Unanswered, and what `body` raises."""
        self._begin(method)
        self._exchanges += 1
        assert self._transport is not None
        chunked = any(name == b"transfer-encoding" for name, _ in headers)
        lines = [b"%b %b HTTP/1.1\r\n" % (method, target), *(b"%b: %b\r\n" % header for header in headers), b"\r\n"]
        head = b"".join(lines)
        async for piece in body:
            framed = b"%x\r\n%b\r\n" % (len(piece), piece) if chunked and piece else piece
            self._transport.write(head + framed)  # in one piece: the two would be two packets
            head = b""
            await self._may_go_on.wait()
            if not self.is_open or (self._is_paused and self._has_head):
                break  # nobody reads on; what it answered, if it did, says why
        else:
            if chunked or head:
                self._transport.write(head + (b"0\r\n\r\n" if chunked else b""))
            self._is_sent = True
        while not self._has_head:
            await self._more()

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body of the answer, as it comes. Raises: Unanswered, when it breaks off."""
        while True:
            while self._chunks:
                chunk = self._chunks.popleft()
                self._buffered -= len(chunk)
                if self._buffered <= _MOST_BUFFERED and self._transport is not None and self.is_open:
                    self._transport.resume_reading()
                yield chunk
            if self._is_whole:
                return
            await self._more()

    @property
    def is_reusable(self) -> bool:
        return self.is_open and self._is_whole and self._is_sent and self._may_be_kept and not self._chunks

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    async def _more(self) -> None:
        if self._failure is not None:
            raise self._failure
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._waiter
        except TimeoutError as late:
            raise Unanswered("the answer takes too long") from late
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, failure: Exception) -> None:
        self._failure = self._failure or failure


class PrimaryService:
    """The service at one address."""

    def __init__(self, url: str) -> None:
        """Raises: Unusable, when `url` is none."""
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError:
            port = -1
        if parts.scheme not in ("http", "https") or not parts.hostname or port == -1 or parts.query:
            raise Unusable(f"{url} is no address of a service: it looks like http://host:9000.")
        self._host, self._prefix = parts.hostname, parts.path.rstrip("/").encode()
        self._port = port or (443 if parts.scheme == "https" else 80)
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._idle: list[tuple[Connection, asyncio.TimerHandle]] = []

    async def ask(
        self, method: bytes, target: bytes, headers: Sequence[Header], body: AsyncIterator[bytes]
    ) -> Connection:
        """The connection on which the answer comes, its head read; `done` takes it back. Raises: Unanswered."""
        passed = [header for header in headers if header[0] not in _OF_THE_HOP]
        connection = self._kept() or await self._connect()
        try:
            await connection.send(method, self._prefix + target, passed, body)
        except Unanswered as failure:
            connection.close()
            if not failure.nothing_came or method not in _REPEATABLE or not _is_empty(headers):
                raise
        except BaseException:
            connection.close()
            raise
        else:
            return connection
        # The other side closed the connection just when it was used again; a new one is not.
        connection = await self._connect()
        await connection.send(method, self._prefix + target, passed, _nothing())
        return connection

    def done(self, connection: Connection) -> None:
        """Keep a connection for the next exchange, if it can be."""
        if not connection.is_reusable or len(self._idle) >= MOST_IDLE:
            connection.close()
            return
        timer = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._expire, connection)
        self._idle.append((connection, timer))

    def close(self) -> None:
        while connection := self._kept():
            connection.close()

    def _kept(self) -> Connection | None:
        while self._idle:
            connection, timer = self._idle.pop()
            timer.cancel()
            if connection.is_open:
                return connection
        return None

    def _expire(self, connection: Connection) -> None:
        self._idle = [(kept, timer) for kept, timer in self._idle if kept is not connection]
        connection.close()

    async def _connect(self) -> Connection:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, connection = await asyncio.get_running_loop().create_connection(
                    Connection, self._host, self._port, ssl=self._tls
                )
        except (OSError, TimeoutError) as failure:
            raise Unanswered(f"no connection: {failure!r}") from failure
        return connection


def passed_back(headers: Sequence[Header]) -> list[Header]:
    """The headers of an answer that are not of the connection on which it came."""
    return [(name, value) for name, value in headers if name.lower() not in _OF_THE_HOP]


def _is_empty(headers: Sequence[Header]) -> bool:
    with suppress(ValueError):
        return not any(
            name == b"transfer-encoding" or (name == b"content-length" and int(value)) for name, value in headers
        )
    return False


async def _nothing() -> AsyncIterator[bytes]:
    for piece in list[bytes]():
        yield piece
