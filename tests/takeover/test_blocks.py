"""Rows of a large export are converted by several processes, with the same end as by one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from lernbatch.sunbird_source.values import ZoneMissing
from lernbatch.takeover import blocks
from tests.takeover.moving import Installation

HOLDING = """
import os, sys, time
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from lernbatch.sunbird_source.opening import open_source
from lernbatch.takeover import blocks
from lernbatch.takeover.convert.model import ConvertOptions

if __name__ == "__main__":
    blocks.SMALL_BYTES = 0
    source = open_source(sys.argv[1])
    conversion = blocks.Conversion([source], ConvertOptions(ZoneInfo("UTC"), date(2026, 1, 1)), {})
    with blocks.processes(conversion) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        time.sleep(600)
"""


@pytest.fixture
def on_all_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the export were a large one, on a machine with several processors."""
    monkeypatch.setattr(blocks, "SMALL_BYTES", 0)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)


@pytest.mark.parametrize("form", ["dsbulk", "cqlsh"])
@pytest.mark.usefixtures("on_all_processors")
def test_several_processes_have_the_same_end_as_one(
    installation: Installation,
    new_dsn: Callable[[], str],
    tmp_path: Path,
    sunbird_export: Path,
    form: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(blocks, "ROWS_AT_ONCE", 100)
    told = installation.copy(form)
    with monkeypatch.context() as one_process:
        one_process.setattr(os, "cpu_count", lambda: 1)
        alone = Installation(new_dsn(), tmp_path / "alone", sunbird_export)
        alone.import_courses()
        told_alone = alone.copy(form)
    assert installation.everything() == alone.everything()
    assert told["tables"] == told_alone["tables"]
    assert installation.verify(form)["differences"]["count"] == 0


@pytest.mark.usefixtures("on_all_processors")
def test_what_a_process_cannot_read_is_told_in_the_same_words(own_world: Installation) -> None:
    path = next((own_world.world / "dsbulk").rglob("user_enrolments/*.json"))
    path.write_text(path.read_text().replace('Z"', '"'))
    with pytest.raises(ZoneMissing, match="--export-zone"):
        own_world.copy()


def test_processes_end_with_the_one_that_they_work_for(sunbird_export: Path) -> None:
    words = [sys.executable, "-c", HOLDING, str(sunbird_export / "dsbulk")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        converting = psutil.Process(int(holder.stdout.readline()))
        holder.send_signal(signal.SIGKILL)
        psutil.wait_procs([converting], timeout=60)
    assert not converting.is_running()
