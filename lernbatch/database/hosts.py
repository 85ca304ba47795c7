"""Connecting to a database that has several hosts, of which one is the primary and may be another one tomorrow."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

import asyncpg

Role = Literal["primary", "standby"]
CONNECT_SECONDS = 10.0
# How a connection shows that the machine at its other end is gone, which sends nothing to say so.
QUIET_SECONDS, PROBE_SECONDS, PROBES = 5, 2, 3


class NoSuchHost(ConnectionError):
    """No host of the database is its primary now, or its standby, if that was asked for."""


def each_host(dsn: str) -> list[str]:
    """A DSN for every host of `dsn`; `dsn` itself where its query says which hosts, or what they must be like."""
    url = urlsplit(dsn)
    if any(name in url.query for name in ("host=", "target_session_attrs=")):
        return [dsn]
    return [at_address(dsn, host) for host in url.netloc.rpartition("@")[2].split(",")]


def at_address(dsn: str, address: str) -> str:
    """The same database, asked for by the same user, at another address (`host` or `host:port`)."""
    url = urlsplit(dsn)
    user, at, _ = url.netloc.rpartition("@")
    return urlunsplit(url._replace(netloc=f"{user}{at}{address}"))


async def connect(
    dsn: str, *, role: Role = "primary", timeout_seconds: float = CONNECT_SECONDS, **options: Any
) -> asyncpg.Connection:
    """A connection to the host of `dsn` that has the role. A role that `dsn` names itself goes before.

    All hosts are tried at once, so that one that never answers delays nobody. Raises: NoSuchHost; what the first host
    fails with that refuses us; OSError, when none answers in `timeout_seconds`.
    """
    if "target_session_attrs=" not in dsn:
        options["target_session_attrs"] = role
    attempts = [
        asyncio.create_task(asyncpg.connect(host, timeout=timeout_seconds, **options)) for host in each_host(dsn)
    ]
    connection: asyncpg.Connection | None = None
    failures: list[Exception] = []
    try:
        for attempt in asyncio.as_completed(attempts):
            try:
                connection = await attempt
            except Exception as failure:  # noqa: BLE001 - whatever it is, another host may be the right one
                failures.append(failure)
            else:
                _notice_silence(connection)
                return connection
        raise _reason(failures, role)
    finally:
        for task in attempts:
            task.cancel()
        # Two hosts may both have answered, and one whose attempt is cancelled closes by itself.
        for ended in await asyncio.gather(*attempts, return_exceptions=True):
            if isinstance(ended, asyncpg.Connection) and ended is not connection:
                ended.terminate()


def _reason(failures: Sequence[Exception], role: Role) -> Exception:
    """What to raise when no host will do: a refusal of ours before a host that is away or has the other role."""
    away = (OSError, asyncpg.CannotConnectNowError, asyncpg.TargetServerAttributeNotMatched)
    refusal = next((failure for failure in failures if not isinstance(failure, away)), None)
    if refusal is not None:
        return refusal
    if any(isinstance(failure, asyncpg.TargetServerAttributeNotMatched) for failure in failures):
        return NoSuchHost(f"no host of the database is its {role} now")
    return failures[0]


def _notice_silence(connection: asyncpg.Connection) -> None:
    """Have the system end the connection some seconds after the other machine fell silent, instead of many minutes."""
    ours = connection._transport.get_extra_info("socket")
    if ours.family == socket.AF_UNIX:
        return
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in {
        "TCP_KEEPIDLE": QUIET_SECONDS,
        "TCP_KEEPINTVL": PROBE_SECONDS,
        "TCP_KEEPCNT": PROBES,
        "TCP_USER_TIMEOUT": (QUIET_SECONDS + PROBES * PROBE_SECONDS) * 1000,  # of what was sent and not acknowledged
    }.items():
        if hasattr(socket, name):  # not on every system
            ours.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
