"""Debian's Patroni over one etcd and two PostgreSQL 15, all on loopback ports, which tests start and kill."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.real.cassandra import free_ports

POSTGRES = Path("/usr/lib/postgresql/15/bin")
START_SECONDS = 300
PASSWORD = "of-the-cluster"
TTL_SECONDS = 20  # the least that Patroni takes: so long a primary that is silent remains the leader


def programs() -> bool | None:
    """Whether all is installed; None: it is not."""
    return ((POSTGRES / "postgres").exists() and all(map(shutil.which, ("patroni", "etcd")))) or None


@dataclass
class Member:
    """One machine: a Patroni and the PostgreSQL that it runs."""

    name: str
    home: Path
    port: int
    rest_port: int
    etcd_port: int
    user: str | None
    process: subprocess.Popen[bytes] | None = None

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        config = self.home / "patroni.yml"
        config.write_text(json.dumps(self._config()))  # which is YAML, too
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen(
                ["patroni", str(config)], stdout=log, stderr=log, user=self.user, start_new_session=True, cwd=self.home
            )

    def kill(self) -> None:
        """As a machine that loses its power: Patroni, PostgreSQL and all that it forked, at once."""
        if self.process is not None:
            # PostgreSQL's processes have sessions of their own, so that they are named by their parents.
            pids = [self.process.pid, *_descendants(self._postmaster())]
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def role(self) -> str | None:
        """What Patroni says that it is: primary, replica; None: nothing answers."""
        try:
            state = httpx.get(f"http://127.0.0.1:{self.rest_port}/patroni", timeout=5).json()
        except httpx.HTTPError:
            return None
        if state.get("state") != "running":
            return None
        return "primary" if state["role"] in ("master", "primary") else "replica"

    def is_synchronous(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.rest_port}/synchronous", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def _postmaster(self) -> int | None:
        with suppress(OSError, ValueError):
            return int((self.home / "data" / "postmaster.pid").read_text().split()[0])
        return None

    def _config(self) -> dict[str, Any]:
        parameters = {
            # The machine itself does not fail, so its memory of files is as good as its disk.
            "fsync": "off", "shared_buffers": "32MB", "max_connections": 60, "wal_keep_size": "256MB",
            "unix_socket_directories": str(self.home),
        }  # fmt: skip
        account = {"username": "postgres", "password": PASSWORD}
        return {
            "scope": "lernbatch",
            "name": self.name,
            "etcd3": {"host": f"127.0.0.1:{self.etcd_port}"},
            "restapi": {"listen": f"127.0.0.1:{self.rest_port}", "connect_address": f"127.0.0.1:{self.rest_port}"},
            "bootstrap": {
                "dcs": {
                    "ttl": TTL_SECONDS, "loop_wait": 1, "retry_timeout": 5, "synchronous_mode": True,
                    "postgresql": {"use_pg_rewind": True, "parameters": parameters},
                },
                "initdb": [{"encoding": "UTF8"}, {"locale": "C"}, "data-checksums", "no-sync"],
            },
            "postgresql": {
                "listen": self.host, "connect_address": self.host, "bin_dir": str(POSTGRES),
                "data_dir": str(self.home / "data"), "pgpass": str(self.home / "pgpass"),
                "authentication": {"superuser": account, "replication": account, "rewind": account},
                "pg_hba": ["host all all 127.0.0.1/32 scram-sha-256", "host replication all 127.0.0.1/32 scram-sha-256",
                           "local all all trust"],
            },
        }  # fmt: skip


@dataclass
class Cluster:
    members: list[Member]

    def dsn(self) -> str:
        """All hosts, as an operator gives them."""
        return f"postgresql://postgres:{PASSWORD}@{','.join(member.host for member in self.members)}/postgres"

    def primary(self) -> Member:
        return self._await(lambda: next((one for one in self.members if one.role() == "primary"), None), "a primary")

    def standby(self) -> Member:
        """The one that the primary waits for at every commit."""
        return self._await(lambda: next((one for one in self.members if one.is_synchronous()), None), "a standby")

    def switch_over(self) -> None:
        """As an operator does before the machine is served."""
        primary, standby = self.primary(), self.standby()
        answer = httpx.post(
            f"http://127.0.0.1:{primary.rest_port}/switchover",
            json={"leader": primary.name, "candidate": standby.name},
            timeout=START_SECONDS,
        )
        assert answer.status_code == 200, answer.text

    def _await(self, look: Callable[[], Member | None], what: str) -> Member:
        deadline = time.monotonic() + START_SECONDS
        while (member := look()) is None:
            if time.monotonic() > deadline:
                logs = "\n".join((one.home / "log").read_text()[-2000:] for one in self.members)
                raise RuntimeError(f"There is no {what}:\n{logs}")
            time.sleep(0.05)
        return member


@contextmanager
def running() -> Iterator[Cluster]:
    """A primary and its synchronous standby; their data lies where the user postgres may go."""
    user = "postgres" if os.geteuid() == 0 else None
    home = Path(tempfile.mkdtemp(prefix="patroni-"))
    ports = free_ports(6)
    folders = [home / name for name in ("etcd", "a", "b")]
    for folder in (home, *folders):
        folder.mkdir(mode=0o700, exist_ok=True)
        if user:
            os.chown(folder, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
    client, peer = (f"http://127.0.0.1:{port}" for port in ports[:2])
    words = ["etcd", "--data-dir", str(home / "etcd" / "data"), "--unsafe-no-fsync", "--log-level", "error",
             "--listen-client-urls", client, "--advertise-client-urls", client, "--listen-peer-urls", peer,
             "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}"]  # fmt: skip
    members = [
        Member(folder.name, folder, port, rest_port, ports[0], user)
        for folder, port, rest_port in zip(folders[1:], ports[2:4], ports[4:], strict=True)
    ]
    with (home / "etcd" / "log").open("ab") as log:
        etcd = subprocess.Popen(words, stdout=log, stderr=log, user=user)
    try:
        cluster = Cluster(members)
        members[0].start()
        cluster.primary()
        members[1].start()
        cluster.standby()
        yield cluster
    finally:
        for member in members:
            member.kill()
        etcd.kill()
        etcd.wait()
        shutil.rmtree(home)


def _descendants(pid: int | None) -> list[int]:
    """`pid` and its children; PostgreSQL's have none."""
    if pid is None:
        return []
    words = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False).stdout
    return [pid, *map(int, words.split())]
