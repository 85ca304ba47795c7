"""The main job as its command runs it: a service of its own process, through real HTTP, with figures counted apart."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import StringIO
from pathlib import Path
from threading import Thread

import pytest
from rich.console import Console

from lernbatch.errors import Unusable
from sandbox import importing
from sandbox.demo import expected, report
from sandbox.demo.service import await_ready
from sandbox.demo.story import UPDATE, StoryLearner, Way, steps
from tests.cli.commands import Installation, wait_for
from tests.postgres_supervisor.servers import postmaster

SECONDS = 600  # on a busy machine


def test_the_demo_ends_with_the_figures_that_its_input_implies(dsn: str, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "LERNBATCH_DATABASE_URL": dsn,
        "LERNBATCH_HOME": str(tmp_path),
        "LERNBATCH_PORT": "0",
        "COLUMNS": "120",
    }
    ended = subprocess.run(
        [sys.executable, "-m", "lernbatch", "demo", "--once", "--learners", "20"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.count("✓") == 5
    assert "WRONG" not in ended.stdout


@pytest.mark.real
def test_a_killed_demo_leaves_nothing_behind(tmp_path: Path) -> None:
    """Neither its service nor its database server, while it is at work."""
    embedded = Installation(tmp_path, None, {"LERNBATCH_PORT": "0"})
    command = [sys.executable, "-m", "lernbatch", "demo", "--learners", "20"]
    with subprocess.Popen(command, env=embedded.environment, stdout=subprocess.DEVNULL) as demo:
        wait_for(lambda: postmaster(tmp_path) is not None and children(demo.pid))
        left = children(demo.pid)
        demo.kill()
    wait_for(lambda: postmaster(tmp_path) is None)
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in left))


def children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def test_a_figure_that_is_not_what_the_input_implies_is_marked() -> None:
    wanted = expected.figures(expected.contents(importing.SAMPLE / "course.json"), 20)
    console = Console(file=StringIO(), width=120)
    report.show_figures(console, replace(wanted, completed=wanted.completed - 1), wanted)
    assert console.file.getvalue().count("WRONG") == 1  # type: ignore[attr-defined]


def test_the_story_sends_as_many_updates_as_are_expected_of_it() -> None:
    contents = expected.contents(importing.SAMPLE / "course.json")
    learners = [StoryLearner(number, f"u{number}") for number in range(60)]
    sent = Counter(step.kind for learner in learners for step in steps(learner, contents, 0))
    assert sent[UPDATE] == expected.figures(contents, 60).updates_sent


def test_every_way_is_taken_by_some_of_twenty_learners() -> None:
    assert {StoryLearner(number, "u").way for number in range(20)} == set(Way)


def test_what_readyz_says_is_said_when_the_service_never_becomes_ready() -> None:
    class Unready(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(503)
            self.end_headers()
            self.wfile.write(b"the database lacks migration 38\n")
            process.terminate()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with (
        HTTPServer(("127.0.0.1", 0), Unready) as server,
        subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process,
    ):
        Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(Unusable, match="/readyz said last: the database lacks migration 38"):
            await_ready(f"http://127.0.0.1:{server.server_port}", process)
        server.shutdown()
