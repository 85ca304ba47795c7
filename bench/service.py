"""The service as the README starts it, a server that answers a constant, and the load generator, as processes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil

from bench import world
from bench.generator import Plan
from lernbatch.config import Config
from sandbox import identity


def tokens(home: Path, numbers: Iterable[int]) -> list[str]:
    """The tokens of the learners of these numbers."""
    config, now = Config(home=home), datetime.now(UTC)
    return [identity.mint(home, config, world.user_id(number), now=now) for number in numbers]


@contextmanager
def serving(home: Path, workers: int, *options: str) -> Iterator[tuple[int, psutil.Process]]:
    """`lernbatch serve --workers N` with its jobs, as the README starts it; `options`: beside these."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = {"LERNBATCH_HOME": str(home), "LERNBATCH_LOG_LEVEL": "warning"}
    settings["LERNBATCH_DEAR_CALLS_PER_MINUTE"] = "0"  # reports and files come by the thousand
    environment = {**os.environ, **settings}
    words = ("serve", "--port", str(port), "--workers", str(workers), *options)
    process = subprocess.Popen([sys.executable, "-m", "lernbatch", *words], env=environment, stdout=subprocess.DEVNULL)
    try:
        _wait(f"http://127.0.0.1:{port}/readyz")
        yield port, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(60)


@contextmanager
def answering(home: Path, workers: int, answer_bytes: int) -> Iterator[int]:
    """As many processes of the same server with an application that answers so many bytes to everything."""
    with socket.create_server(("127.0.0.1", 0)) as sock, ExitStack() as opened:
        words = [sys.executable, "-m", "bench.ceiling", str(sock.fileno()), str(answer_bytes)]
        environment = {**os.environ, "LERNBATCH_HOME": str(home)}
        for _ in range(workers):
            process = subprocess.Popen(words, env=environment, pass_fds=(sock.fileno(),))
            opened.callback(process.wait, 60)
            opened.callback(process.terminate)
        port = sock.getsockname()[1]
        _wait(f"http://127.0.0.1:{port}/")
        yield port


def _wait(url: str) -> None:
    for _ in range(300):
        try:
            if httpx.get(url).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise RuntimeError(f"{url} does not answer")


def generate(folder: Path, plan: Plan) -> dict[str, float]:
    """Send what `plan` says; its rate, its latencies in milliseconds. Raises: RuntimeError, when a call fails."""
    path = folder / "plan.json"
    path.write_text(json.dumps(asdict(plan)), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "bench.generator", str(path)],
        capture_output=True,
        text=True,
        timeout=plan.seconds + 60,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return dict(json.loads(done.stdout))


def memory_of(process: psutil.Process) -> float:
    """The memory of a service's largest process in MiB."""
    processes = [process, *process.children(recursive=True)]
    return float(max(one.memory_info().rss for one in processes)) / 2**20
