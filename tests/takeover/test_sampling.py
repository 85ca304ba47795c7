"""A sample of learners is asked for from both services (migration M39)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.cli.commands import Installation as CommandLine
from tests.running import running
from tests.takeover.moving import PROVIDER, Installation


def test_m39_both_services_are_asked_for_learners_drawn_by_a_seed(
    installation: Installation, new_dsn: Callable[[], str], tmp_path: Path
) -> None:
    installation.copy()
    other = Installation(new_dsn(), tmp_path / "other", installation.world)
    other.import_courses()
    other.copy()
    line = CommandLine(installation.home, installation.dsn, {"LERNBATCH_FEDERATION_PROVIDER_ID": PROVIDER})
    with running(other.home, other.dsn) as old:
        words = ("sunbird", "verify", "--primary", old.url, "--sample")
        same = line.run(*words, "1000")
        assert same.returncode == 0, same.stdout + same.stderr
        assert ": 0 differences, 0 more that are known." in same.stdout
        (user_id,) = other.sql(
            "UPDATE enrolment SET status = 0, percentage = 0, progress = 0 WHERE (user_id, batch_id) = (SELECT user_id,"
            " batch_id FROM enrolment WHERE status = 2 AND active ORDER BY 1, 2 LIMIT 1) RETURNING user_id"
        )[0]
        differs = line.run(*words, "1000")
        assert differs.returncode == 1
        assert "GET /private/v1/user/courses/list/{user_id}: value" in differs.stdout
        assert f"of {user_id}: 0 there, 2 here" in differs.stdout
        few = [line.run(*words, "1", "--seed", "7").stdout for _ in range(2)]
        assert few[0] == few[1]
        assert "about 1 learners" in few[0]
    gone = line.run(*words, "1")
    assert "gives no answer that can be compared" in gone.stderr
