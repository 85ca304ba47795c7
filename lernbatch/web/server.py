"""Serving over HTTP in one process, stopped by SIGTERM without losing a request; several are kept by workers.py."""

from __future__ import annotations

import asyncio
import errno
import gc
import signal
import socket
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from types import FrameType

import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.types import ASGIApp

from lernbatch import service_manager
from lernbatch.config import Config
from lernbatch.errors import Unusable
from lernbatch.web import protocol
from lernbatch.web.middleware import Middleware

KEEP_ALIVE_SECONDS = 75  # longer than the gateways before us keep theirs, so that they close first
GRACE_SECONDS = 30  # for requests under way; a statement is cut off earlier


def listening(host: str, port: int, chosen_by: str = "--port") -> socket.socket:
    """A socket bound to that address; port 0 takes a free one. Raises: Unusable, naming `chosen_by` for another."""
    if not 0 <= port <= 65535:
        raise Unusable(f"There is no port {port}: ports are numbers from 0 to 65535.")
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
    except OSError as wrong:
        sock.close()
        if wrong.errno == errno.EADDRINUSE:
            raise Unusable(
                f"Port {port} of {host} is taken: stop what listens there, or choose another with {chosen_by}."
            ) from wrong
        raise Unusable(f"The service cannot listen on {host}, port {port}: {wrong.strerror or wrong}.") from wrong
    except UnicodeError as wrong:
        sock.close()
        raise Unusable(f"The service cannot listen on {host!r}: that is no name of a host.") from wrong
    return sock


def url(sock: socket.socket) -> str:
    """Where `sock` is reached from this machine."""
    host, port = sock.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - shown, not bound
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Server(uvicorn.Server):
    """uvicorn, which on SIGTERM first says that it is leaving, then stops as it should, and ends with 0.

    /readyz answers 503 for `drain_seconds` while requests are still taken, so that a load balancer looks elsewhere
    before the door closes. A second signal ends that wait, a second Ctrl-C also the wait for requests under way.
    """

    def __init__(
        self, settings: uvicorn.Config, leave: Callable[[], None], drain_seconds: float, *, is_main: bool = True
    ) -> None:
        super().__init__(settings)
        self.is_main = is_main  # and no child of one that speaks for it
        self._leave, self._drain_seconds = leave, drain_seconds
        self._close_at: float | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.is_main:
            service_manager.notify(service_manager.READY)

    def handle_exit(self, sig: int, _: FrameType | None) -> None:
        if self._close_at is None:
            self._leave()
            self._close_at = time.monotonic() + self._drain_seconds
        else:
            self._close_at = 0
            self.force_exit = self.should_exit and sig == signal.SIGINT

    async def on_tick(self, counter: int) -> bool:
        if self._close_at is not None and time.monotonic() >= self._close_at:
            self.should_exit = True
        return await super().on_tick(counter)


def serve(application: Middleware, settings: Config, socks: Sequence[socket.socket], parent: int | None = None) -> None:
    """Answer on `socks` until SIGTERM, or until the process at the other end of pipe `parent` is gone.

    The first is for everybody, the second, if there is one, for operators.
    """
    application.app.state.operators_port = socks[1].getsockname()[1] if len(socks) > 1 else None
    server = Server(_served(application, settings), application.leave, settings.drain_seconds, is_main=parent is None)

    def orphaned(parent: int) -> None:
        asyncio.get_running_loop().remove_reader(parent)
        server.handle_exit(signal.SIGTERM, None)

    async def run() -> None:
        if parent is not None:
            asyncio.get_running_loop().add_reader(parent, orphaned, parent)
        async with service_manager.watched() if parent is None else AsyncExitStack(), application.running():
            # What is loaded by now stays: looking through all of it for garbage would stop every request for 0.1 s.
            gc.collect()
            gc.freeze()
            gc.set_threshold(10_000, 20, 20)
            await server.serve(sockets=[*socks])

    _run(run)


def serve_alone(application: Starlette, settings: Config, sock: socket.socket) -> None:
    """Answer on `sock` with another application than the service until SIGTERM."""
    server = Server(_served(application, settings), lambda: None, 0)

    async def run() -> None:
        async with application.router.lifespan_context(application):
            await server.serve(sockets=[sock])

    _run(run)


def _served(application: ASGIApp, settings: Config) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        lifespan="off",  # we hold it ourselves, so that what fails at the start is a sentence
        loop="uvloop",
        http=protocol.bounded(settings),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # whose word counts is decided where it matters, see private.py
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def _run(main: Callable[[], Coroutine[None, None, None]]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
