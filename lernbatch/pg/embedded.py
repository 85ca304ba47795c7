"""The embedded PostgreSQL: started by the first command that needs it, stopped by the last that leaves.

Below `home/postgres` lie `data`, `server.log`, `password` and three locks: `lock` (who starts or stops, one at a time),
`users` (shared, one hold a user) and `server` (held by the server itself). The kernel drops a dead process's locks, so
nothing here can be stale.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, flock
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote

import asyncpg

from lernbatch.errors import Unusable
from lernbatch.pg.binaries import binaries, server_version
from lernbatch.pg.cluster import START_SECONDS, STOP_SECONDS, Cluster, Died, StillStarting
from lernbatch.pg.reasons import explained, failure

__all__ = ["binaries", "running", "server_version"]

NO_OPTIONS: Mapping[str, str] = MappingProxyType({})
TURN_SECONDS = START_SECONDS + STOP_SECONDS


@contextlib.contextmanager
def running(
    home: Path,
    *,
    bin_dir: Path | None = None,
    port: int | None = None,
    options: Mapping[str, str] = NO_OPTIONS,
) -> Iterator[str]:
    """A running server with its data under `home`/postgres; yields the DSN of its database `lernbatch`.

    A server that already runs there is shared; `bin_dir`, `port` and `options` (settings of PostgreSQL) are then those
    of who started it. With `port` it listens on 127.0.0.1, too; without, on a Unix socket alone if the path allows.

    Raises: Unusable, with one sentence for the operator.
    """
    if sys.platform != "linux":
        raise Unusable("The embedded PostgreSQL runs on Linux only: set LERNBATCH_DATABASE_URL to a server of yours.")
    with explained(home):
        cluster = Cluster(_folder(home), binaries(bin_dir))
        users, dsn = _join(cluster, port, options)
    try:
        yield dsn
    finally:
        with explained(home), _turn(cluster.folder):
            _part(cluster, users)


def _join(cluster: Cluster, port: int | None, options: Mapping[str, str]) -> tuple[int, str]:
    """Become a user of the server, starting it where none runs; our hold on `users`, and the DSN."""
    with _turn(cluster.folder), contextlib.ExitStack() as undo:
        users = _opened(cluster.folder / "users")
        flock(users, LOCK_SH | LOCK_NB)
        undo.callback(_part, cluster, users)
        try:
            dsn = _found(cluster) or _started(cluster, port, options)
        except StillStarting:
            undo.pop_all()  # leave it to its recovery; the next command finds it ready
            os.close(users)
            raise
        undo.pop_all()
        return users, dsn


def _found(cluster: Cluster) -> str | None:
    while cluster.is_running():
        with contextlib.suppress(Died):  # we came while it died: look again
            cluster.wait_until_ready(seen=True)
            cluster.bound_log()
            return _ensure_database(cluster)
    return None


def _started(cluster: Cluster, port: int | None, options: Mapping[str, str]) -> str:
    cluster.create()
    cluster.start(port, options)
    return _ensure_database(cluster)


def _part(cluster: Cluster, users: int) -> None:
    """Give up our hold; who finds that nobody else has one stops the server."""
    try:
        flock(users, LOCK_EX | LOCK_NB)
        cluster.stop()
    except BlockingIOError:
        pass
    finally:
        os.close(users)


def _ensure_database(cluster: Cluster) -> str:
    """The DSN of the database `lernbatch`, made if it is missing; proves by a connection that the DSN is right."""

    async def ensure() -> None:
        with contextlib.suppress(asyncpg.InvalidCatalogNameError):
            await (await asyncpg.connect(dsn("lernbatch"), timeout=30)).close()
            return
        connection = await asyncpg.connect(dsn("postgres"), timeout=30)
        try:
            await connection.execute("CREATE DATABASE lernbatch")
        finally:
            await connection.close()

    def dsn(database: str) -> str:
        return _dsn(cluster, database)

    # A thread of its own, because the caller may be a service whose event loop already runs in this one.
    with ThreadPoolExecutor(1) as aside:
        try:
            aside.submit(asyncio.run, ensure()).result()
        except asyncpg.InvalidPasswordError as error:
            raise Unusable(
                f"The password in {cluster.folder / 'password'} is not that of the server: restore the file, "
                "or remove it while no command runs to get a new one."
            ) from error
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            if cluster.postmaster() is None:
                raise cluster.died("The database server stopped again") from error
            raise failure("The database server runs but cannot be used", str(error), cluster.folder) from error
    return dsn("lernbatch")


def _dsn(cluster: Cluster, database: str) -> str:
    postmaster = cluster.postmaster()
    if postmaster is None:
        raise cluster.died("The database server stopped again")
    who = f"postgresql://lernbatch:{cluster.password}"
    if postmaster.socket_folder:
        return f"{who}@/{database}?host={quote(postmaster.socket_folder)}&port={postmaster.port}"
    return f"{who}@127.0.0.1:{postmaster.port}/{database}"


def _folder(home: Path) -> Path:
    home.mkdir(parents=True, exist_ok=True)
    folder = home.resolve() / "postgres"
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        return folder
    if os.geteuid() == 0:
        folder.chmod(0o711)  # ours and new: the user under whom root runs PostgreSQL passes here to its data
    return folder


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)


@contextlib.contextmanager
def _turn(folder: Path) -> Iterator[None]:
    """One command at a time looks whether a server runs, starts or stops it."""
    deadline = time.monotonic() + TURN_SECONDS
    lock = _opened(folder / "lock")
    try:
        while True:
            try:
                flock(lock, LOCK_EX | LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Unusable(
                        f"Another command has been starting or stopping the database server in {folder} "
                        f"for {TURN_SECONDS:g} seconds: end that command, then try again."
                    ) from None
                time.sleep(0.01)
        yield
    finally:
        os.close(lock)
