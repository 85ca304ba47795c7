"""`lernbatch exhaust …`, as an operator types it."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import forked
from tests.people import ASHA
from tests.reporting import Reporting, unzipped
from tests.running import Running


@pytest.fixture
def reporting(own: Running) -> Reporting:
    made = Reporting(own)
    made.enrol(ASHA)
    made.consent(ASHA)
    return made


def exhaust(reporting: Reporting, dsn: str, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    settings = {
        "LERNBATCH_DATABASE_URL": dsn,
        "LERNBATCH_HOME": str(reporting.service.config.home),
        "LERNBATCH_LOG_LEVEL": "error",
        **more,
    }
    return forked.run(["exhaust", *words], {**os.environ, **settings})


def test_a_report_is_made_without_the_api(reporting: Reporting, dsn: str, tmp_path: Path) -> None:
    out = tmp_path / "reports"
    words = ("userinfo", "--batch", reporting.batch_id, "--out", str(out), "--key", "abc12345")
    done = exhaust(reporting, dsn, *words)
    assert (done.returncode, done.stderr.count("Traceback")) == (0, 0), done.stderr
    path = Path(done.stdout.strip())
    assert (path.parent, path.stat().st_mode & 0o777) == (out, 0o600)
    assert ASHA.user_id in unzipped(path.read_bytes(), "abc12345").decode()
    assert reporting.service.sql("SELECT FROM exhaust_request") == []


def test_a_report_that_cannot_be_made_is_one_sentence(reporting: Reporting, dsn: str, tmp_path: Path) -> None:
    done = exhaust(reporting, dsn, "progress", "--batch", "nowhere", "--out", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "lernbatch: The exhaust could not be made: No data found."


def test_a_bar_that_nobody_sees_does_not_end_the_work(reporting: Reporting, dsn: str, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    settings = {"LERNBATCH_DATABASE_URL": dsn, "LERNBATCH_HOME": str(reporting.service.config.home)}
    words = ["exhaust", "progress", "--batch", reporting.batch_id, "--out", str(tmp_path)]
    command = [sys.executable, "-m", "lernbatch", *words]
    environment = {**os.environ, **settings, "LERNBATCH_LOG_LEVEL": "error"}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=writer, text=True, timeout=300)
    os.close(writer)
    assert done.returncode == 0
    rows = list(csv.DictReader(io.StringIO(unzipped(Path(done.stdout.strip()).read_bytes()).decode(), newline="")))
    assert [row["User UUID"] for row in rows] == [ASHA.user_id]


def test_a_store_that_fails_is_named_and_what_it_keeps_is_left_to_the_worker(
    reporting: Reporting, dsn: str, tmp_path: Path
) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "progress-exhaust").write_text("in the way")
    settings = {"LERNBATCH_FILE_STORE": str(tmp_path / "store"), "LERNBATCH_EXHAUST_ATTEMPTS": "1"}
    words = ("progress", "--batch", reporting.batch_id, "--out", str(tmp_path))
    done = exhaust(reporting, dsn, *words, **settings)
    assert done.returncode == 1
    assert "The exhaust could not be made: Internal Server Error: The file store does not " in done.stderr
    (left,) = reporting.service.sql("SELECT expires_at <= now() AS is_due FROM exhaust_request")
    assert left["is_due"]


def test_what_a_cut_off_call_has_left_is_not_taken_for_the_next_one(
    reporting: Reporting, dsn: str, tmp_path: Path
) -> None:
    words = ("progress", "--batch", reporting.batch_id, "--out", str(tmp_path))
    insert = "INSERT INTO exhaust_request SELECT (jsonb_populate_record(r, $1)).* FROM exhaust_request r"
    reporting.submit()
    reporting.service.sql(insert, {"request_id": "another", "tag": reporting.batch_id, "requested_by": "operator"})
    done = exhaust(reporting, dsn, *words, "--format", "jsonl")
    assert ASHA.user_id in unzipped(Path(done.stdout.strip()).read_bytes()).decode()
    left = reporting.service.sql("SELECT DISTINCT status FROM exhaust_request")
    assert [row["status"] for row in left] == ["SUBMITTED"]  # others' requests are for the workers
