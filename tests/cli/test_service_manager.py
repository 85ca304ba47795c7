"""As systemd runs it: ready when it answers, alive while it runs, stopping on SIGTERM."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.commands import Installation
from tests.forked import WAIT_SECONDS


class Manager:
    """The socket on which systemd listens."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address.replace("@", "\0", 1))
        self._socket.settimeout(WAIT_SECONDS)

    def hears(self, state: str) -> None:
        """Wait until `state` is sent; signs of life may come before it."""
        while (heard := self._socket.recv(100).decode()) != state:
            assert heard == "WATCHDOG=1"

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    folder = tmp_path_factory.mktemp("n")
    manager = Manager(str(folder / "s") if request.param == "path" else f"@lernbatch-{folder}")
    yield manager
    manager.close()


@pytest.mark.parametrize(
    "words", [["serve", "--port", "0"], ["serve", "--port", "0", "--workers", "2"], ["worker"]], ids=" ".join
)
def test_the_manager_hears_that_it_is_ready_alive_and_stopping(
    words: list[str], manager: Manager, installation: Installation
) -> None:
    told = {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "200000"}
    process = subprocess.Popen(
        [sys.executable, "-m", "lernbatch", *words],
        env={**installation.environment, **told},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        manager.hears("READY=1")
        manager.hears("WATCHDOG=1")
        process.send_signal(signal.SIGTERM)
        manager.hears("STOPPING=1")
        assert process.wait(WAIT_SECONDS) == 0
    finally:
        process.kill()
        process.wait()


def test_a_manager_that_is_gone_stops_nothing(installation: Installation, tmp_path: Path) -> None:
    told = {"NOTIFY_SOCKET": str(tmp_path / "gone"), "WATCHDOG_USEC": "200000"}
    with replace(installation, settings=told).serving("serve") as serving:
        serving.wait_until_ready()
        assert serving.stop() == 0
