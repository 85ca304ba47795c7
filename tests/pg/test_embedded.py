"""The embedded PostgreSQL, on real servers: shared, killed, refused, and run by root and by others."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from lernbatch.errors import Unusable
from lernbatch.pg import cluster
from lernbatch.pg.binaries import binaries, server_version
from lernbatch.pg.embedded import running
from lernbatch.pg.processes import LAUNCHER

ROOT = Path(__file__).parents[2]
DEBIAN = Path("/usr/lib/postgresql/15/bin")
IS_ROOT = os.geteuid() == 0
SMALL = {"shared_buffers": "16MB"}

# Another command: uses the server until its input ends, and prints the DSN or the refusal.
USER = """
import sys
from pathlib import Path
from lernbatch.errors import Unusable
from lernbatch.pg.embedded import running
try:
    with running(Path(sys.argv[1]), bin_dir=Path(sys.argv[2]), options={"shared_buffers": "16MB"}) as dsn:
        print(dsn, flush=True)
        sys.stdin.read()
except Unusable as refusal:
    print(refusal, flush=True)
"""


def choices() -> list[Path]:
    chosen = os.environ.get("LERNBATCH_PG_BIN")
    first = binaries(Path(chosen) if chosen else None)
    return [first, DEBIAN] if DEBIAN.is_dir() and first != DEBIAN else [first]


@pytest.fixture(params=choices(), ids=lambda bin_dir: f"pg{server_version(bin_dir)}", scope="module")
def bin_dir(request: pytest.FixtureRequest) -> Path:
    return request.param


@contextlib.contextmanager
def open_folder() -> Iterator[Path]:
    """A folder with a short path that every user may pass; pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="lb-")).resolve()
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder() as made:
        yield made


@pytest.fixture(scope="module")
def home(bin_dir: Path) -> Iterator[Path]:
    """One home for the tests that do not care how it was made."""
    with open_folder() as made:
        with running(made / "home", bin_dir=bin_dir, options=SMALL) as dsn:
            query(dsn, "CREATE TABLE course (name text)")
        yield made / "home"


@contextlib.contextmanager
def moved(home: Path, to: Path) -> Iterator[Path]:
    home.rename(to)
    try:
        yield to
    finally:
        to.rename(home)


def copied(home: Path, to: Path) -> Path:
    shutil.copytree(home, to)
    if IS_ROOT:
        for path in (data := to / "postgres/data", *data.rglob("*")):
            os.chown(path, *nobody())
    return to


def query(dsn: str, sql: str) -> Any:
    async def ask() -> Any:
        connection = await asyncpg.connect(dsn)
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    return asyncio.run(ask())


def commands(dsn: str) -> int:
    return query(dsn, "SELECT count(*) FROM course")


def postmaster(home: Path) -> int | None:
    with contextlib.suppress(FileNotFoundError):
        return int((home / "postgres/data/postmaster.pid").read_text().split()[0])
    return None


def refusal(home: Path, bin_dir: Path | None, port: int | None = None, options: dict[str, str] = SMALL) -> str:
    with pytest.raises(Unusable) as refused, running(home, bin_dir=bin_dir, port=port, options=options):
        pass
    return str(refused.value)


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@contextlib.contextmanager
def command(
    *words: object, before: Callable[[], None] | None = None, **options: Any
) -> Iterator[subprocess.Popen[str]]:
    """A process beside us, ended when we are done with it."""
    with subprocess.Popen(
        list(map(str, words)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        preexec_fn=before,
        **options,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None and process.stdin and not process.stdin.closed:
                process.stdin.close()
            process.wait(20)


def user(home: Path, bin_dir: Path, **options: Any) -> contextlib.AbstractContextManager[subprocess.Popen[str]]:
    return command(sys.executable, "-c", USER, home, bin_dir, **options)


def ordinary_user(home: Path, bin_dir: Path) -> contextlib.AbstractContextManager[subprocess.Popen[str]]:
    """A user who is not root. Root's own interpreter may be closed to nobody: the launcher sees to that."""
    become = [sys.executable, LAUNCHER, *nobody(), Path(sys.executable).resolve().parent, sys.base_prefix, "--"]
    return command(*(become if IS_ROOT else []), sys.executable, "-c", USER, home, bin_dir)


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def nobody() -> tuple[int, int]:
    who = pwd.getpwnam("nobody")
    return who.pw_uid, who.pw_gid


# -- one server


def test_its_database_is_durable_and_sorts_by_code_point(bin_dir: Path, home: Path) -> None:
    with running(home, bin_dir=bin_dir) as dsn:
        show = {
            name: query(dsn, f"SHOW {name}")
            for name in ("fsync", "synchronous_commit", "data_checksums", "server_encoding", "TimeZone", "jit")
        }
        assert query(dsn, "SELECT current_database()") == "lernbatch"
        assert query(dsn, "SELECT string_agg(x, '' ORDER BY x) FROM unnest('{b,a,B,ä}'::text[]) x") == "Babä"
    assert list(show.values()) == ["on", "on", "on", "UTF8", "UTC", "off"]


def test_options_change_settings_and_add_some(bin_dir: Path, home: Path) -> None:
    with running(home, bin_dir=bin_dir, options={"work_mem": "8MB", "max_connections": "20"}) as dsn:
        assert query(dsn, "SELECT current_setting('work_mem') || current_setting('max_connections')") == "8MB20"


def test_it_listens_on_a_socket_alone_unless_a_port_is_given(bin_dir: Path, home: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with running(home, bin_dir=bin_dir, options=SMALL) as dsn:
        assert query(dsn, "SHOW listen_addresses") == ""
    with running(home, bin_dir=bin_dir, port=port, options=SMALL) as dsn:
        assert query(dsn, "SHOW listen_addresses") == "127.0.0.1"
        password = (home / "postgres/password").read_text()
        assert query(f"postgresql://lernbatch:{password}@127.0.0.1:{port}/lernbatch", "SELECT 1") == 1
        with pytest.raises(asyncpg.InvalidPasswordError):
            query(f"postgresql://lernbatch:guess@127.0.0.1:{port}/lernbatch", "SELECT 1")


def test_the_password_is_in_no_command_line_and_closed_to_others(bin_dir: Path, home: Path) -> None:
    with running(home, bin_dir=bin_dir, options=SMALL) as dsn:
        password = home / "postgres/password"
        assert password.stat().st_mode & 0o777 == 0o600
        assert password.read_text() in dsn
        assert password.read_bytes() not in Path(f"/proc/{postmaster(home)}/cmdline").read_bytes()


def test_a_home_with_a_long_or_odd_path_has_its_socket_elsewhere(bin_dir: Path, folder: Path, home: Path) -> None:
    with moved(home, folder / ("a long, odd näme " + "x" * 90)) as long:
        with running(long, bin_dir=bin_dir, options=SMALL) as dsn:
            elsewhere = Path((long / "postgres/socket").read_text())
            assert f"host={elsewhere}&" in dsn
            assert elsewhere.stat().st_mode & 0o777 == 0o700
        with running(long, bin_dir=bin_dir, options=SMALL) as again:
            assert again == dsn
        elsewhere.rmdir()


def test_it_listens_on_the_loopback_where_no_socket_is_possible(
    bin_dir: Path, folder: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(folder / ("x" * 100)))
    with moved(home, folder / ("y" * 90)) as long, running(long, bin_dir=bin_dir, options=SMALL) as dsn:
        assert "@127.0.0.1:" in dsn
        assert query(dsn, "SHOW listen_addresses") == "127.0.0.1"


def test_it_may_be_used_where_an_event_loop_runs(bin_dir: Path, home: Path) -> None:
    async def service() -> int:
        with running(home, bin_dir=bin_dir, options=SMALL) as dsn:
            connection = await asyncpg.connect(dsn)
            try:
                return await connection.fetchval("SELECT 1")
            finally:
                await connection.close()

    assert asyncio.run(service()) == 1


def test_a_lost_password_is_replaced(bin_dir: Path, home: Path) -> None:
    (home / "postgres/password").unlink()
    with running(home, bin_dir=bin_dir, options=SMALL) as dsn:
        assert query(dsn, "SELECT 1") == 1


def test_a_long_log_is_cut_when_the_next_command_comes(
    bin_dir: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "LOG_BYTES", 100)
    log = home / "postgres/server.log"
    with running(home, bin_dir=bin_dir, options=SMALL):
        assert "ready to accept" in log.read_text()
        with running(home, bin_dir=bin_dir, options=SMALL):
            assert log.read_text() == ""
    assert "shut down" in log.read_text()


# -- shared


def test_two_first_starts_at_once_share_one_server_and_the_last_stops_it(bin_dir: Path, folder: Path) -> None:
    folder.chmod(0o700)  # of root, it is closed to the server's user
    with user(folder, bin_dir) as one, user(folder, bin_dir) as other:
        dsn = said(one)
        assert said(other) == dsn
        one.communicate()
        assert query(dsn, "SELECT 1") == 1
    assert postmaster(folder) is None


def test_a_killed_command_leaves_a_server_that_the_next_uses_and_stops(bin_dir: Path, home: Path) -> None:
    with user(home, bin_dir) as killed:
        said(killed)
        killed.kill()
    server = postmaster(home)
    with running(home, bin_dir=bin_dir, options=SMALL):
        assert postmaster(home) == server
    assert postmaster(home) is None


# -- recovered


def test_a_killed_server_loses_no_committed_row(bin_dir: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even while a child of it computes on, which PostgreSQL would refuse to start beside."""
    monkeypatch.setattr(cluster, "LEFTOVER_SECONDS", 0.1)

    async def kill_while_it_computes(dsn: str) -> None:
        connection = await asyncpg.connect(dsn)
        await connection.execute("INSERT INTO course VALUES ('kept')")
        busy = asyncio.create_task(connection.execute("DO 'BEGIN LOOP END LOOP; END'"))
        await asyncio.sleep(0.05)
        os.kill(postmaster(home) or 0, signal.SIGKILL)
        with running(home, bin_dir=bin_dir, options=SMALL):
            with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
                await busy
            kept = await asyncpg.connect(dsn)
            assert await kept.fetchval("SELECT count(*) FROM course WHERE name = 'kept'") == 1
            await kept.close()

    with running(home, bin_dir=bin_dir, options=SMALL) as dsn:
        asyncio.run(kill_while_it_computes(dsn))


def test_stale_files_are_cleared_even_if_their_process_number_is_another_s_now(bin_dir: Path, home: Path) -> None:
    data = home / "postgres/data"
    owner = data.stat().st_uid
    with command("cat", **({"user": owner} if IS_ROOT else {})) as stranger:
        for name in ("postmaster.pid", ".s.PGSQL.5432.lock"):
            (data / name).write_text(f"{stranger.pid}\n{data}\n1700000000\n5432\n{data}\n\n 1 1\nready   \n")
            os.chown(data / name, owner, -1)
        with running(home, bin_dir=bin_dir, options=SMALL) as dsn:
            assert query(dsn, "SELECT 1") == 1
        assert stranger.poll() is None


def test_an_interrupted_first_start_is_begun_again(
    bin_dir: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the orphaned initdb still works on the first."""
    monkeypatch.setattr(cluster, "LEFTOVER_SECONDS", 0.1)
    with user(folder, bin_dir) as interrupted:
        until(lambda: list(folder.glob("postgres/new-*/data/base")))
        interrupted.kill()
    with running(folder, bin_dir=bin_dir, options=SMALL) as dsn:
        assert query(dsn, "SELECT 1") == 1
    assert not list(folder.glob("postgres/new-*"))


# -- refused


def test_data_of_another_major_version_is_refused(bin_dir: Path, folder: Path) -> None:
    (folder / "postgres/data").mkdir(parents=True)
    (folder / "postgres/data/PG_VERSION").write_text("13\n")
    if IS_ROOT:
        os.chown(folder / "postgres/data", *nobody())
    told = refusal(folder, bin_dir)
    assert "made by PostgreSQL 13" in told
    assert f"are of PostgreSQL {server_version(bin_dir)}" in told


def test_a_taken_port_is_refused(bin_dir: Path, home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert "the port is taken" in refusal(home, bin_dir, port=taken.getsockname()[1])


def test_a_setting_that_postgresql_refuses_is_named(bin_dir: Path, home: Path) -> None:
    assert '"shared_bufers"' in refusal(home, bin_dir, options={"shared_bufers": "1GB"})


def test_a_home_that_may_not_be_written_is_refused(bin_dir: Path, folder: Path) -> None:
    (folder / "home").mkdir(mode=0o555)
    with ordinary_user(folder / "home", bin_dir) as refused:
        assert "is not open to the user" in said(refused)


def test_data_of_another_user_is_refused(bin_dir: Path, folder: Path) -> None:
    """Root's data as root, for it can be given to nobody; for others, data that is not theirs."""
    data = folder / "postgres/data"
    if IS_ROOT:
        data.mkdir(parents=True)
        assert "belongs to the user 0" in refusal(folder, bin_dir)
    else:
        (folder / "postgres").mkdir()
        data.symlink_to("/usr")
        assert "something else than a database" in refusal(folder, bin_dir)


def test_missing_and_broken_programs_are_refused(folder: Path) -> None:
    home, programs = folder / "home", folder / "bin"
    assert "There is no program postgres in" in refusal(home, programs)
    programs.mkdir()
    for program in ("postgres", "initdb"):
        (programs / program).write_text("#!/bin/sh\necho no such library >&2; exit 1\n")
    assert "may not be run" in refusal(home, programs)
    (programs / "postgres").chmod(0o755)
    assert "does not work (no such library)" in refusal(home, programs)


def test_a_server_that_does_not_get_ready_is_reported_with_its_last_words(
    bin_dir: Path, folder: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "START_SECONDS", 0.2)
    version = server_version(bin_dir)
    (folder / "initdb").touch()
    (folder / "postgres").write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && echo "postgres (PostgreSQL) {version}.0" && exit\n'
        f'echo $$ > "$2/slow"; echo "LOG:  redo in progress" >&2; exec sleep 30\n'
    )
    (folder / "postgres").chmod(0o755)
    try:
        assert "not ready after 0.2 seconds (redo in progress)" in refusal(home, folder)
    finally:
        os.kill(int((home / "postgres/data/slow").read_text()), signal.SIGKILL)


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Callable[[], None] | None]:
    """A disk that is soon full; what a process must do first where none can be mounted."""
    mounted = (
        IS_ROOT
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "tmpfs", folder], capture_output=True
        ).returncode
    )
    try:
        yield None if mounted else limit_files
    finally:
        if mounted:
            subprocess.run(["umount", folder], check=True)


def limit_files() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))


def test_a_disk_that_is_too_small_for_a_first_start_is_reported(bin_dir: Path, folder: Path) -> None:
    with small_disk(folder, 20) as limit:
        with user(folder, bin_dir, before=limit) as refused:
            told = said(refused)
        assert "could not be created: the disk of" in told
        assert not list(folder.glob("postgres/new-*"))


def test_a_disk_that_filled_up_is_reported_and_recovered_from(bin_dir: Path, folder: Path, home: Path) -> None:
    with small_disk(folder, 200) as limit:
        copied(home, folder / "home")
        filler = folder / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            for _ in range(0 if limit else 250):
                file.write(bytes(1_000_000))
        with user(folder / "home", bin_dir, before=limit) as refused:
            told = said(refused)
        filler.unlink()
        with running(folder / "home", bin_dir=bin_dir, options=SMALL) as dsn:
            assert query(dsn, "SELECT 1") == 1
    assert limit or "full" in told


# -- users


def test_an_ordinary_user_runs_it(bin_dir: Path, folder: Path) -> None:
    if IS_ROOT:
        os.chown(folder, *nobody())
    with ordinary_user(folder / "home", bin_dir) as ordinary:
        dsn = said(ordinary)
        assert query(dsn, "SELECT 1") == 1
    assert postmaster(folder / "home") is None


def capabilities(pid: int | None) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapEff"))


def without(*given_up: int) -> Callable[[], None]:
    """Root as in a container: exec does not give these capabilities back."""

    def drop() -> None:
        for capability in given_up:
            assert ctypes.CDLL(None).prctl(24, capability, 0, 0, 0) == 0

    return drop


DAC_OVERRIDE, DAC_READ_SEARCH = 1, 2


def test_the_server_has_no_rights_of_root_where_it_needs_none(bin_dir: Path, home: Path) -> None:
    with running(home, bin_dir=bin_dir, options=SMALL):
        server = Path(f"/proc/{postmaster(home)}")
        assert capabilities(postmaster(home)) == 0
        assert server.stat().st_uid != 0


if IS_ROOT:  # what only root can try

    @pytest.fixture
    def closed(home: Path) -> Iterator[Path]:
        home.parent.chmod(0o700)
        yield home.parent
        home.parent.chmod(0o755)

    @pytest.mark.parametrize(("given_up", "kept"), [((), DAC_READ_SEARCH), ((DAC_READ_SEARCH,), DAC_OVERRIDE)])
    def test_root_may_have_its_home_below_a_closed_folder(
        bin_dir: Path, closed: Path, given_up: tuple[int, ...], kept: int
    ) -> None:
        with user(closed / "home", bin_dir, before=without(*given_up)) as root:
            assert query(said(root), "SELECT 1") == 1
            assert capabilities(postmaster(closed / "home")) == 1 << kept
        assert closed.stat().st_mode & 0o777 == 0o700
        assert closed.stat().st_uid == 0

    def test_root_without_that_right_is_told_which_folder_to_leave(bin_dir: Path, folder: Path) -> None:
        folder.chmod(0o700)
        with user(folder / "home", bin_dir, before=without(DAC_READ_SEARCH, DAC_OVERRIDE)) as root:
            assert f"may not enter {folder}: choose a folder that is not below" in said(root)

    def test_root_that_may_not_become_another_user_is_told_so(bin_dir: Path, folder: Path) -> None:
        with user(folder, bin_dir, before=without(7)) as root:  # CAP_SETUID
            assert "start it as an ordinary user" in said(root)
