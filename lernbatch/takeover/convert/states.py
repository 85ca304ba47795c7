"""What a learner has done in the contents of a batch, by the rows of states of one spelling of the id."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from lernbatch.course.model import Course
from lernbatch.progress import rules
from lernbatch.progress.model import COMPLETED, ContentState, States
from lernbatch.takeover.convert import certificates
from lernbatch.takeover.convert.model import (
    BatchFacts,
    Converted,
    Fate,
    MoveProblem,
    StagedEnrolment,
    StagedState,
    table_of,
)


@dataclass(slots=True)
class Learning:
    """What one spelling of a learner's id has done in a batch. `row` None: there is none, only states."""

    row: StagedEnrolment | None
    states: States
    certificates: list[dict[str, str]]


def learning(
    user_id: str,
    spelled: str,
    facts: BatchFacts,
    enrolments: Iterable[StagedEnrolment],
    rows: Iterable[StagedState],
    start_ms: int,
    converted: Converted,
) -> Learning:
    """What one spelling of the id has done; where the newer and the older table have a row, the newer counts."""
    problems, key = converted.problems, (user_id, facts.batch_id)
    listed = sorted((row for row in enrolments if row.spelled == spelled), key=lambda row: row.older)
    for number, staged in enumerate(listed):
        converted.fates[table_of(staged), Fate.JOINED if number else Fate.TAKEN] += 1
    row = listed[0] if listed else None
    if row is not None:
        problems += [MoveProblem(kind, key, said) for kind, said in row.notes]
        if row.older:
            problems.append(MoveProblem("older-only-row", key))
    written = [at for at in (row.written_ms, row.enrolled_ms) if at is not None] if row else []
    fallback_ms = written[0] if written else start_ms
    newer: States = {}
    older: States = {}
    fates = converted.fates
    for staged_state in rows:
        if staged_state.spelled != spelled:
            continue
        content_id, state = staged_state.content_id, staged_state.state
        for kind, said in staged_state.notes:
            problems.append(MoveProblem(kind, (*key, content_id), said))
        if state.last_updated_ms == 0:
            state = msgspec.structs.replace(state, last_updated_ms=fallback_ms)
        states = older if staged_state.older else newer
        before = states.get(content_id)
        states[content_id] = state if before is None else highest(before, state)
        if before is not None:
            fates[table_of(staged_state), Fate.JOINED] += 1
    joined = newer.keys() & older.keys()
    fates["user_content_consumption", Fate.TAKEN] += len(newer)
    fates["content_consumption", Fate.TAKEN] += len(older) - len(joined)
    fates["content_consumption", Fate.JOINED] += len(joined)
    for content_id, state in older.items():
        both = highest(newer.get(content_id), state)
        if content_id in newer and both != newer[content_id]:
            problems.append(MoveProblem("older-row-ahead", (*key, content_id)))
        newer[content_id] = both
    if row is None:
        return Learning(None, newer, [])
    for content_id, status in row.in_map.items():
        if content_id not in newer:
            is_done = status == COMPLETED
            newer[content_id] = ContentState(
                status, 100 if is_done else 0, 1, 1 if is_done else 0, None, None, fallback_ms
            )
            problems.append(MoveProblem("state-only-in-map", (*key, content_id)))
    return Learning(row, newer, certificates.joined_entries(key, row.issued, row.certificates, problems))


def highest(first: ContentState | None, second: ContentState) -> ContentState:
    """Two rows of one learner and content: place by place the highest and the latest.

    Not `rules.join`, which adds the views of two accounts: both rows count the same views.
    """
    if first is None:
        return second
    if first == second:
        return first

    def latest(first: int | None, other: int | None) -> int | None:
        return max((at for at in (first, other) if at is not None), default=None)

    details = [each for each in (first.details, second.details) if each is not None]
    return ContentState(
        max(first.status, second.status),
        max(first.progress, second.progress),
        max(first.views, second.views),
        max(first.completions, second.completions),
        latest(first.last_access_ms, second.last_access_ms),
        latest(first.last_completed_ms, second.last_completed_ms),
        max(first.last_updated_ms, second.last_updated_ms),
        max(details, key=lambda detail: (detail[0], msgspec.json.encode(detail[1], order="sorted")), default=None),
    )


def latest_completion(course: Course | None, states: States) -> int | None:
    """When the last of the contents was completed that complete the course."""
    if course is None:
        return None
    counting = course.required_ids or course.leaf_node_ids
    times = [
        state.last_updated_ms if (at := rules.completed_ms(state)) is None else at
        for content_id, state in states.items()
        if state.status == COMPLETED and content_id in counting
    ]
    return max(times, default=None)
