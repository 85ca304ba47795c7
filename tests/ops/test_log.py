"""The log of a lasting fault is bounded, and says how much it left out."""

from __future__ import annotations

import json
import logging
import subprocess
import sys

import pytest

from lernbatch import log
from lernbatch.log import LINES_A_WINDOW, MOST_KINDS, WINDOW_SECONDS, Repeats


class Watch:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_of_one_kind_a_few_lines_a_minute_are_let_through_and_the_next_says_how_many_were_not() -> None:
    watch = Watch()
    repeats = Repeats(watch)
    assert [repeats.admit("down") for _ in range(100)] == [0] * LINES_A_WINDOW + [None] * (100 - LINES_A_WINDOW)
    assert repeats.admit("another") == 0
    watch.seconds += WINDOW_SECONDS
    assert repeats.admit("down") == 100 - LINES_A_WINDOW
    assert repeats.admit("down") == 0


def test_kinds_without_end_fill_no_memory() -> None:
    repeats = Repeats()
    for number in range(3 * MOST_KINDS):
        repeats.admit(number)
    assert len(repeats._kinds) <= MOST_KINDS


LASTING = """
import logging
from lernbatch import log
log.configure("debug")
for number in range(300):
    log.warning("the database does not work", route=str(number))
    log.exception("job failed", OSError(number))
    log.exception("job failed", ValueError(number))
    logging.getLogger("library").warning("attempt %s failed", number)
    log.info("job done", count=number)
"""


@pytest.mark.parametrize(
    ("event", "lines"),
    [
        ("the database does not work", LINES_A_WINDOW),
        ("job failed", 2 * LINES_A_WINDOW),
        ("attempt", LINES_A_WINDOW),
        ("job done", 300),
    ],
)
def test_a_lasting_fault_is_a_few_lines_of_each_kind(event: str, lines: int) -> None:
    done = subprocess.run([sys.executable, "-c", LASTING], capture_output=True, text=True, check=True)
    events = [json.loads(line)["event"] for line in done.stderr.splitlines()]
    assert sum(one.startswith(event) for one in events) == lines


def test_a_line_of_a_library_says_what_was_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch()
    monkeypatch.setattr(log, "_repeats", Repeats(watch))
    bound = log._BoundRepeats()
    records = [logging.LogRecord("x", 30, "f", 1, "down %s", (n,), None) for n in range(LINES_A_WINDOW + 3)]
    assert [bound.filter(record) for record in records] == [True] * LINES_A_WINDOW + [False] * 3
    watch.seconds += WINDOW_SECONDS
    assert bound.filter(records[0])
    assert records[0].getMessage() == "down 0 (3 such lines were left out before)"


MALFORMED = """
from lernbatch import log
log.configure("debug")
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser
for number in range(50):
    try:
        MultipartParser(b"b", {}).write(b"x" * number + b"not a form")
    except MultipartParseError:
        pass
log.warning("the end")
"""


def test_a_form_that_is_none_is_the_caller_s_and_fills_no_log() -> None:
    done = subprocess.run([sys.executable, "-c", MALFORMED], capture_output=True, text=True, check=True)
    assert [json.loads(line)["event"] for line in done.stderr.splitlines()] == ["the end"]
