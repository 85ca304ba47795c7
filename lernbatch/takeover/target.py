"""Writing to the target: what is not there is inserted, what differs is updated, what is the same is left alone.

No event, no due row, no mail comes of it (migration §7, M29): the tables are written by themselves.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

import msgspec

from lernbatch.batch import rules as batch_rules
from lernbatch.batch.model import BatchStatus
from lernbatch.certificate.imported import open_record, seal_record
from lernbatch.course.model import Course
from lernbatch.database import db
from lernbatch.progress import rules
from lernbatch.progress.attempts import rules as attempt_rules
from lernbatch.progress.attempts.model import Attempt
from lernbatch.progress.model import COMPLETED, SCORES, STATES, Completion, States, dump_states
from lernbatch.sealing import Seal
from lernbatch.takeover.batches import trees
from lernbatch.takeover.convert.model import (
    Converted,
    ConvertedAttempt,
    ConvertedBatch,
    ConvertedCertificate,
    ConvertedEnrolment,
)
from lernbatch.takeover.convert.states import highest, latest_completion
from lernbatch.takeover.convert.values import moment
from lernbatch.takeover.database import Q
from lernbatch.takeover.passes import Pass, PassCounts

ENROLMENT = (
    "user_id", "batch_id", "course_id", "active", "added_by", "added_how", "enrolled_at", "status", "progress",
    "percentage", "completed_at", "last_read_content_id", "last_read_content_status", "last_access_at", "updated_at",
    "scores", "certificates",
)  # fmt: skip
ATTEMPT = tuple(field.name for field in fields(ConvertedAttempt))
CERTIFICATE = (
    "user_id", "certificate_id", "batch_id", "course_id", "name", "source", "status", "issued_at", "template_id",
    "token", "sealed_record",
)  # fmt: skip
BATCHES_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class StoredEnrolmentRow:
    """An enrolment of the target; `states` and `scores` are JSON."""

    user_id: str
    batch_id: str
    course_id: str
    active: bool
    added_by: str | None
    added_how: str
    enrolled_at: datetime
    status: int
    progress: int
    percentage: int
    completed_at: datetime | None
    last_read_content_id: str | None
    last_read_content_status: int | None
    last_access_at: datetime | None
    updated_at: datetime
    states: str
    scores: str
    certificates: list[dict[str, Any]]
    revision: int

    def converted(self) -> ConvertedEnrolment:
        """The same in the shape of what is built."""
        values = {name: getattr(self, name) for name in ENROLMENT}
        states, scores = STATES.decode(self.states), SCORES.decode(self.scores)
        return ConvertedEnrolment(**{**values, "states": states, "scores": scores})


@dataclass(frozen=True, slots=True)
class StoredCertificateRow:
    """An imported certificate of the target."""

    user_id: str
    certificate_id: str
    batch_id: str
    course_id: str
    name: str
    source: str
    status: str
    issued_at: datetime | None
    template_id: str | None
    token: str
    sealed_record: bytes
    changed_at: datetime | None

    def converted(self, seal: Seal) -> ConvertedCertificate:
        values: dict[str, Any] = {name: getattr(self, name) for name in CERTIFICATE[:-1]}
        return ConvertedCertificate(**values, record=open_record(seal, self.certificate_id, self.sealed_record))


async def write_batches(moving: Pass, batches: Sequence[ConvertedBatch]) -> None:
    """Write the batches that differ from what is there; what only we have of them stays."""
    closes_days_before = moving.services.config.enrolment_closes_days_before_end
    for start in range(0, len(batches), BATCHES_AT_ONCE):
        some = batches[start : start + BATCHES_AT_ONCE]
        ids = [batch.batch_id for batch in some]
        stored = await moving.tables.all(ConvertedBatch, Q.stored_batches, batch_ids=ids)
        same = {batch.batch_id: batch for batch in stored}
        changed = [batch for batch in some if same.get(batch.batch_id) != batch]
        moving.counts.built["batches written"] += len(changed)
        if not changed:
            continue
        await moving.tables.run(
            Q.save_batches,
            closes_days_before=closes_days_before,
            closes_on=[
                batch_rules.enrolment_end(batch.end_date, batch.enrolment_end_date, closes_days_before)
                for batch in changed
            ],
            due_on=[
                batch_rules.status_due_on(BatchStatus(batch.status), batch.start_date, batch.end_date)
                for batch in changed
            ],
            templates=[db.json(batch.templates) for batch in changed],
            created_for=[db.json(batch.created_for) for batch in changed],
            mentors=[db.json(batch.mentors) for batch in changed],
            **db.columns(
                changed,
                batch_ids="batch_id",
                course_ids="course_id",
                names="name",
                descriptions="description",
                enrolment_types="enrolment_type",
                creators="created_by",
                start_dates="start_date",
                end_dates="end_date",
                enrolment_end_dates="enrolment_end_date",
                statuses="status",
                created_at="created_at",
                updated_at="updated_at",
            ),
        )


class Target:
    """Takes what learners became and writes it."""

    def __init__(self, moving: Pass) -> None:
        self._moving = moving

    async def take(self, converted: Converted, counts: PassCounts) -> None:
        user_ids = converted.user_ids
        attempts = await self._attempts(converted.attempts, user_ids, counts)
        await self._enrolments(converted.enrolments, attempts, user_ids, counts)
        await self._certificates(converted.certificates, user_ids, counts)

    async def _attempts(
        self, attempts: Sequence[ConvertedAttempt], user_ids: list[str], counts: PassCounts
    ) -> dict[tuple[str, str], list[Attempt]]:
        """Write attempts. Returns the marks of those that only the target has, by learner and batch."""
        tables = self._moving.tables
        rows = await tables.all(ConvertedAttempt, Q.stored_attempts, user_ids=user_ids)
        stored = {_attempt_key(row): row for row in rows}
        new, changed = [], []
        for attempt in attempts:
            before = stored.pop(_attempt_key(attempt), None)
            if before is None:
                new.append(tuple(getattr(attempt, name) for name in ATTEMPT))
            elif replace(before, created_at=attempt.created_at) != attempt:
                changed.append(attempt)
        await tables.conn.copy_records_to_table("attempt", columns=ATTEMPT, records=new)
        if changed:
            await tables.run(
                Q.update_attempts,
                questions=[db.json(attempt.questions) for attempt in changed],
                **db.columns(
                    changed,
                    user_ids="user_id",
                    batch_ids="batch_id",
                    content_ids="content_id",
                    attempt_ids="attempt_id",
                    course_ids="course_id",
                    attempted_ms="attempted_ms",
                    scores="score",
                    max_scores="max_score",
                    updated_at="updated_at",
                ),
            )
        counts.built["attempts written"] += len(new) + len(changed)
        ours: dict[tuple[str, str], list[Attempt]] = defaultdict(list)
        for row in stored.values():
            ours[row.user_id, row.batch_id].append(marks(row))
        return ours

    async def _enrolments(
        self,
        enrolments: Sequence[ConvertedEnrolment],
        ours: Mapping[tuple[str, str], list[Attempt]],
        user_ids: list[str],
        counts: PassCounts,
    ) -> None:
        tables = self._moving.tables
        rows = await tables.all(StoredEnrolmentRow, Q.stored_enrolments, user_ids=user_ids)
        stored = {(row.user_id, row.batch_id): row.converted() for row in rows}
        courses = await trees(self._moving, {enrolment.course_id for enrolment in enrolments})
        new, changed = [], []
        for enrolment in enrolments:
            key = enrolment.user_id, enrolment.batch_id
            before = stored.get(key)
            if before is None:
                values = tuple(getattr(enrolment, name) for name in ENROLMENT)
                new.append((*values, None, dump_states(enrolment.states)))
                continue
            after = joined(before, enrolment, courses.get(enrolment.course_id), ours.get(key, ()))
            if after != before:
                changed.append(after)
        await tables.conn.copy_records_to_table("enrolment", columns=(*ENROLMENT, "states", "states_text"), records=new)
        if changed:
            await tables.run(
                Q.update_enrolments,
                states=[dump_states(enrolment.states) for enrolment in changed],
                scores=[db.json(enrolment.scores) for enrolment in changed],
                certificates=[db.json(enrolment.certificates) for enrolment in changed],
                **db.columns(
                    changed,
                    user_ids="user_id",
                    batch_ids="batch_id",
                    course_ids="course_id",
                    active="active",
                    added_by="added_by",
                    added_how="added_how",
                    enrolled_at="enrolled_at",
                    statuses="status",
                    progress="progress",
                    percentages="percentage",
                    completed_at="completed_at",
                    last_read_content_ids="last_read_content_id",
                    last_read_content_statuses="last_read_content_status",
                    last_access_at="last_access_at",
                    updated_at="updated_at",
                ),
            )
        counts.built["enrolments written"] += len(new) + len(changed)
        if self._moving.removes_vanished:
            here = {(enrolment.user_id, enrolment.batch_id) for enrolment in enrolments}
            await remove(self._moving, [key for key in stored if key not in here and key[1] in self._moving.facts])

    async def _certificates(
        self, certificates: Sequence[ConvertedCertificate], user_ids: list[str], counts: PassCounts
    ) -> None:
        tables, seal = self._moving.tables, self._moving.seal
        rows = await tables.all(StoredCertificateRow, Q.stored_certificates, user_ids=user_ids)
        stored = {(row.user_id, row.certificate_id): row.converted(seal) for row in rows}
        changed = [
            certificate for certificate in certificates if stored.get(_certificate_key(certificate)) != certificate
        ]
        keys = db.columns(changed, user_ids="user_id", certificate_ids="certificate_id")
        if any(_certificate_key(certificate) in stored for certificate in changed):
            await tables.run(Q.delete_imported, **keys)
        records = [
            (
                *(getattr(certificate, name) for name in CERTIFICATE[:-1]),
                seal_record(seal, certificate.certificate_id, certificate.record),
            )
            for certificate in changed
        ]
        await tables.conn.copy_records_to_table("imported_certificate", columns=CERTIFICATE, records=records)
        counts.built["certificates written"] += len(changed)


async def remove(moving: Pass, keys: Sequence[tuple[str, str]]) -> None:
    """Take enrolments out of the target that were deleted at the source, with their attempts (M35)."""
    if keys:
        named = {"user_ids": [user_id for user_id, _ in keys], "batch_ids": [batch_id for _, batch_id in keys]}
        await moving.tables.run(Q.remove_attempts_of, **named)
        await moving.tables.run(Q.remove_enrolments, **named)
        moving.removed += keys


def _attempt_key(attempt: ConvertedAttempt) -> tuple[str, str, str, str]:
    return attempt.user_id, attempt.batch_id, attempt.content_id, attempt.attempt_id


def _certificate_key(certificate: ConvertedCertificate) -> tuple[str, str]:
    return certificate.user_id, certificate.certificate_id


def marks(attempt: ConvertedAttempt) -> Attempt:
    """The marks of an attempt, by which scores are made."""
    return Attempt(attempt.content_id, attempt.attempt_id, attempt.attempted_ms, attempt.score, attempt.max_score)


def joined(
    stored: ConvertedEnrolment, new: ConvertedEnrolment, course: Course | None, ours: Sequence[Attempt]
) -> ConvertedEnrolment:
    """A row of the target when the source's row comes again: what only grows is joined, all else is the source's.

    `ours`: attempts that only the target has. The very values of `stored` where nothing is new, so that nothing is
    written (M25, M28, M32, M34).
    """
    states = joined_states(stored.states, new.states)
    status = max(stored.status, new.status)
    completed_at = new.completed_at or stored.completed_at
    progress, percentage = max(stored.progress, new.progress), max(stored.percentage, new.percentage)
    if course is not None:
        before = Completion(status, progress, percentage, completed_at if status == COMPLETED else None)
        latest_ms = latest_completion(course, states)
        then = new.enrolled_at if latest_ms is None else moment(latest_ms)
        completion = rules.completion(course, states, before, then)
        status, progress, percentage = completion.status, completion.progress, completion.percentage
        completed_at = completion.completed_at
    last = rules.last_read(states)
    scores = dict(new.scores)
    for content_id, score in attempt_rules.scores(ours).items():
        theirs = new.scores.get(content_id)
        better = score if theirs is None or score.best > theirs.best else theirs
        count = score.attempts + (theirs.attempts if theirs else 0)
        scores[content_id] = msgspec.structs.replace(better, attempts=count)
    return msgspec.structs.replace(
        new,
        status=status,
        progress=progress,
        percentage=percentage,
        completed_at=completed_at,
        last_read_content_id=last.content_id if states else new.last_read_content_id,
        last_read_content_status=last.status if states else new.last_read_content_status,
        last_access_at=last.at if states else new.last_access_at,
        updated_at=max(stored.updated_at, new.updated_at),
        states=states,
        scores=scores,
    )


def joined_states(stored: States, new: States) -> States:
    """Content by content. A state that this service has recorded itself is joined by the rule of progress."""
    states = dict(stored)
    for content_id, state in new.items():
        before = stored.get(content_id)
        if before is None or (before.seen is None and before.older is None):
            states[content_id] = highest(before, state)
        else:
            states[content_id] = rules.join(before, state)
    return states
