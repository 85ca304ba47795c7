"""The attempts of a learner in a batch, from the rows of the table, of its archive, and of aggregates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lernbatch.progress.attempts import rules
from lernbatch.progress.attempts.model import Attempt
from lernbatch.takeover.convert.model import (
    TOLERANCE,
    Converted,
    ConvertedAttempt,
    Fate,
    MoveProblem,
    StagedAggregate,
    StagedAttempt,
    table_of,
)
from lernbatch.takeover.convert.values import moment

AGGREGATE = "sunbird-aggregate"  # the id of an attempt of which only the aggregate is left


def attempts_in_batch(
    user_id: str,
    rows: Sequence[StagedAttempt],
    aggregates: Sequence[StagedAggregate],
    start_ms: int,
    converted: Converted,
) -> list[ConvertedAttempt]:
    """All attempts of a learner in a batch: the table's, then archived ones, then what only aggregates tell of."""
    attempts: dict[tuple[str, str], ConvertedAttempt] = {}
    for staged in sorted(rows, key=lambda staged: staged.archived):
        key = (staged.content_id, staged.attempt_id)
        problem_key = (user_id, staged.batch_id, *key)
        before = attempts.get(key)
        is_later = before is None or (
            not staged.archived and (staged.attempted_ms or 0, staged.score) > (before.attempted_ms, before.score)
        )
        if not is_later:
            converted.fates[table_of(staged), Fate.JOINED] += 1
            continue
        converted.fates[table_of(staged), Fate.TAKEN if before is None else Fate.JOINED] += 1
        notes = list(staged.notes)
        if staged.archived:
            notes.append(("attempt-from-archive", {}))
        if staged.attempted_ms is None:
            notes.append(("attempt-without-date", {"taken_from": "batch"}))
        converted.problems += [MoveProblem(kind, problem_key, said) for kind, said in notes]
        attempted_ms = start_ms if staged.attempted_ms is None else staged.attempted_ms
        attempts[key] = ConvertedAttempt(
            user_id=user_id,
            batch_id=staged.batch_id,
            content_id=staged.content_id,
            attempt_id=staged.attempt_id,
            course_id=staged.course_id,
            attempted_ms=attempted_ms,
            score=staged.score,
            max_score=staged.max_score,
            questions=staged.questions,
            created_at=moment(attempted_ms if staged.created_ms is None else staged.created_ms),
            updated_at=moment(attempted_ms if staged.updated_ms is None else staged.updated_ms),
        )
    best = {
        content_id: score.best
        for content_id, score in rules.scores(
            Attempt(tried.content_id, tried.attempt_id, tried.attempted_ms, tried.score, tried.max_score)
            for tried in attempts.values()
        ).items()
    }
    for aggregate in aggregates:
        added = _only_in_aggregate(user_id, aggregate, best, attempts, start_ms, converted.problems)
        converted.fates["user_activity_agg", Fate.TAKEN if added else Fate.DERIVED] += 1
        for tried in added:
            attempts[tried.content_id, tried.attempt_id] = tried
    return list(attempts.values())


def _only_in_aggregate(
    user_id: str,
    aggregate: StagedAggregate,
    best: Mapping[str, float],
    attempts: Mapping[tuple[str, str], ConvertedAttempt],
    start_ms: int,
    problems: list[MoveProblem],
) -> list[ConvertedAttempt]:
    """Attempts whose rows are gone: those that the aggregate lists, else one of its best score."""
    key = (user_id, aggregate.batch_id)

    def attempt(content_id: str, attempt_id: str, score: float, of: float, at: int | None) -> ConvertedAttempt:
        attempted_ms = aggregate.times_ms.get(f"score:{content_id}", start_ms) if at is None else at
        when = moment(attempted_ms)
        return ConvertedAttempt(
            user_id, aggregate.batch_id, content_id, attempt_id, aggregate.course_id, attempted_ms, score, of, [],
            when, when,
        )  # fmt: skip

    added: dict[tuple[str, str], ConvertedAttempt] = {}
    for content_id, attempt_id, score, of, at in aggregate.details:
        if content_id not in best and (content_id, attempt_id) not in {**attempts, **added}:
            added[content_id, attempt_id] = attempt(content_id, attempt_id, score, of, at)
            problems.append(MoveProblem("score-from-details", (*key, content_id, attempt_id)))
    listed = {content_id for content_id, _ in (*attempts, *added)}
    for name, score in aggregate.figures.items():
        what, _, content_id = name.partition(":")
        if what != "score" or not content_id:
            continue
        if content_id in best:
            if abs(best[content_id] - score) > TOLERANCE:
                said: dict[str, Any] = {"stored": score, "reckoned": best[content_id]}
                problems.append(MoveProblem("score-differs", (*key, content_id), said))
        elif content_id not in listed:
            of = aggregate.figures.get(f"max_score:{content_id}", 0.0)
            added[content_id, AGGREGATE] = attempt(content_id, AGGREGATE, score, of, None)
            lost = aggregate.figures.get(f"attempts_count:{content_id}", 1.0)
            problems.append(MoveProblem("score-without-attempt", (*key, content_id), {"attempts": int(lost)}))
    return list(added.values())
