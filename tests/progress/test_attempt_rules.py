"""The rules of attempts, as tables: contract jobs §3.2 and §3.3."""

from __future__ import annotations

import pytest

from lernbatch.progress.attempts import rules
from lernbatch.progress.attempts.model import Attempt, Question, Score, Submission


def question(name: str, at: int = 0, score: float = 1.0, most: float = 2.0) -> Question:
    return Question(name, at, most, score)


def attempt(name: str, score: float, at: int = 0, content_id: str = "quiz", most: float = 10.0) -> Attempt:
    return Attempt(content_id, name, at, score, most)


@pytest.mark.parametrize(
    ("questions", "kept"),
    [
        ([], []),
        ([question("a", 1)], [question("a", 1)]),
        ([question("a", 1), question("a", 2)], [question("a", 2)]),
        ([question("a", 2), question("a", 1)], [question("a", 2)]),
        ([question("a", 1, 0.5), question("a", 1, 1.5)], [question("a", 1, 0.5)]),  # at one moment the first
        ([question("a", 1), question("b", 1)], [question("a", 1), question("b", 1)]),
    ],
)
def test_each_question_counts_once_with_its_latest_answer(questions: list[Question], kept: list[Question]) -> None:
    assert list(rules.unique(questions)) == kept


@pytest.mark.parametrize(
    ("score", "most", "bounded"), [(1, 2, 1), (3, 2, 2), (-1, 2, 0), (1, 0, 0), (1, -1, 0), (0, 0, 0)]
)
def test_a_mark_lies_within_nothing_and_the_maximum(score: float, most: float, bounded: float) -> None:
    assert rules.bounded(score, most) == bounded


@pytest.mark.parametrize(
    ("tries", "most", "dropped"),
    [
        ([("a", 1, 1)], 1, []),
        ([("a", 1, 1), ("b", 2, 2)], 1, ["a"]),
        ([("a", 2, 1), ("b", 1, 2)], 1, ["b"]),  # the best stay, whenever they were made
        ([("a", 1, 1), ("b", 1, 2)], 1, ["a"]),  # of equals the later
        ([("b", 1, 1), ("a", 1, 1)], 1, ["b"]),  # at one moment by their ids
        ([("a", 1, 1), ("b", 2, 2), ("c", 3, 3)], 0, ["c", "b", "a"]),
    ],
)
def test_beyond_the_bound_the_worst_attempts_go(
    tries: list[tuple[str, float, int]], most: int, dropped: list[str]
) -> None:
    assert [gone.attempt_id for gone in rules.surplus([attempt(*each) for each in tries], most)] == dropped


@pytest.mark.parametrize(
    ("new", "stored", "replaces"),
    [
        (attempt("a", 1, 1), None, True),
        (attempt("a", 1, 2), attempt("a", 5, 1), True),
        (attempt("a", 5, 1), attempt("a", 1, 2), False),
        (attempt("a", 5, 1), attempt("a", 1, 1), True),  # at one moment the better one stays
        (attempt("a", 1, 1), attempt("a", 5, 1), False),
        (attempt("a", 1, 1), attempt("a", 1, 1), False),
    ],
)
def test_a_later_delivery_of_an_attempt_replaces_it(new: Attempt, stored: Attempt | None, replaces: bool) -> None:
    assert rules.replaces(new, stored) is replaces


@pytest.mark.parametrize(
    ("attempts", "scores"),
    [
        ([], {}),
        ([attempt("a", 4)], {"quiz": Score(4, 10, 1)}),
        ([attempt("a", 4), attempt("b", 6)], {"quiz": Score(6, 10, 2)}),
        ([attempt("a", 6, 2, most=12), attempt("b", 6, 1)], {"quiz": Score(6, 10, 2)}),  # of equals the first
        ([attempt("a", 4), attempt("b", 6, content_id="test")], {"quiz": Score(4, 10, 1), "test": Score(6, 10, 1)}),
    ],
)
def test_the_best_attempt_is_the_score_of_a_content(attempts: list[Attempt], scores: dict[str, Score]) -> None:
    assert rules.scores(attempts) == scores


def test_marks_are_those_of_the_answered_questions() -> None:
    answers = (question("a", score=1.0, most=2.0), question("b", score=0.5, most=3.0))
    submission = Submission("quiz", "do_1", "b", "a1", 7, answers, {})
    assert rules.attempt(submission) == Attempt("quiz", "a1", 7, 1.5, 5.0)
