"""The parent of several processes that share one socket: `python -m lernbatch.web.workers WORKERS`, in JSON.

The command that serves becomes it by exec, under the same process id. So nothing stays loaded that only the start
needed: a parent waits, restarts what ends, and takes a tenth of the memory of a process that answers.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from lernbatch import log, service_manager
from lernbatch.errors import Unusable
from lernbatch.jobs.pauses import pause_after
from postgres_supervisor import embedded
from postgres_supervisor.errors import SupervisorError

if TYPE_CHECKING:
    from lernbatch.config import Config

# A process that ends so soon after its start, so often in a row, will not do better the next time.
EARLY_SECONDS, EARLY_ENDS = 5.0, 5
LONGEST_PAUSE = timedelta(seconds=10)  # between two starts of a process that ends early


@dataclass(frozen=True, slots=True)
class HeldDatabase:
    """The embedded server, which the parent keeps running. `users`: the descriptor of embedded.hold."""

    home: str
    users: int
    bin_dir: str | None
    port: int | None


@dataclass(frozen=True, slots=True)
class Workers:
    """Which processes the parent keeps.

    `module` runs one as `python -m MODULE PARENT SOCKET [SOCKET]`, all descriptors. `apart`: one more runs without a
    socket. `database` None: it is not ours to keep.
    """

    module: str
    count: int
    apart: bool
    sockets: Sequence[int]
    log_level: str
    database: HeldDatabase | None


def hold_database(settings: Config) -> HeldDatabase:
    """The embedded server, which this process uses and the parent is to keep."""
    bin_dir = None if settings.pg_bin is None else str(settings.pg_bin)
    return HeldDatabase(str(settings.home), embedded.hold(settings.home), bin_dir, settings.pg_port)


def become(workers: Workers, dsn: str, variables: Mapping[str, str]) -> NoReturn:
    """Replace this process by the parent. `variables`: the environment of its processes beside ours."""
    for descriptor in workers.sockets:
        os.set_inheritable(descriptor, True)
    sys.stdout.flush()
    environment = {**os.environ, **variables, "LERNBATCH_DATABASE_URL": dsn}
    words = [sys.executable, "-m", "lernbatch.web.workers", json.dumps(asdict(workers))]
    os.execve(sys.executable, words, environment)  # noqa: S606 - no shell, our own arguments


def main() -> None:
    """Keep the processes running until SIGTERM; the database, too, where it is ours."""
    given = json.loads(sys.argv[1])
    held = given["database"]
    workers = Workers(**{**given, "database": None if held is None else HeldDatabase(**held)})
    log.configure(workers.log_level)
    try:
        with ExitStack() as opened:
            if (database := workers.database) is not None:
                opened.enter_context(
                    embedded.held(
                        Path(database.home),
                        database.users,
                        os.environ["LERNBATCH_DATABASE_URL"],
                        bin_dir=None if database.bin_dir is None else Path(database.bin_dir),
                        port=database.port,
                        warn=log.warning,
                    )
                )
            folder = opened.enter_context(tempfile.TemporaryDirectory(prefix="lernbatch-metrics-"))
            processes = [workers.sockets] * workers.count + [()] * workers.apart
            asyncio.run(_WorkerProcesses(workers.module, folder).run(processes))
    except (Unusable, SupervisorError) as wrong:
        sys.exit(f"lernbatch: {wrong}")


class _WorkerProcesses:
    """The processes of one service. They end with us even when we are killed: each watches a pipe that we hold."""

    def __init__(self, module: str, metrics_folder: str) -> None:
        self._module, self._metrics_folder = module, metrics_folder
        self._stop = asyncio.Event()

    async def run(self, processes: Sequence[Sequence[int]]) -> None:
        """Keep a process for each of `processes`, which are the sockets it answers on."""
        loop = asyncio.get_running_loop()
        for sign in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(sign, self._stop.set)
        watched, held = os.pipe()
        try:
            async with service_manager.watched(), asyncio.TaskGroup() as tasks:
                service_manager.notify(service_manager.READY)
                for sockets in processes:
                    tasks.create_task(self._keep(watched, sockets))
        except* Unusable as wrong:
            raise wrong.exceptions[0] from None
        finally:
            os.close(held)
            os.close(watched)

    async def _keep(self, watched: int, sockets: Sequence[int]) -> None:
        early = 0
        while not self._stop.is_set():
            began = time.monotonic()
            code = await self._one(watched, sockets)
            if self._stop.is_set():
                return
            early = early + 1 if time.monotonic() - began < EARLY_SECONDS else 0
            log.warning("a process ended and is replaced", exit_code=code)
            if early == EARLY_ENDS:
                raise Unusable("The processes of the service end as soon as they start; the log above says why.")
            if early:  # a database that has just died is back within seconds
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stop.wait(), pause_after(early - 1, LONGEST_PAUSE).total_seconds())

    async def _one(self, watched: int, sockets: Sequence[int]) -> int:
        """Run one process until it ends by itself or we stop; its exit code."""
        descriptors = (watched, *sockets)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            self._module,
            *map(str, descriptors),
            pass_fds=descriptors,
            env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": self._metrics_folder},
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
            # What it had at the moment goes, as prometheus_client.multiprocess.mark_process_dead does it.
            for file in Path(self._metrics_folder).glob(f"gauge_live*_{process.pid}.db"):  # noqa: ASYNC240 - this process answers nobody
                file.unlink()
        return code


if __name__ == "__main__":
    main()
