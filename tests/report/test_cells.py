"""What stands in the cells of reports."""

from __future__ import annotations

import pytest

from lernbatch.report import cells


@pytest.mark.parametrize(
    ("is_complete", "completed", "needed", "percent"),
    [
        (False, 0, 4, 0),
        (False, 1, 8, 13),  # 12.5 is rounded up
        (False, 2, 3, 67),
        (False, 5, 4, 100),  # contents that left the course count no more than all
        (True, 0, 4, 100),  # who completed the course stays so when it is republished
        (False, 0, 0, 0),
    ],
)
def test_progress_is_a_whole_percent(is_complete: bool, completed: int, needed: int, percent: int) -> None:
    assert cells.progress_percent(is_complete, completed, needed) == percent


@pytest.mark.parametrize(
    ("score", "max_score", "cell"),
    [(3, 4, "75%"), (2.67, 4, "67%"), (7, 100, "7%"), (0, 4, "0%"), (0, 0, ""), (1, 3, "34%")],
)
def test_a_score_is_a_percent_rounded_up(score: float, max_score: float, cell: str) -> None:
    assert cells.score_percent(score, max_score) == cell


def test_the_total_is_of_what_was_attempted() -> None:
    scores = {"q1": [1, 2, 1], "q2": [3, 4, 1], "elsewhere": [0, 100, 1]}
    assert cells.total_score(scores, ["q1", "q2", "q3"]) == "67%"
    assert cells.total_score({}, ["q1"]) == ""


def test_options_are_json_without_its_own_marks() -> None:
    assert cells.options([{"1": '{"text":"a\nb"}'}]) == "[{'1':'{'text':'anb'}'}]".replace("anb", "ab")
    assert cells.options(None) == ""
