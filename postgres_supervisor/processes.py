"""The processes of one embedded server: run under the right user, recognised, ended.

Each inherits a lock on the file `server` and hands it on to what it forks, so the lock is held exactly as long as any
of them lives. That, not a process number in a file, tells us that a server is dead: numbers are used again after a
reboot, and a killed server leaves children that still hold its shared memory.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, flock
from functools import cached_property
from pathlib import Path
from typing import IO

from postgres_supervisor.binaries import read_version
from postgres_supervisor.errors import SupervisorError
from postgres_supervisor.reasons import refused

LAUNCHER = Path(__file__).with_name("unprivileged.py")
RUN_SECONDS = 300.0
# Users without a name and below 65536, which a container knows, too: those that systemd lends to its services.
NAMELESS_USERS = range(61_184, 65_520)


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
        if not (self.folder / "server").exists():
            return False
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

    def run(
        self, program: str, *arguments: str, given: str = "", named: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end, as `named_owner` if it looks up the name of its user."""
        with self._lock() as lock:
            flock(lock, LOCK_EX | LOCK_NB)
            try:
                return subprocess.run(  # noqa: S603 - no shell, our own arguments
                    self._command([program, *arguments], user=self.named_owner() if named else self.owner()),
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
                raise SupervisorError(
                    f"{program} was not done with {self.folder} after {RUN_SECONDS:g} seconds: "
                    "see what keeps its disk busy, then try again."
                ) from error

    def detach(self, program: str, *arguments: str, log: IO[str], enter: Path | None) -> None:
        """Leave a program running that survives us; `enter` is one more folder it must be able to pass."""
        with self._lock() as lock:
            flock(lock, LOCK_EX | LOCK_NB)
            subprocess.run(  # noqa: S603 - no shell, our own arguments
                self._command([program, *arguments], "--detach", user=self.owner(), enter=enter),
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
            raise SupervisorError(refusal)
        return read_version(self.bin_dir / "postgres", told)

    def owner(self) -> tuple[int, int]:
        """Who they run as, user and group: the data's owner; before there is one, we, or the user of its own for root.

        That user has no name and nothing else, so that no other service on the machine reads the data.
        """
        us, data = os.geteuid(), self.folder / "data"
        if data.exists():
            about = data.stat()
            if us not in (0, about.st_uid) or about.st_uid == 0:
                raise SupervisorError(
                    f"{data} belongs to the user {about.st_uid}, under whom PostgreSQL cannot be run from here: "
                    "start it as the user who made it, or give it to the right one (chown -R)."
                )
            return about.st_uid, about.st_gid
        return (us, os.getegid()) if us else own_user(self.folder)

    def named_owner(self) -> tuple[int, int]:
        """The owner, or nobody with the owner's group: initdb and the single-user mode insist on a name."""
        user, group = self.owner()
        try:
            if os.geteuid() == 0 and not _has(pwd.getpwuid, user):
                return pwd.getpwnam("nobody").pw_uid, group
            return pwd.getpwuid(user).pw_uid, group
        except KeyError as error:
            raise SupervisorError(
                f"PostgreSQL must be set up under a user with a name, and {os.geteuid() or 'nobody'} is not in "
                "/etc/passwd: add it there, or start as another user."
            ) from error

    def _command(self, command: list[str], *flags: str, user: tuple[int, int], enter: Path | None = None) -> list[str]:
        folders = [self.folder, self.bin_dir, *([enter] if enter else [])]
        launch = [sys.executable, "-I", "-S", str(LAUNCHER), *flags, *map(str, user), *map(str, folders)]
        return [*launch, "--", str(self.bin_dir / command[0]), *command[1:]]

    @contextlib.contextmanager
    def _lock(self) -> Iterator[int]:
        fd = os.open(self.folder / "server", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            yield fd
        finally:
            os.close(fd)  # never LOCK_UN: what inherited the lock keeps it


def own_user(folder: Path) -> tuple[int, int]:
    """The user without a name, and the group of the same number, under whom root runs the server of this folder."""
    count = len(NAMELESS_USERS)
    for step in range(count):
        user = NAMELESS_USERS[(folder.stat().st_ino + step) % count]
        if not (_has(pwd.getpwuid, user) or _has(grp.getgrgid, user)):
            return user, user
    raise SupervisorError(
        f"Every user from {NAMELESS_USERS[0]} to {NAMELESS_USERS[-1]} has a name here, and root runs PostgreSQL "
        "under one that has none: start it as an ordinary user."
    )


def give(folder: Path, user: int, group: int) -> None:
    """`folder` and all below to that user. The folder itself comes last: who is killed before it begins again."""
    for _, folders, files, inside in os.fwalk(folder):
        for name in (*folders, *files):
            os.chown(name, user, group, dir_fd=inside, follow_symlinks=False)
    os.chown(folder, user, group)


def _has(lookup: Callable[[int], object], number: int) -> bool:
    try:
        lookup(number)
    except KeyError:
        return False
    return True


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
