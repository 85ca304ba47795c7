"""The processes of one embedded server: run under the right user, recognised, ended.

Each inherits a lock on the file `server` and hands it on to what it forks, so the lock is held exactly as long as any
of them lives. That, not a process number in a file, tells us that a server is dead: numbers are used again after a
reboot, and a killed server leaves children that still hold its shared memory.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, flock
from functools import cached_property
from pathlib import Path
from typing import IO

from lernbatch.errors import Unusable
from lernbatch.pg.binaries import read_version
from lernbatch.pg.reasons import refused

LAUNCHER = Path(__file__).with_name("unprivileged.py")
RUN_SECONDS = 300.0


@dataclass(frozen=True)
class Processes:
    """Those of the server whose data lies in `folder`/data."""

    folder: Path
    bin_dir: Path

    @cached_property
    def name(self) -> str:
        """Stands in the command line of each (`ps` shows it), whichever path led to the folder."""
        about = self.folder.stat()
        return f"lernbatch-{about.st_dev:x}-{about.st_ino:x}"

    def any_alive(self) -> bool:
        with self._lock() as lock:
            try:
                flock(lock, LOCK_SH | LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def includes(self, pid: int) -> bool:
        return self.name.encode() in command_line(pid)

    def kill(self) -> None:
        """For those that outlived their postmaster: without it they cannot commit, and the next start recovers."""
        for pid in (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()):
            if self.includes(pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def run(self, program: str, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run a program to its end."""
        with self._lock() as lock:
            flock(lock, LOCK_EX | LOCK_NB)
            try:
                return subprocess.run(  # noqa: S603 - no shell, our own arguments
                    self._command([program, *arguments]),
                    input=given,
                    capture_output=True,
                    encoding="utf-8",
                    errors="replace",
                    pass_fds=[lock],
                    env=_environment(),
                    cwd="/",
                    timeout=RUN_SECONDS,
                )
            except subprocess.TimeoutExpired as error:
                raise Unusable(
                    f"{program} was not done with {self.folder} after {RUN_SECONDS:g} seconds: "
                    "see what keeps its disk busy, then try again."
                ) from error

    def detach(self, program: str, *arguments: str, log: IO[str], enter: Path | None) -> None:
        """Leave a program running that survives us; `enter` is one more folder it must be able to pass."""
        with self._lock() as lock:
            flock(lock, LOCK_EX | LOCK_NB)
            subprocess.run(  # noqa: S603 - no shell, our own arguments
                self._command([program, *arguments], "--detach", enter=enter),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[lock],
                env=_environment(),
                cwd="/",
                check=False,  # a refusal stands in the log
                timeout=RUN_SECONDS,
            )

    def server_version(self) -> int:
        """Asked the way all is run, so that what stands in the way is told before anything is made."""
        told = self.run("postgres", "--version")
        if refusal := refused(told.stderr):
            raise Unusable(refusal)
        return read_version(self.bin_dir / "postgres", told)

    def owner(self) -> tuple[int, int]:
        """Who they run as, user and group: the data's owner; before there is one, we, or nobody instead of root."""
        us, data = os.geteuid(), self.folder / "data"
        if data.exists():
            about = data.stat()
            if us not in (0, about.st_uid) or about.st_uid == 0:
                raise Unusable(
                    f"{data} belongs to the user {about.st_uid}, under whom PostgreSQL cannot be run from here: "
                    "start it as the user who made it, or give it to the right one (chown -R)."
                )
            return about.st_uid, about.st_gid
        try:
            who = pwd.getpwuid(us) if us else pwd.getpwnam("nobody")  # initdb insists on a name
        except KeyError as error:
            raise Unusable(
                f"PostgreSQL must run under a user with a name, and {us or 'nobody'} is not in /etc/passwd: "
                "add it there, or start as another user."
            ) from error
        return (us, os.getegid()) if us else (who.pw_uid, who.pw_gid)

    def _command(self, command: list[str], *flags: str, enter: Path | None = None) -> list[str]:
        folders = [self.folder, self.bin_dir, *([enter] if enter else [])]
        launch = [sys.executable, "-I", "-S", str(LAUNCHER), *flags, *map(str, self.owner()), *map(str, folders)]
        return [*launch, "--", str(self.bin_dir / command[0]), *command[1:]]

    @contextlib.contextmanager
    def _lock(self) -> Iterator[int]:
        fd = os.open(self.folder / "server", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            yield fd
        finally:
            os.close(fd)  # never LOCK_UN: what inherited the lock keeps it


def command_line(pid: int) -> bytes:
    """The command line of a program of PostgreSQL, empty for others. Readable without rights over the process."""
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""
    program = line.split(b"\0")[0]
    return line if program.startswith(b"postgres: ") or os.path.basename(program) in (b"postgres", b"initdb") else b""


def _environment() -> dict[str, str]:
    """Little: ours may hold secrets, and variables of PostgreSQL would lead it elsewhere."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return {**kept, "LC_ALL": "C"}
