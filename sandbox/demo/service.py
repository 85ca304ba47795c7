"""Starts the service that the demo talks to: a process of its own, as an operator would start it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx

from lernbatch import command
from lernbatch.config import Config
from lernbatch.errors import Unusable
from lernbatch.web import server

START_SECONDS = 300  # a busy machine is slow; a service that ends is noticed at once
SHOWN_AFTER_SECONDS = 10  # of waiting


@contextmanager
def started(settings: Config, dsn: str) -> Iterator[str]:
    """A ready service; yields its URL. It ends with us, even when we are killed: it watches a pipe that we hold."""
    asyncio.run(command.migrate(settings, dsn))
    watched, held = os.pipe()
    try:
        free_sock = server.listening(settings.host, settings.port)
    except Unusable:  # the configured port is taken
        free_sock = server.listening(settings.host, 0)
    with free_sock as sock:
        url = server.url(sock)
        process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "lernbatch.app", str(watched), str(sock.fileno())],
            pass_fds=(sock.fileno(), watched),
            env={
                **os.environ,
                "LERNBATCH_DATABASE_URL": dsn,
                "LERNBATCH_PUBLIC_URL": url,
                "LERNBATCH_LOG_LEVEL": "error",
                "LERNBATCH_REPORTS_APART": "false",  # there is this process alone
            },
        )
    os.close(watched)
    try:
        await_ready(url, process)
        yield url
    finally:
        os.close(held)
        process.terminate()
        process.wait()


def await_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until /readyz says so; what it says else is shown once it has said that for a while."""
    start, said, shown = time.monotonic(), "nothing", ""
    with httpx.Client(base_url=url, timeout=60) as http:
        while time.monotonic() < start + START_SECONDS and process.poll() is None:
            with suppress(httpx.TransportError):
                answer = http.get("/readyz")
                if answer.status_code == 200:
                    return
                said = answer.text.strip()
            if said != shown and time.monotonic() > start + SHOWN_AFTER_SECONDS:
                print(f"Waiting for the service; /readyz says: {said}", file=sys.stderr, flush=True)
                shown = said
            time.sleep(0.05)
    raise Unusable(
        f"The service did not become ready within {START_SECONDS} seconds; its log above says why. "
        f"/readyz said last: {said}"
    )
