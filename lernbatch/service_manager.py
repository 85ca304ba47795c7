"""What systemd hears of us (`Type=notify`): ready, alive, stopping. Without it nothing is sent.

Source: sd_notify(3), sd_watchdog_enabled(3).
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

READY, ALIVE, STOPPING = "READY=1", "WATCHDOG=1", "STOPPING=1"


def notify(state: str) -> None:
    """Send `state`; who does not listen any more is not waited for."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        sock.setblocking(False)
        sock.sendto(state.encode(), address.replace("@", "\0", 1))  # @: a name outside the file system


@asynccontextmanager
async def watched() -> AsyncIterator[None]:
    """Say that we are alive as often as the watchdog asks for, while the event loop turns; then that we stop."""
    seconds = _watchdog_seconds()

    async def ping() -> None:
        while True:
            notify(ALIVE)
            await asyncio.sleep(seconds / 2)

    pings = asyncio.create_task(ping()) if seconds else None
    try:
        yield
    finally:
        notify(STOPPING)
        if pings is not None:
            pings.cancel()


def _watchdog_seconds() -> float:
    """Within how many seconds a sign of life is due; 0: none is asked of this process."""
    microseconds, pid = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", str(os.getpid()))
    return int(microseconds) / 1_000_000 if microseconds.isdigit() and pid == str(os.getpid()) else 0
