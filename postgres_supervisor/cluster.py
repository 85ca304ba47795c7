"""One data folder and its server: made, found, started, stopped. Who uses it is the matter of `embedded.py`."""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from postgres_supervisor.address import free_port, may_hold_socket, private_folder
from postgres_supervisor.errors import SupervisorError
from postgres_supervisor.processes import Processes, command_line, give, own_user
from postgres_supervisor.reasons import compact, failure

START_SECONDS = 120.0  # a recovery after a crash may have a gigabyte of log to read
STOP_SECONDS = 60.0
LEFTOVER_SECONDS = 5.0  # children of a killed server notice within milliseconds, unless they compute
DYING_SECONDS = 30.0  # a killed process ends when the system gets round to it
LOG_BYTES = 10_000_000

SETTINGS = {
    "shared_buffers": "256MB",
    "max_connections": "100",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "autovacuum": "on",
    "jit": "off",  # costs more than it gives on statements of milliseconds
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",  # we look for reasons in its log
    # Errors of statements are the service's to log; here they would fill a file with learners' data.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_checkpoints": "off",
    "logging_collector": "off",
}


class Died(SupervisorError):
    """It was there, and is no more."""


class StillStarting(SupervisorError):
    """It lives but is not ready, most likely recovering; to stop it would make the next start begin again."""


@dataclass(frozen=True)
class Postmaster:
    """What a running server says of itself."""

    pid: int
    port: int
    socket_folder: str
    is_ready: bool


@dataclass(frozen=True)
class Cluster:
    """The folder `home/postgres`: data, locks, password, log."""

    folder: Path
    bin_dir: Path

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    @property
    def password(self) -> str:
        return (self.folder / "password").read_text().strip()

    @cached_property
    def processes(self) -> Processes:
        return Processes(self.folder, self.bin_dir)

    # -- finding

    def is_running(self) -> bool:
        """Whether a server runs, ready or not; what a dead one left behind is waited for, then killed."""
        began = time.monotonic()
        while self.processes.any_alive():
            if self.postmaster() is not None:
                return True
            waited = time.monotonic() - began
            if waited > LEFTOVER_SECONDS + DYING_SECONDS:
                raise SupervisorError(
                    f"Processes that cannot be ended from here use {self.data}, perhaps in another container: "
                    "stop them, or choose another folder."
                )
            if waited > LEFTOVER_SECONDS:
                self.processes.kill()  # again and again: one of them may just have started another
            time.sleep(0.01)
        return False

    def postmaster(self) -> Postmaster | None:
        """The live server; None also in the moment before it has written its file."""
        try:
            lines = (self.data / "postmaster.pid").read_text().split("\n")
            pid, _data, _since, port, socket_folder, *more = lines
            if not self.processes.includes(int(pid)):
                return None
            return Postmaster(int(pid), int(port), socket_folder, len(more) > 2 and more[2].startswith("ready"))
        except (FileNotFoundError, ValueError):  # none, or half written
            return None

    def logged(self) -> str:
        return self.log.read_text(errors="replace")

    # -- making

    def create(self) -> None:
        """Make the data folder if there is none. It gets its name only when complete: a killed initdb leaves none."""
        version = self._checked_version()
        for ruin in self.folder.glob("new-*"):
            shutil.rmtree(ruin)
        has_data = (self.data / "PG_VERSION").exists()
        if has_data and self._is_of_nobody():
            give(self.data, *own_user(self.folder))
        if not (self.folder / "password").exists():
            self._write("password", secrets.token_hex(24))
            if has_data:
                self._set_password()
        if not has_data:
            self._initdb(version)

    def _checked_version(self) -> int:
        """The version of the programs, if the data are of the same."""
        version = self.processes.server_version()
        try:
            made_by = (self.data / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            if self.data.exists() and any(self.data.iterdir()):
                raise SupervisorError(f"{self.data} holds something else than a database: move it away.") from None
            return version
        if made_by != str(version):
            raise SupervisorError(
                f"{self.data} was made by PostgreSQL {made_by}, but the programs in {self.bin_dir} are of PostgreSQL "
                f"{version}: set LERNBATCH_PG_BIN to programs of {made_by}, or move the data with pg_dump."
            )
        return version

    def _is_of_nobody(self) -> bool:
        """Made by an earlier version for root, or left so by a killed `_set_password`; others run as nobody, too."""
        with contextlib.suppress(KeyError):
            return os.geteuid() == 0 and self.data.stat().st_uid == pwd.getpwnam("nobody").pw_uid
        return False

    def _initdb(self, version: int) -> None:
        uid, gid = self.processes.named_owner()
        workshop = Path(tempfile.mkdtemp(prefix=f"new-{self.processes.name}-", dir=self.folder))
        try:
            (workshop / "password").write_text(self.password)
            for path in (workshop, workshop / "password"):
                os.chown(path, uid, gid)
            self._run_initdb(workshop, version)
            give(workshop / "data", *self.processes.owner())
            (workshop / "data").rename(self.data)
            _sync(self.folder)
        finally:
            shutil.rmtree(workshop)

    def _run_initdb(self, workshop: Path, version: int) -> None:
        arguments = ["-D", str(workshop / "data"), "-U", "lernbatch", "-E", "UTF8", "--data-checksums"]
        arguments += ["-A", "scram-sha-256", f"--pwfile={workshop / 'password'}"]
        if version >= 17:  # then text sorts the same on every C library
            arguments += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        told = self.processes.run("initdb", *arguments, "--locale=C.UTF-8", named=True)
        if told.returncode and "invalid locale" in told.stderr:
            told = self.processes.run("initdb", *arguments, "--locale=C", named=True)
        if told.returncode:
            raise failure("The database could not be created", told.stderr, self.folder)

    def _set_password(self) -> None:
        """The file was lost; the owner of the data may set a new password without the old one."""
        self._clear_stale_files(self.data)
        statement = f"ALTER ROLE lernbatch PASSWORD '{self.password}';\n"
        owner, named = self.processes.owner(), self.processes.named_owner()
        give(self.data, *named)
        told = self.processes.run("postgres", "--single", "-D", str(self.data), "postgres", given=statement)
        give(self.data, *owner)
        if told.returncode:
            (self.folder / "password").unlink()
            raise failure("The lost password could not be replaced", told.stderr, self.folder)

    # -- starting and stopping

    def start(self, port: int | None, options: Mapping[str, str]) -> None:
        """Start the server and wait until it is ready. It listens on a port if one is given, or no socket will do."""
        sockets = self._socket_folder()
        self._clear_stale_files(self.data, *([sockets] if sockets else []))
        address = {
            "listen_addresses": "" if sockets and not port else "127.0.0.1",
            "unix_socket_directories": str(sockets or ""),
            "port": str(port or (5432 if sockets else free_port())),
        }
        settings = {**SETTINGS, **options, **address, "cluster_name": self.processes.name}
        if self.log.exists():
            self.log.rename(self.log.with_name("server.log.1"))
        self._write(self.log.name, "")
        with self.log.open("a") as log:
            arguments = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
            self.processes.detach("postgres", "-D", str(self.data), *arguments, log=log, enter=sockets)
        self.wait_until_ready(seen=False)

    def wait_until_ready(self, *, seen: bool) -> None:
        """`seen` is whether its postmaster has shown itself, so that its absence now means death."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            alive, postmaster = self.processes.any_alive(), self.postmaster()
            if postmaster and postmaster.is_ready:
                return
            if not alive or (seen and not postmaster):
                raise self.died("The database server did not start")
            seen = seen or postmaster is not None
            if time.monotonic() > deadline:
                raise StillStarting(
                    f"The database server is not ready after {START_SECONDS:g} seconds "
                    f"({compact(self.logged()) or 'its log is empty'}): try again when {self.log} says that it is."
                )
            time.sleep(0.01)

    def died(self, what: str) -> Died:
        return Died(str(failure(what, self.logged(), self.folder)))

    def stop(self) -> None:
        """End the server: in order, or else at once; commits survive both."""
        for number, seconds in ((signal.SIGINT, STOP_SECONDS), (signal.SIGQUIT, LEFTOVER_SECONDS)):
            if postmaster := self.postmaster():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(postmaster.pid, number)
            deadline = time.monotonic() + seconds
            while self.postmaster() and time.monotonic() < deadline:
                time.sleep(0.01)
        self.is_running()  # waits for its last process

    def bound_log(self) -> None:
        """Keep the log of a long-lived server small; it appends, so it goes on at the new end."""
        if self.log.stat().st_size > LOG_BYTES:
            shutil.copyfile(self.log, self.log.with_name("server.log.1"))
            os.truncate(self.log, 0)

    def _clear_stale_files(self, *folders: Path) -> None:
        """No process of ours is alive, so these are of a dead server; its number may be another's now."""
        with contextlib.suppress(FileNotFoundError, ValueError, IndexError):
            pid = int((self.data / "postmaster.pid").read_text().split()[0])
            if os.fsencode(self.data) in command_line(pid):
                raise SupervisorError(
                    f"A server that was started by hand (process {pid}) uses {self.data}: stop it first."
                )
        for folder in folders:
            for stale in (folder / "postmaster.pid", *folder.glob(".s.PGSQL.*")):
                stale.unlink(missing_ok=True)

    def _socket_folder(self) -> Path | None:
        """With the data, or else in a folder of its own with a short name, noted in `socket`."""
        if may_hold_socket(self.data):
            return self.data
        note = self.folder / "socket"
        before = Path(note.read_text()) if note.exists() else None
        chosen = private_folder(before, *self.processes.owner())
        if chosen and chosen != before:
            self._write("socket", str(chosen))
        return chosen

    def _write(self, name: str, text: str) -> None:
        """A whole file or none, for the owner of the folder alone."""
        fresh = self.folder / f"{name}.part"
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        about = self.folder.stat()
        os.chown(fresh, about.st_uid, about.st_gid)
        fresh.rename(self.folder / name)


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
