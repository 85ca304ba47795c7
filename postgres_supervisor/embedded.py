"""The embedded PostgreSQL: started by the first command that needs it, stopped by the last that leaves.

Below `home/postgres` lie `data`, `server.log`, `password` and four locks: `lock` (who starts or stops, one at a time),
`users` (shared, one hold a user), `server` (held by the server itself) and `keeper` (held by who stops the server when
its last user was killed). While there are users, each of them starts the server again when it died.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, flock
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias
from urllib.parse import quote, urlsplit

from postgres_supervisor import keeper
from postgres_supervisor.binaries import binaries, server_version
from postgres_supervisor.cluster import Cluster, Died, StillStarting
from postgres_supervisor.errors import SupervisorError
from postgres_supervisor.locks import opened, turn
from postgres_supervisor.processes import own_user
from postgres_supervisor.reasons import explained, failure

__all__ = ["binaries", "running", "server_version"]

_LOG = logging.getLogger("postgres_supervisor")
Warn: TypeAlias = Callable[[str], object]
NO_OPTIONS: Mapping[str, str] = MappingProxyType({})
LOOK_SECONDS = 0.5  # a look at the server is two small files
LONGEST_PAUSE_SECONDS = 30.0  # between two vain attempts to start it again


@contextlib.contextmanager
def running(
    home: Path,
    *,
    bin_dir: Path | None = None,
    port: int | None = None,
    options: Mapping[str, str] = NO_OPTIONS,
    warn: Warn = _LOG.warning,
) -> Iterator[str]:
    """A running server with its data under `home`/postgres; yields the DSN of its database `lernbatch`.

    A server that already runs there is shared; `bin_dir`, `port` and `options` (settings of PostgreSQL) are then those
    of who started it. With `port` it listens on 127.0.0.1, too; without, on a Unix socket alone if the path allows.
    One that dies is started again within seconds; `warn` is called with a sentence when that happens, or cannot.

    Raises: SupervisorError, with one sentence for the operator.
    """
    if sys.platform != "linux":
        raise SupervisorError(
            "The embedded PostgreSQL runs on Linux only: set LERNBATCH_DATABASE_URL to a server of yours."
        )
    with explained(home):
        cluster = Cluster(_folder(home), binaries(bin_dir))
        users, dsn = _join(cluster, port, options)
    with _watched(cluster, users, dsn, port, options, warn):
        yield dsn


def hold(home: Path) -> int:
    """One more hold on the server that runs under `home`: a descriptor that stays open when this process execs."""
    users = opened(_folder(home) / "users")
    flock(users, LOCK_SH)
    os.set_inheritable(users, True)
    return users


@contextlib.contextmanager
def held(
    home: Path,
    users: int,
    dsn: str,
    *,
    bin_dir: Path | None = None,
    port: int | None = None,
    warn: Warn = _LOG.warning,
) -> Iterator[None]:
    """As `running`, for who had the server running before it became another program; `users`: of `hold`."""
    os.set_inheritable(users, False)
    with explained(home):
        cluster = Cluster(_folder(home), binaries(bin_dir))
    with _watched(cluster, users, dsn, port, NO_OPTIONS, warn):
        yield


@contextlib.contextmanager
def _watched(
    cluster: Cluster, users: int, dsn: str, port: int | None, options: Mapping[str, str], warn: Warn
) -> Iterator[None]:
    leaving = threading.Event()
    watch = threading.Thread(target=_watch, args=(cluster, dsn, port, options, warn, leaving), daemon=True)
    watch.start()
    try:
        yield
    finally:
        leaving.set()
        watch.join()
        with explained(cluster.folder.parent):
            with turn(cluster.folder):
                stopped = _part(cluster, users)
            if stopped:
                keeper.await_end(cluster)


def _join(cluster: Cluster, port: int | None, options: Mapping[str, str]) -> tuple[int, str]:
    """Become a user of the server, starting it where none runs; our hold on `users`, and the DSN."""
    with contextlib.ExitStack() as gone, turn(cluster.folder), contextlib.ExitStack() as undo:
        gone.callback(keeper.await_end, cluster)
        users = opened(cluster.folder / "users")
        flock(users, LOCK_SH)  # a keeper may hold it for a moment
        undo.callback(_part, cluster, users)
        try:
            dsn = _ready(cluster, port, options)
        except StillStarting:
            gone.pop_all()
            undo.pop_all()  # leave it to its recovery; the next command finds it ready
            os.close(users)
            raise
        gone.pop_all()
        undo.pop_all()
        return users, dsn


def _ready(cluster: Cluster, port: int | None, options: Mapping[str, str]) -> str:
    """The DSN of the server, started if none runs, with a keeper beside it."""
    if dsn := _found(cluster):
        keeper.start(cluster)
        return dsn
    cluster.create()
    keeper.start(cluster)  # first, for we may be killed at any moment
    cluster.start(port, options)
    return _ensure_database(cluster)


def _found(cluster: Cluster) -> str | None:
    while cluster.is_running():
        with contextlib.suppress(Died):  # we came while it died: look again
            cluster.wait_until_ready(seen=True)
            cluster.bound_log()
            return _ensure_database(cluster)
    return None


def _watch(
    cluster: Cluster,
    dsn: str,
    port: int | None,
    options: Mapping[str, str],
    warn: Warn,
    leaving: threading.Event,
) -> None:
    """Start the server again whenever it died, where its users expect it, until we leave."""
    port = urlsplit(dsn).port or port
    pause = LOOK_SECONDS
    while not leaving.wait(pause):
        if cluster.postmaster() is not None:
            pause = LOOK_SECONDS
            continue
        try:
            with explained(cluster.folder), turn(cluster.folder):
                if not leaving.is_set() and _ready(cluster, port, options) != dsn:
                    warn("the database server is elsewhere now, and this process ends")
                    os.kill(os.getpid(), signal.SIGTERM)
                    return
            warn("the database server had died and was started again")
        except SupervisorError as reason:
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            warn(f"the database server has died and cannot be started again: {reason}")


def _part(cluster: Cluster, users: int) -> bool:
    """Give up our hold; who finds that nobody else has one stops the server. Whether we did."""
    try:
        flock(users, LOCK_EX | LOCK_NB)
        cluster.stop()
    except BlockingIOError:
        return False
    finally:
        os.close(users)
    return True


def _ensure_database(cluster: Cluster) -> str:
    """The DSN of the database `lernbatch`, made if it is missing; proves by a connection that the DSN is right."""
    import asyncpg  # not of those who only keep a server running

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
        postmaster = cluster.postmaster()
        if postmaster is None:
            raise cluster.died("The database server stopped again")
        who = f"postgresql://lernbatch:{cluster.password}"
        if postmaster.socket_folder:
            return f"{who}@/{database}?host={quote(postmaster.socket_folder)}&port={postmaster.port}"
        return f"{who}@127.0.0.1:{postmaster.port}/{database}"

    # A thread of its own, because the caller may be a service whose event loop already runs in this one.
    with ThreadPoolExecutor(1) as aside:
        try:
            aside.submit(asyncio.run, ensure()).result()
        except asyncpg.InvalidPasswordError as error:
            raise SupervisorError(
                f"The password in {cluster.folder / 'password'} is not that of the server: restore the file, "
                "or remove it while no command runs to get a new one."
            ) from error
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            if cluster.postmaster() is None:
                raise cluster.died("The database server stopped again") from error
            raise failure("The database server runs but cannot be used", str(error), cluster.folder) from error
    return dsn("lernbatch")


def _folder(home: Path) -> Path:
    home.mkdir(parents=True, exist_ok=True)
    folder = home.resolve() / "postgres"
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        return folder
    if os.geteuid() == 0:  # ours and new: the user under whom root runs PostgreSQL, alone, passes here to its data
        os.chown(folder, -1, own_user(folder)[1])
        folder.chmod(0o710)
    return folder
