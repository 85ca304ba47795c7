"""Serving over HTTP: one process, or several that share one socket; stopped by SIGTERM without losing a request."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from types import FrameType

import uvicorn
import uvloop
from prometheus_client import multiprocess
from starlette.applications import Starlette
from starlette.types import ASGIApp

from lernbatch import log, service_manager
from lernbatch.config import Config
from lernbatch.errors import Unusable
from lernbatch.jobs.pauses import pause_after
from lernbatch.web import protocol
from lernbatch.web.middleware import Middleware

KEEP_ALIVE_SECONDS = 75  # longer than the gateways before us keep theirs, so that they close first
GRACE_SECONDS = 30  # for requests under way; a statement is cut off earlier
# A process that ends so soon after its start, so often in a row, will not do better the next time.
EARLY_SECONDS, EARLY_ENDS = 5.0, 5
LONGEST_PAUSE = timedelta(seconds=10)  # between two starts of a process that ends early


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
            _spare_collector()
            await server.serve(sockets=[*socks])

    _run(run)


def _spare_collector() -> None:
    """What is loaded by now stays: looking through all of it for garbage would stop every request for 0.1 s."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


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


def serve_many(
    module: str,
    dsn: str,
    socks: Sequence[socket.socket],
    count: int,
    variables: Mapping[str, str],
    *,
    apart: bool = False,
) -> None:
    """Keep `count` processes answering on `socks` until SIGTERM; one that ends is replaced.

    `module` runs one as `python -m MODULE PARENT SOCKET [SOCKET]`, all descriptors; `variables`: its environment beside
    ours. `apart`: one more runs without a socket. Raises: Unusable, when they end as soon as they start.
    """
    with tempfile.TemporaryDirectory(prefix="lernbatch-metrics-") as metrics_folder:
        processes = WorkerProcesses(
            module, {**variables, "LERNBATCH_DATABASE_URL": dsn, "PROMETHEUS_MULTIPROC_DIR": metrics_folder}
        )
        _run(lambda: processes.run([socks] * count + [()] * apart))


class WorkerProcesses:
    """The processes of one service. They end with us even when we are killed: each watches a pipe that we hold."""

    def __init__(self, module: str, variables: Mapping[str, str]) -> None:
        self._module, self._variables = module, variables
        self._stop = asyncio.Event()

    async def run(self, processes: Sequence[Sequence[socket.socket]]) -> None:
        """Keep a process for each of `processes`, which are the sockets it answers on."""
        loop = asyncio.get_running_loop()
        for sign in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(sign, self._stop.set)
        watched, held = os.pipe()
        try:
            async with service_manager.watched(), asyncio.TaskGroup() as tasks:
                service_manager.notify(service_manager.READY)
                for socks in processes:
                    tasks.create_task(self._keep(watched, socks))
        except* Unusable as wrong:
            raise wrong.exceptions[0] from None
        finally:
            os.close(held)
            os.close(watched)

    async def _keep(self, watched: int, socks: Sequence[socket.socket]) -> None:
        early = 0
        while not self._stop.is_set():
            began = time.monotonic()
            code = await self._one(watched, socks)
            if self._stop.is_set():
                return
            early = early + 1 if time.monotonic() - began < EARLY_SECONDS else 0
            log.warning("a process ended and is replaced", exit_code=code)
            if early == EARLY_ENDS:
                raise Unusable("The processes of the service end as soon as they start; the log above says why.")
            if early:  # a database that has just died is back within seconds
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stop.wait(), pause_after(early - 1, LONGEST_PAUSE).total_seconds())

    async def _one(self, watched: int, socks: Sequence[socket.socket]) -> int:
        """Run one process until it ends by itself or we stop; its exit code."""
        descriptors = (watched, *(sock.fileno() for sock in socks))
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            self._module,
            *map(str, descriptors),
            pass_fds=descriptors,
            env={**os.environ, **self._variables},
            start_new_session=True,  # Ctrl-C reaches us alone, and we tell them
        )
        ended, stopped = asyncio.create_task(process.wait()), asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait((ended, stopped), return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped.cancel()
            if not ended.done():
                process.terminate()
            code = await ended
            multiprocess.mark_process_dead(process.pid, self._variables["PROMETHEUS_MULTIPROC_DIR"])  # type: ignore[no-untyped-call]
        return code


def _run(main: Callable[[], Coroutine[None, None, None]]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
