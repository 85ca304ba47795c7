"""All rows of one learner together: what is joined, what completes, what is held (contract migration §4)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time
from typing import Any, TypeAlias

import msgspec

from lernbatch.account import rules as accounts
from lernbatch.account.model import EnrolmentRow
from lernbatch.course.model import Course
from lernbatch.enrolment.model import EnrolmentSource
from lernbatch.progress import rules
from lernbatch.progress.attempts import rules as attempt_rules
from lernbatch.progress.attempts.model import Attempt
from lernbatch.progress.model import COMPLETED, STATES, Completion, LastRead, dump_states
from lernbatch.takeover.convert import certificates
from lernbatch.takeover.convert.attempts import attempts_in_batch
from lernbatch.takeover.convert.model import (
    BatchFacts,
    Converted,
    ConvertedAttempt,
    ConvertedEnrolment,
    ConvertOptions,
    Fate,
    HeldRow,
    MoveProblem,
    Staged,
    StagedAggregate,
    StagedAttempt,
    StagedCertificate,
    StagedEnrolment,
    StagedState,
    table_of,
)
from lernbatch.takeover.convert.states import Learning, latest_completion, learning
from lernbatch.takeover.convert.values import LARGEST, held_to, milliseconds, moment

Courses: TypeAlias = Mapping[str, Course | None]  # course id → its tree; None: the content service does not know it


@dataclass(slots=True)
class _InBatch:
    """What the source has of a learner in one batch of one course."""

    enrolments: list[StagedEnrolment] = field(default_factory=list)
    states: list[StagedState] = field(default_factory=list)
    attempts: list[StagedAttempt] = field(default_factory=list)
    aggregates: list[StagedAggregate] = field(default_factory=list)
    records: list[StagedCertificate] = field(default_factory=list)

    def add(self, staged: Staged) -> None:
        if isinstance(staged, StagedState):
            self.states.append(staged)
        elif isinstance(staged, StagedEnrolment):
            self.enrolments.append(staged)
        elif isinstance(staged, StagedAttempt):
            self.attempts.append(staged)
        elif isinstance(staged, StagedAggregate):
            self.aggregates.append(staged)
        else:
            self.records.append(staged)


def convert_learner(
    user_id: str,
    rows: Iterable[Staged],
    batches: Mapping[str, BatchFacts],
    courses: Courses,
    options: ConvertOptions,
    converted: Converted,
) -> None:
    """Add to `converted` what all `rows` of a learner become. `courses`: of the batches; one that is absent was not
    asked for, so nothing is said of it.
    """
    groups: dict[tuple[str, str], _InBatch] = defaultdict(_InBatch)
    for staged in rows:
        groups[staged.batch_id, staged.course_id].add(staged)
    parts: list[certificates.CertificatesInBatch] = []
    for (batch_id, course_id), group in sorted(groups.items()):
        facts = batches.get(batch_id)
        if facts is None or facts.course_id != course_id:
            _hold(user_id, batch_id, course_id, facts, group, converted)
            entries = []
        else:
            entries = _convert_batch(user_id, facts, courses, options, group, converted)
        templates = facts.templates if facts else {}
        parts.append(certificates.CertificatesInBatch(batch_id, course_id, templates, group.records, entries))
    certificates.convert_records(user_id, parts, converted)


def _hold(
    user_id: str,
    batch_id: str,
    course_id: str,
    facts: BatchFacts | None,
    group: _InBatch,
    converted: Converted,
) -> None:
    """Rows of a batch that is not there, or of another course than the batch's, are not in the target."""
    for _ in group.aggregates:
        converted.fates["user_activity_agg", Fate.DERIVED] += 1
    rows: list[StagedEnrolment | StagedState | StagedAttempt] = [*group.enrolments, *group.states, *group.attempts]
    if not rows:
        return
    key = (user_id, batch_id) if facts is None else (user_id, batch_id, course_id)
    what = "enrolment" if group.enrolments else "state"
    kind = f"{what}-without-batch" if facts is None else f"{what}-other-course"
    said: dict[str, Any] = {"states": len(group.states)}
    if group.attempts:
        said["attempts"] = len(group.attempts)
    converted.problems.append(MoveProblem(kind, key, said))
    for row in rows:
        table = table_of(row)
        values = row.raw if row.raw is not None else msgspec.to_builtins(row)
        converted.held.append(HeldRow(kind, table, key, values))
        converted.fates[table, Fate.HELD] += 1


def _convert_batch(
    user_id: str,
    facts: BatchFacts,
    courses: Courses,
    options: ConvertOptions,
    group: _InBatch,
    converted: Converted,
) -> list[dict[str, str]]:
    """Convert a learner in a batch of ours. Returns the certificates that the enrolment lists."""
    key = (user_id, facts.batch_id)
    problems = converted.problems
    start_ms = milliseconds(datetime.combine(facts.start_date, time(), options.zone).astimezone(UTC))
    attempts = attempts_in_batch(user_id, group.attempts, group.aggregates, start_ms, converted)
    spelled_so = {row.spelled for row in group.enrolments} | {row.spelled for row in group.states}
    spellings = sorted(spelled_so, key=lambda spelled: (spelled != user_id, spelled))
    if not spellings and not attempts:
        return []
    for spelled in spellings:
        if spelled != user_id:
            problems.append(MoveProblem("user-id-prefixed", (spelled, facts.batch_id), {"merged": len(spellings) > 1}))
    parts = [
        learning(user_id, spelled, facts, group.enrolments, group.states, start_ms, converted) for spelled in spellings
    ]
    if all(part.row is None for part in parts):
        if group.states:
            problems.append(MoveProblem("state-without-enrolment", key, {"states": len(group.states)}))
        if attempts:
            problems.append(MoveProblem("attempt-without-enrolment", key))
    enrolments = [_enrolment(user_id, facts, part, attempts, start_ms, courses, converted) for part in parts]
    if not enrolments:
        nobody = Learning(None, {}, [])
        enrolments = [_enrolment(user_id, facts, nobody, attempts, start_ms, courses, converted)]
    enrolment = enrolments[0]
    for other, part in zip(enrolments[1:], parts[1:], strict=True):
        enrolment = _merged(enrolment, other, has_row=part.row is not None)
    is_joined = len(enrolments) > 1
    course = courses.get(facts.course_id)
    if course is not None:
        enrolment = _completed(enrolment, course, converted)
        if not is_joined:
            _compare(key, enrolment, parts[0].row if parts else None, group.aggregates, converted)
    enrolment = _last_read(enrolment, parts)
    records = [record for record in group.records if record.is_active]
    entries = certificates.with_missing_entries(key, enrolment.certificates, records, problems)
    scores = attempt_rules.scores(
        Attempt(tried.content_id, tried.attempt_id, tried.attempted_ms, tried.score, tried.max_score)
        for tried in attempts
    )
    converted.attempts += attempts
    converted.enrolments.append(msgspec.structs.replace(enrolment, certificates=entries, scores=scores))
    return entries


def _enrolment(
    user_id: str,
    facts: BatchFacts,
    part: Learning,
    attempts: Sequence[ConvertedAttempt],
    start_ms: int,
    courses: Courses,
    converted: Converted,
) -> ConvertedEnrolment:
    """An enrolment by what is stored, before the course's tree is asked what completes it."""
    key, row, problems = (user_id, facts.batch_id), part.row, converted.problems
    accesses = [state.last_access_ms for state in part.states.values() if state.last_access_ms is not None]
    changes = [state.last_updated_ms for state in part.states.values()]
    tries = [tried.attempted_ms for tried in attempts]
    if row is None:
        enrolled_ms = min(accesses or changes or tries or [start_ms])
    elif row.enrolled_ms is not None:
        enrolled_ms = row.enrolled_ms
    else:
        sources = {"state": min(accesses, default=None), "datetime": row.written_ms, "batch": start_ms}
        taken_from, enrolled_ms = next((name, at) for name, at in sources.items() if at is not None)
        if row.active is None:
            problems.append(MoveProblem("enrolment-ghost", key))
        else:
            problems.append(MoveProblem("enrolment-date-missing", key, {"taken_from": taken_from}))
    status = held_to(row.status or 0, 0, COMPLETED) if row else 0
    completed_ms = row.completed_ms if row else None
    if completed_ms is not None and status != COMPLETED:
        status = COMPLETED
        problems.append(MoveProblem("completed-date-without-status", key))
    elif status == COMPLETED and completed_ms is None and row is not None:
        course = courses.get(facts.course_id)
        choices = (latest_completion(course, part.states), row.last_access_ms, row.written_ms, enrolled_ms)
        completed_ms = next(at for at in choices if at is not None)
        problems.append(MoveProblem("completed-without-date", key))
    if status == 0 and any(state.status for state in part.states.values()):
        status = 1
    percentage = 100 if status == COMPLETED else 0
    if row is not None and row.percentage is not None:
        percentage = held_to(row.percentage, 0, 100)
    times = [enrolled_ms, *accesses, *changes, *tries]
    times += [state.last_completed_ms for state in part.states.values() if state.last_completed_ms is not None]
    times += [at for at in (completed_ms, row.written_ms, row.last_access_ms) if at is not None] if row else []
    added_by = row.added_by if row else None
    by_hand = added_by is not None and added_by != user_id
    return ConvertedEnrolment(
        user_id=user_id,
        batch_id=facts.batch_id,
        course_id=facts.course_id,
        active=row is not None and row.active is True,
        added_by=added_by,
        added_how=EnrolmentSource.HAND if by_hand else EnrolmentSource.SELF,
        enrolled_at=moment(enrolled_ms),
        status=status,
        progress=held_to(row.progress or 0, 0, LARGEST) if row else 0,
        percentage=percentage,
        completed_at=None if completed_ms is None else moment(completed_ms),
        last_read_content_id=None,
        last_read_content_status=None,
        last_access_at=None,
        updated_at=moment(max(times)),
        states=part.states,
        scores={},
        certificates=part.certificates,
    )


def _merged(enrolment: ConvertedEnrolment, other: ConvertedEnrolment, *, has_row: bool) -> ConvertedEnrolment:
    """Two spellings of one id are two accounts of one person."""
    target, source = _account_row(enrolment), _account_row(other)
    if not has_row:
        source = replace(source, active=False, enrolled_at=max(source.enrolled_at, target.enrolled_at))
    both = accounts.merged(source, target, enrolment.user_id)
    return msgspec.structs.replace(
        enrolment,
        active=both.active,
        enrolled_at=both.enrolled_at,
        status=both.status,
        completed_at=both.completed_at,
        progress=max(enrolment.progress, other.progress),
        percentage=max(enrolment.percentage, other.percentage),
        updated_at=max(enrolment.updated_at, other.updated_at),
        states=STATES.decode(both.states),
        certificates=[dict(entry) for entry in both.certificates],
    )


def _account_row(enrolment: ConvertedEnrolment) -> EnrolmentRow:
    return EnrolmentRow(
        user_id=enrolment.user_id,
        batch_id=enrolment.batch_id,
        course_id=enrolment.course_id,
        active=enrolment.active,
        added_by=enrolment.added_by,
        added_how=enrolment.added_how,
        enrolled_at=enrolment.enrolled_at,
        status=enrolment.status,
        progress=enrolment.progress,
        percentage=enrolment.percentage,
        completed_at=enrolment.completed_at,
        states=dump_states(enrolment.states),
        certificates=enrolment.certificates,
    )


def _completed(enrolment: ConvertedEnrolment, course: Course, converted: Converted) -> ConvertedEnrolment:
    """`enrolment` as the course's tree says: never back, and never completed now."""
    key, states = (enrolment.user_id, enrolment.batch_id), enrolment.states
    before = Completion(enrolment.status, enrolment.progress, enrolment.percentage, enrolment.completed_at)
    latest_ms = latest_completion(course, states)
    then = enrolment.enrolled_at if latest_ms is None else moment(latest_ms)
    completion = rules.completion(course, states, before, then)
    if completion.status == COMPLETED:
        proven = rules.completion(course, states, Completion(0, 0, 0, None), then).status == COMPLETED
        if before.status != COMPLETED:
            converted.problems.append(MoveProblem("completion-found", key))
        elif not proven:
            said = {"done": completion.progress, "of": len(course.required_ids)}
            converted.problems.append(MoveProblem("completion-unproven", key, said))
    converted.problems += [
        MoveProblem("state-outside-course", (*key, content_id))
        for content_id in states
        if content_id not in course.leaf_node_ids
    ]
    return msgspec.structs.replace(
        enrolment,
        status=completion.status,
        progress=completion.progress,
        percentage=completion.percentage,
        completed_at=completion.completed_at,
        updated_at=max(enrolment.updated_at, completion.completed_at or enrolment.updated_at),
    )


def _compare(
    key: tuple[str, str],
    enrolment: ConvertedEnrolment,
    row: StagedEnrolment | None,
    aggregates: Sequence[StagedAggregate],
    converted: Converted,
) -> None:
    """Say where the source's own counts are others."""
    if row is not None and row.progress is not None and row.progress != enrolment.progress:
        said = {"stored": row.progress, "reckoned": enrolment.progress}
        converted.problems.append(MoveProblem("progress-differs", key, said))
    for aggregate in aggregates:
        count = aggregate.figures.get("completedCount")
        if count is not None and count != enrolment.progress:
            said = {"stored": int(count), "reckoned": enrolment.progress}
            converted.problems.append(MoveProblem("aggregate-differs", key, said))


def _last_read(enrolment: ConvertedEnrolment, parts: Sequence[Learning]) -> ConvertedEnrolment:
    """With the content that was opened last: by the states, and as stored where there are none."""
    last = rules.last_read(enrolment.states)
    if not enrolment.states:
        row = next((part.row for part in parts if part.row is not None and part.row.last_read_content_id), None)
        if row is not None:
            status = None if row.last_read_status is None else held_to(row.last_read_status, 0, COMPLETED)
            at = None if row.last_access_ms is None else moment(row.last_access_ms)
            last = LastRead(row.last_read_content_id, status, at)
    return msgspec.structs.replace(
        enrolment, last_read_content_id=last.content_id, last_read_content_status=last.status, last_access_at=last.at
    )
