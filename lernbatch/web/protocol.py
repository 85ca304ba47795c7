"""HTTP/1.1 on one connection, with an end to what a client may take: see docs/decisions/0012-requests-have-an-end.md.

uvicorn bounds neither the time in which a request arrives nor the size of its headers. Both are bounded here, and
nowhere else: everything that is asked of uvicorn beyond its documented interface stands in this module.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from lernbatch import metrics
from lernbatch.config import Config
from lernbatch.errors import LernbatchError
from lernbatch.web import envelope

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application


class TooSlow(LernbatchError):
    """The request did not arrive in time."""

    http_status = HTTPStatus.REQUEST_TIMEOUT
    code = "REQUEST_TIMEOUT"
    message = "The request did not arrive in time."


class HeadersTooLarge(LernbatchError):
    """Path and headers are larger than the configured bound."""

    http_status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    code = "HEADERS_TOO_LARGE"
    message = "The request's headers are too large."


class _Refused(Exception):
    """Ends the parsing of a request that was answered here."""


class Protocol(HttpToolsProtocol):
    """A request that arrives in one piece, as nearly all do, costs two comparisons more than uvicorn's; no timer."""

    header_seconds: float
    body_seconds: float
    max_header_bytes: int

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._deadline: asyncio.TimerHandle | None = None
        self._complete = False  # nothing of a request is outstanding
        self._in_headers = False  # its headers have begun and not ended
        self._received = 0  # bytes that came last
        self._header_bytes = 0  # bytes since the headers began; more than theirs, when other data came along
        self._unsent: asyncio.TimerHandle | None = None
        self._answered: RequestResponseCycle | None = None  # which request is, of those that came in a row

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await(self.header_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._deadline, self._unsent):
            if timer is not None:
                timer.cancel()
        self._leave_answer()
        super().connection_lost(exc)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answered = cycle
        super()._start_asgi_task(cycle, app)

    def data_received(self, data: bytes) -> None:
        if self._complete and (self.cycle is None or self.cycle.response_complete):
            self._complete = False  # whatever this is, a request must come of it
        self._received = len(data)
        if self._in_headers:
            self._header_bytes += len(data)
        super().data_received(data)
        if self._complete:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None
        elif self._deadline is None and not self.transport.is_closing():
            self._await(self.body_seconds if self._in_body() else self.header_seconds)
        if self._in_headers and self._header_bytes > self.max_header_bytes:
            self._refuse(HeadersTooLarge())

    def on_message_begin(self) -> None:
        self._complete, self._in_headers, self._header_bytes = False, True, self._received
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        if self._header_bytes > self.max_header_bytes:  # perhaps: the body, or another request, may be among them
            size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if size > self.max_header_bytes:
                self._refuse(HeadersTooLarge())
                raise _Refused
        self._in_headers = False
        if self._deadline is not None:
            self._await(self.body_seconds)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._complete = True
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        if not self.transport.is_closing():  # else it was refused already
            self._leave_answer()
            super().send_400_response(msg)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unsent = self.loop.call_later(self.body_seconds, self._look_at_unsent, self._unsent_bytes())

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unsent is not None:
            self._unsent.cancel()
            self._unsent = None

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        if self._unsent is None:  # an answer that is taken slowly has its own deadline
            self._unsent = self.loop.call_later(self.body_seconds, self._look_at_unsent, self._unsent_bytes())

    def _await(self, seconds: float) -> None:
        """The rest of the headers, or of the body, must be there in so many seconds."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(seconds, self._late)

    def _late(self) -> None:
        self._deadline = None
        if self.transport.is_closing():
            return
        answering = self.cycle is not None and not self.cycle.response_complete
        if self.flow.read_paused or (answering and self._in_headers):  # it is we who do not read, or not yet
            self._await(self.body_seconds)
            return
        if self._in_headers or self._in_body():
            self._refuse(TooSlow())
        else:  # nothing was asked, or it was answered before all of it came
            self.transport.close()

    def _in_body(self) -> bool:
        """Whether the body of a request that is not answered yet is outstanding."""
        return not (self._complete or self._in_headers or self.cycle is None or self.cycle.response_complete)

    def _refuse(self, error: LernbatchError) -> None:
        """Answer `error`, unless an answer was begun, and close."""
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            body = envelope.failure("/", None, datetime.now(UTC), error)
            head = (
                f"HTTP/1.1 {error.http_status} {HTTPStatus(error.http_status).phrase}\r\n"
                f"content-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
            )
            self.transport.write(head.encode() + body)
            metrics.answered("none", error.http_status, 0)
        self._leave_answer()
        self.transport.close()

    def _leave_answer(self) -> None:
        """Whoever answers a request hears that nothing more comes of it, and sends nothing to a closed connection.

        `cycle` is the last request of the connection, of which uvicorn thinks alone.
        """
        for cycle in (self._answered, self.cycle):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()

    def _unsent_bytes(self) -> int:
        return self.transport.get_write_buffer_size()

    def _look_at_unsent(self, before: int) -> None:
        """An answer of which the client took nothing for so long is given up."""
        self._unsent = None
        now = self._unsent_bytes()
        if now >= before > 0:
            self._leave_answer()
            self.transport.abort()
        elif now:
            self._unsent = self.loop.call_later(self.body_seconds, self._look_at_unsent, now)


def bounded(config: Config) -> type[Protocol]:
    """The protocol with the bounds of `config`."""

    class Bounded(Protocol):
        header_seconds = config.header_seconds
        body_seconds = config.body_seconds
        max_header_bytes = config.max_header_bytes

    return Bounded
