"""The rules of attempts: which answers count, what an attempt is worth, which attempt is the best."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lernbatch.course.model import Course
from lernbatch.progress.attempts.model import Attempt, Question, Score, Submission


def unique(questions: Iterable[Question]) -> tuple[Question, ...]:
    """Each question once, with its latest answer; of two at the same moment, the first.

    Source: contract jobs §3.2, rule 3.
    """
    latest: dict[str, Question] = {}
    for question in questions:
        other = latest.get(question.id)
        if other is None or question.assess_ts > other.assess_ts:
            latest[question.id] = question
    return tuple(latest.values())


def bounded(score: float, max_score: float) -> float:
    """`score` within 0 and `max_score`: more or less than that is no mark, whatever a client says."""
    return min(max(score, 0.0), max(max_score, 0.0))


def surplus(tries: Sequence[Attempt], most: int) -> list[Attempt]:
    """Of the attempts at one content those beyond the `most` best, of which the later ones stay."""
    best_first = sorted(tries, key=lambda attempt: (-attempt.score, -attempt.attempted_ms, attempt.attempt_id))
    return best_first[most:]


def attempt(submission: Submission) -> Attempt:
    """Its marks, of unique and answered questions alone: the others are not in the maximum.

    Source: contract jobs §3.2, rule 5.
    """
    answers = submission.questions or ()
    return Attempt(
        submission.content_id,
        submission.attempt_id,
        submission.attempted_ms,
        score=sum(question.score for question in answers),
        max_score=sum(question.max_score for question in answers),
    )


def refusal(submission: Submission, course: Course) -> str | None:
    """Why an attempt does not count; None: it does. Source: contract jobs §3.2, rules 1 and 4."""
    if submission.questions is None:
        return "the events cannot be read"
    leaf = course.leaf_node_by_id.get(submission.content_id)
    if leaf is None and course.leaf_nodes:
        return "the content is not part of the course"
    if leaf is not None and leaf.total_questions and len(submission.questions) > leaf.total_questions:
        return "there are more answers than questions"
    return None


def replaces(new: Attempt, stored: Attempt | None) -> bool:
    """Whether an attempt takes the place of the stored one of the same id: it is later.

    Two of the same moment are a client's mistake; the better one stays, whichever came first.
    """
    return stored is None or _order(new) > _order(stored)


def _order(attempt: Attempt) -> tuple[int, float, float]:
    return attempt.attempted_ms, attempt.score, attempt.max_score


def scores(attempts: Iterable[Attempt]) -> dict[str, Score]:
    """Per content: its best attempt by absolute marks, the first such on ties (contract jobs §3.3)."""
    grouped: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        grouped.setdefault(attempt.content_id, []).append(attempt)
    best = {
        content_id: min(tries, key=lambda attempt: (-attempt.score, attempt.attempted_ms, attempt.attempt_id))
        for content_id, tries in grouped.items()
    }
    return {
        content_id: Score(attempt.score, attempt.max_score, len(grouped[content_id]))
        for content_id, attempt in best.items()
    }
