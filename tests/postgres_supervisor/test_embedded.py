"""The embedded PostgreSQL, on real servers: shared, killed, refused, and run by root and by others."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from postgres_supervisor import cluster
from postgres_supervisor.binaries import server_version
from postgres_supervisor.embedded import running
from tests.postgres_supervisor.servers import (
    IS_ROOT,
    SMALL,
    command,
    copied,
    moved,
    nobody,
    ordinary_user,
    postmaster,
    query,
    refusal,
    said,
    until,
    user,
)

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
    (home / "postgres/socket").unlink(missing_ok=True)
    with moved(home, folder / ("y" * 90)) as long, running(long, bin_dir=bin_dir, options=SMALL) as dsn:
        assert "@127.0.0.1:" in dsn
        assert query(dsn, "SHOW listen_addresses") == "127.0.0.1"


def test_it_may_be_used_where_an_event_loop_runs(bin_dir: Path, home: Path) -> None:
    async def service() -> int:
        with running(home, bin_dir=bin_dir, options=SMALL) as dsn:
            connection = await asyncpg.connect(dsn)
            try:
                return int(await connection.fetchval("SELECT 1"))
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


def test_a_killed_command_leaves_no_server_behind(bin_dir: Path, home: Path) -> None:
    with user(home, bin_dir) as killed:
        said(killed)
        killed.kill()
    until(lambda: postmaster(home) is None)
    assert "shut down" in (home / "postgres/server.log").read_text()


def test_a_killed_command_takes_no_server_from_who_still_uses_it(bin_dir: Path, home: Path) -> None:
    with user(home, bin_dir) as killed, running(home, bin_dir=bin_dir, options=SMALL) as dsn:
        assert said(killed) == dsn
        server = postmaster(home)
        killed.kill()
        killed.wait()
        assert query(dsn, "SELECT 1") == 1
        assert postmaster(home) == server
    assert postmaster(home) is None


def test_who_comes_after_a_killed_command_has_a_server_and_stops_it(bin_dir: Path, home: Path) -> None:
    """While the server of the killed one is being stopped, or before, or after."""
    for _ in range(3):
        with user(home, bin_dir) as killed:
            said(killed)
            killed.kill()
        with running(home, bin_dir=bin_dir, options=SMALL) as dsn:
            assert query(dsn, "SELECT 1") == 1
        assert postmaster(home) is None


# -- recovered


def test_a_killed_server_loses_no_committed_row(bin_dir: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even while a child of it computes on, which PostgreSQL would refuse to start beside."""
    monkeypatch.setattr(cluster, "LEFTOVER_SECONDS", 0.1)

    async def kill_while_it_computes(dsn: str) -> None:
        connection = await asyncpg.connect(dsn)
        await connection.execute("INSERT INTO course VALUES ('kept')")
        busy = asyncio.create_task(connection.execute("DO 'BEGIN LOOP END LOOP; END'"))
        watching = await asyncpg.connect(dsn)
        while not await watching.fetchval("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'DO %LOOP%'"):
            await asyncio.sleep(0.01)
        os.kill(postmaster(home) or 0, signal.SIGKILL)
        with running(home, bin_dir=bin_dir, options=SMALL):
            with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
                await busy
            kept = await asyncpg.connect(dsn)
            assert await kept.fetchval("SELECT count(*) FROM course WHERE name = 'kept'") == 1
            await kept.close()

    with running(home, bin_dir=bin_dir, options=SMALL) as dsn:
        asyncio.run(kill_while_it_computes(dsn))


@pytest.mark.parametrize("address", ["the socket", "a socket elsewhere", "a port"])
def test_a_killed_server_comes_back_by_itself_where_its_users_look_for_it(
    address: str, bin_dir: Path, folder: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "postgres/socket").unlink(missing_ok=True)
    if address == "a port":
        monkeypatch.setattr(tempfile, "tempdir", str(folder / ("x" * 100)))
    name = "home" if address == "the socket" else "y" * 90
    with moved(home, folder / name) as elsewhere, running(elsewhere, bin_dir=bin_dir, options=SMALL) as dsn:
        for _ in range(2):
            query(dsn, "INSERT INTO course VALUES ('stays')")
            before = postmaster(elsewhere)
            if (note := elsewhere / "postgres/socket").exists():
                shutil.rmtree(note.read_text())  # as a service that cleans /tmp does
            os.kill(before or 0, signal.SIGKILL)
            until(partial(has_come_back, dsn, elsewhere, before))
        assert query(dsn, "SELECT count(*) >= 2 FROM course WHERE name = 'stays'")
    (home / "postgres/socket").unlink(missing_ok=True)


def has_come_back(dsn: str, home: Path, before: int | None) -> bool:
    """Whether another server than the one of process `before` answers."""
    return answers(dsn) and postmaster(home) != before


def answers(dsn: str) -> bool:
    try:
        return bool(query(dsn, "SELECT 1") == 1)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
        return False


def test_a_server_that_cannot_come_back_is_tried_again_until_it_can(bin_dir: Path, folder: Path, home: Path) -> None:
    version, log = home / "postgres/data/PG_VERSION", folder / "log"
    right = version.read_text()
    with log.open("w") as stderr, user(home, bin_dir, stderr=stderr) as service:
        dsn = said(service)
        version.write_text("13\n")
        os.kill(postmaster(home) or 0, signal.SIGKILL)
        until(lambda: "cannot be started again" in log.read_text())
        assert "made by PostgreSQL 13" in log.read_text()
        version.write_text(right)
        until(lambda: answers(dsn))


def test_stale_files_are_cleared_even_if_their_process_number_is_another_s_now(bin_dir: Path, home: Path) -> None:
    data = home / "postgres/data"
    owner = data.stat().st_uid
    options: dict[str, Any] = {"user": owner} if IS_ROOT else {}
    with command("cat", **options) as stranger:
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
    """Root's data: as root, for it can be given to another user; and as somebody else, whose they are not."""
    data = folder / "postgres/data"
    if IS_ROOT:
        data.mkdir(parents=True)
    else:
        data.parent.mkdir()
        data.symlink_to("/usr")
    assert "belongs to the user 0" in refusal(folder, bin_dir)


def test_a_folder_that_holds_something_else_is_refused(bin_dir: Path, folder: Path) -> None:
    data = folder / "postgres/data"
    data.mkdir(parents=True)
    (data / "letters").touch()
    if IS_ROOT:
        os.chown(data, *nobody())
    assert "something else than a database" in refusal(folder, bin_dir)


def test_missing_and_broken_programs_are_refused(folder: Path) -> None:
    home, programs = folder / "home", folder / "bin"
    assert "There is no program postgres in" in refusal(home, programs)
    programs.mkdir()
    for program in ("postgres", "initdb"):
        (programs / program).write_text("#!/bin/sh\necho no such library >&2; exit 1\n")
    assert re.search("(may not|cannot) be run", refusal(home, programs))  # root, others
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
        for log in folder.glob("home/postgres/server.log*"):
            log.unlink()  # what a start throws away makes room
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
