"""A copy that is stopped anywhere goes on where it was, and two at once are one (migration §7, M24, M26, M66)."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lernbatch.database import db
from lernbatch.takeover import actions, lease
from lernbatch.takeover.database import Q
from lernbatch.takeover.stage import ChangedSource
from tests.learning import ENROLMENT
from tests.takeover.moving import Installation

KILLED = """
import os, signal, sys
from pathlib import Path
from tests.takeover.moving import Installation

calls = 0

def watch(what, done, total):
    global calls
    calls += 1
    if calls == int(sys.argv[4]):
        os.kill(os.getpid(), signal.SIGKILL)

installation = Installation(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), {"lease_seconds": 0.2})
installation.copy(watch=watch, bytes_at_once=2000)
"""


class Stopped(Exception):
    """The process stops here."""


def ends_like(one: Installation, other: Installation) -> bool:
    return one.everything() == other.everything()


@pytest.fixture
def undisturbed(new_dsn: Callable[[], str], tmp_path: Path, sunbird_export: Path) -> Installation:
    """The same world, copied in one run."""
    whole = Installation(new_dsn(), tmp_path / "undisturbed", sunbird_export)
    whole.import_courses()
    whole.copy(chunk_bytes=20_000)
    return whole


@pytest.mark.real
def test_m66_a_stop_at_every_chunk_and_slice_boundary_has_the_same_end(
    installation: Installation, undisturbed: Installation
) -> None:
    stops: list[str] = []
    for _ in range(500):
        seen: list[str] = []

        def watch(what: str, done: int, _: int | None, seen: list[str] = seen) -> None:
            # Each run does one chunk, or one slice, and stops: whatever was done stays done.
            staged = what == "chunks read" and "rows" in seen
            seen.append(what)
            if staged or (what == "slices built" and done == 1):
                stops.append(what)
                raise Stopped

        try:
            installation.copy(watch=watch, chunk_bytes=20_000, bytes_at_once=1)
            break
        except Stopped:
            continue
    assert stops.count("chunks read") > 12
    assert stops.count("slices built") > 40
    assert ends_like(installation, undisturbed)


@pytest.mark.real
def test_m66_a_kill_at_random_moments_has_the_same_end(
    installation: Installation, undisturbed: Installation, sunbird_export: Path
) -> None:
    chosen = random.Random(5)
    for moment in (1, *(chosen.randrange(2, 90) for _ in range(5))):
        words = [
            sys.executable,
            "-c",
            KILLED,
            installation.dsn,
            str(installation.home),
            str(sunbird_export),
            str(moment),
        ]
        ended = subprocess.run(words, capture_output=True, text=True, timeout=600, check=False)
        assert ended.returncode in (0, -signal.SIGKILL), ended.stderr
    copied(installation)
    assert ends_like(installation, undisturbed)


def copied(installation: Installation) -> dict[str, Any]:
    """To its end, when the lease of a dead process is over."""
    while True:
        try:
            return installation.copy()
        except lease.AlreadyMoving:
            continue


def test_m24_chunks_that_are_done_are_not_read_again(installation: Installation) -> None:
    read: list[str] = []

    def watch(what: str, done: int, total: int | None) -> None:
        if what == "slices built":
            raise Stopped

    with pytest.raises(Stopped):
        installation.copy(watch=watch)
    installation.copy(watch=lambda what, *_: read.append(what))
    assert "rows" not in read


@pytest.mark.parametrize("table", ["user_enrolments", "course_batch"])
def test_m24_a_file_that_changed_since_it_was_read_is_refused(own_world: Installation, table: str) -> None:
    own_world.copy()
    before = own_world.everything()
    file = own_world.world / "dsbulk" / "sunbird_courses" / table / "output-000001.json"
    file.write_bytes(file.read_bytes().replace(b"open", b"opEn").replace(b'"active":true', b'"active":null', 1))
    with pytest.raises(ChangedSource, match=table):
        own_world.copy()
    assert own_world.everything() == before


def test_m24_a_stopped_copy_goes_on_with_its_own_sources_alone(installation: Installation) -> None:
    def watch(what: str, *_: Any) -> None:
        if what == "slices built":
            raise Stopped

    with pytest.raises(Stopped):
        installation.copy("dsbulk", watch=watch)
    for form, catch_up in (("cqlsh", False), ("dsbulk", True)):
        with pytest.raises(actions.OtherOptions, match="is not done"):
            installation.copy(form, catch_up=catch_up)


def test_m25_a_finished_copy_takes_no_other_source(installation: Installation) -> None:
    installation.copy("dsbulk")
    with pytest.raises(actions.AlreadyCopied, match="catch-up"):
        installation.copy("cqlsh")


def test_m32_a_catch_up_needs_a_copy(installation: Installation) -> None:
    with pytest.raises(actions.NothingCopied):
        installation.copy(catch_up=True)


def test_m26_the_second_of_two_is_told_who_runs(installation: Installation) -> None:
    async def work(held: Any, _: Any) -> None:
        async with lease.held(held, "copy") as owner:
            with pytest.raises(lease.AlreadyMoving, match=owner):
                async with lease.held(held, "catch-up"):
                    raise AssertionError
        async with lease.held(held, "catch-up"):
            pass

    installation.run(work)


def test_m26_who_lost_the_lease_writes_nothing_more(installation: Installation) -> None:
    async def rob() -> None:
        conn = await db.connect(installation.dsn)
        try:
            await conn.execute("UPDATE takeover.lease SET owner = 'a twin', leased_until = now() + interval '1 hour'")
        finally:
            await conn.close()

    def watch(what: str, done: int, _: int | None) -> None:
        if what == "slices built" and done == 0:
            thread = threading.Thread(target=lambda: asyncio.run(rob()))
            thread.start()
            thread.join()

    with pytest.raises(lease.MoveLeaseLost):
        installation.copy(watch=watch)
    assert installation.sql("SELECT count(*) FROM enrolment")[0][0] == 0
    assert installation.sql(Q.lease_holder.text)[0]["owner"] == "a twin"


def test_m27_a_learner_with_ten_thousand_states_passes(own_world: Installation) -> None:
    folder = own_world.world / "dsbulk" / "sunbird_courses" / "user_content_consumption"
    line = (
        '{{"userid":"whale","courseid":"do_3141000000000001","batchid":"0141000000000000001","contentid":"do_{0}",'
        '"status":2,"last_access_time":"2024-02-01T10:15:30.125Z"}}\n'
    )
    (folder / "output-000002.json").write_text("".join(line.format(number) for number in range(10_000)))
    own_world.copy()
    (row,) = own_world.sql(f"{ENROLMENT} WHERE user_id = 'whale'")
    assert len(row["states"]) == 10_000
    assert not row["active"]
