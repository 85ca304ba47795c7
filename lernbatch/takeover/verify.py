"""Verification: the source is read and converted again, and compared with the target as it is read back."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, TypeAlias

import msgspec

from lernbatch.database.db import Connection
from lernbatch.sealing import seal_of
from lernbatch.services import Services
from lernbatch.sunbird_source.model import SunbirdSource
from lernbatch.takeover import actions, report
from lernbatch.takeover.convert.model import (
    Converted,
    ConvertedAttempt,
    ConvertedBatch,
    ConvertedEnrolment,
    ConvertOptions,
)
from lernbatch.takeover.database import Q, Tables, temporary
from lernbatch.takeover.passes import Pass, PassCounts, Watch
from lernbatch.takeover.target import StoredCertificateRow, StoredEnrolmentRow

RELATIVE = 1e-5  # of numbers that an export has rounded
EXAMPLES = 100
MISSING, VANISHED = "the row is missing", "the source has no such row"
ROUNDED, LATER = "score-rounded", "changed since copy"
# What every write of a row changes, and what a source does not have.
NOT_COMPARED = ("updated_at", "created_at")
NEVER = datetime(1970, 1, 1, tzinfo=UTC)  # in the place of what is not compared
Key: TypeAlias = tuple[str, ...]
LearnerRow: TypeAlias = ConvertedEnrolment | ConvertedAttempt
COUNTED = ("enrolments", "active", "completed", "states", "attempts")


@dataclass(frozen=True, slots=True)
class RowDifference:
    """A row that is not what the source's rows make. `columns`: the names of those that differ, or what is with the
    row; `reason`: None where there is none.
    """

    table: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    reason: str | None


@dataclass(slots=True)
class BatchTotals:
    """What was counted of a batch on one side. `checksum`: the sum of its rows' hashes, in whatever order."""

    counts: Counter[str] = field(default_factory=Counter)
    checksum: int = 0

    def shown(self) -> dict[str, Any]:
        return {**{name: self.counts[name] for name in COUNTED}, "checksum": f"{self.checksum:016x}"}


class SourceComparison:
    """Takes what learners became, and compares it with what is there."""

    def __init__(self, moving: Pass, since: datetime | None, batch_id: str | None) -> None:
        self._moving, self._since, self._batch_id = moving, since, batch_id
        self._rounds = any(source.rounds for source in moving.sources)
        self.rows: Counter[str] = Counter()
        self.differences: list[RowDifference] = []  # the first EXAMPLES
        self.reasons: Counter[str | None] = Counter()
        self.source: dict[str, BatchTotals] = defaultdict(BatchTotals)
        self.target: dict[str, BatchTotals] = defaultdict(BatchTotals)

    async def take_batches(self, batches: Sequence[ConvertedBatch]) -> None:
        chosen = [batch for batch in batches if self._batch_id in (None, batch.batch_id)]
        ids = [batch.batch_id for batch in chosen]
        stored = {
            batch.batch_id: batch
            for batch in await self._moving.tables.all(ConvertedBatch, Q.stored_batches, batch_ids=ids)
        }
        for batch in chosen:
            self._compare("batch", (batch.batch_id,), batch, stored.get(batch.batch_id))

    async def take(self, converted: Converted, counts: PassCounts) -> None:
        tables, user_ids = self._moving.tables, converted.user_ids
        enrolments = [
            row.converted() for row in await tables.all(StoredEnrolmentRow, Q.stored_enrolments, user_ids=user_ids)
        ]
        attempts = await tables.all(ConvertedAttempt, Q.stored_attempts, user_ids=user_ids)
        rows = await tables.all(StoredCertificateRow, Q.stored_certificates, user_ids=user_ids)
        certificates = [row.converted(self._moving.seal) for row in rows]
        hashed: dict[Key, tuple[LearnerRow, int]] = {}
        self._total(self.source, [*converted.enrolments, *converted.attempts], hashed)
        self._total(self.target, self._of_source([*enrolments, *attempts]), hashed)
        self._all("enrolment", converted.enrolments, enrolments, "user_id", "batch_id")
        self._all("attempt", converted.attempts, attempts, "user_id", "batch_id", "content_id", "attempt_id")
        self._all("imported_certificate", converted.certificates, certificates, "user_id", "certificate_id")

    def _of_source(self, rows: Sequence[Any]) -> list[Any]:
        """Without those of batches that only we have."""
        return [row for row in rows if row.batch_id in self._moving.facts]

    def _all(self, table: str, expected: Sequence[Any], stored: Sequence[Any], *key: str) -> None:
        if self._batch_id is not None:
            expected = [row for row in expected if row.batch_id == self._batch_id]
            stored = [row for row in stored if row.batch_id == self._batch_id]
        there = {tuple(getattr(row, name) for name in key): row for row in self._of_source(stored)}
        for row in expected:
            place = tuple(getattr(row, name) for name in key)
            self._compare(table, place, row, there.pop(place, None))
        for place, row in there.items():
            self._add(RowDifference(table, place, (VANISHED,), self._later(row)))

    def _compare(self, table: str, key: tuple[str, ...], expected: Any, stored: Any) -> None:
        self.rows[table] += 1
        if stored is None:
            self._add(RowDifference(table, key, (MISSING,), self._later(expected)))
            return
        if expected == stored:
            return
        names = [
            name
            for name in type(expected).__match_args__
            if name not in NOT_COMPARED and _plain(expected, name) != _plain(stored, name)
        ]
        if not names:
            return
        apart = [name for name in names if not alike(_plain(expected, name), _plain(stored, name))]
        if self._rounds and not apart:
            self._add(RowDifference(table, key, tuple(names), ROUNDED))
        else:
            columns = tuple(apart if self._rounds else names)
            self._add(RowDifference(table, key, columns, self._later(expected) or self._later(stored)))

    def _later(self, row: Any) -> str | None:
        at: datetime | None = getattr(row, "updated_at", None)
        return LATER if self._since is not None and at is not None and at > self._since else None

    def _add(self, difference: RowDifference) -> None:
        self.reasons[difference.reason] += 1
        if len(self.differences) < EXAMPLES:
            self.differences.append(difference)

    def _total(
        self, totals: dict[str, BatchTotals], rows: Sequence[LearnerRow], hashed: dict[Key, tuple[LearnerRow, int]]
    ) -> None:
        """Count `rows`. `hashed`: rows of the other side with their hashes, for nearly all are equal; it is filled."""
        for row in rows:
            total = totals[row.batch_id]
            key: Key = (row.user_id, row.batch_id)
            if isinstance(row, ConvertedEnrolment):
                total.counts["enrolments"] += 1
                total.counts["active"] += row.active
                total.counts["completed"] += row.status == 2
                total.counts["states"] += len(row.states)
            else:
                total.counts["attempts"] += 1
                key += (row.content_id, row.attempt_id)
            before = hashed.get(key)
            value = before[1] if before is not None and before[0] == row else self._hash(row)
            hashed[key] = (row, value)
            total.checksum = (total.checksum + value) % 2**64

    def _hash(self, row: LearnerRow) -> int:
        """64 bits of a row in one spelling. Marks stay out of it where the export has rounded them."""
        plain: LearnerRow
        if isinstance(row, ConvertedEnrolment):
            states = row.states
            if any(state.seen is not None or state.older is not None for state in states.values()):
                states = {
                    content_id: msgspec.structs.replace(state, seen=None, older=None)
                    for content_id, state in states.items()
                }
            scores = {} if self._rounds else row.scores
            plain = msgspec.structs.replace(row, states=states, scores=scores, updated_at=NEVER)
        elif self._rounds:
            plain = replace(row, score=0.0, max_score=0.0, questions=[], created_at=NEVER, updated_at=NEVER)
        else:
            plain = replace(row, created_at=NEVER, updated_at=NEVER)
        text = msgspec.json.encode(plain, order="sorted")
        return int.from_bytes(blake2b(text, digest_size=8).digest(), "big")

    async def vanished(self) -> None:
        """Learners in batches of the source of whom it has no row any more (M35)."""
        batch_ids = [batch_id for batch_id in self._moving.facts if self._batch_id in (None, batch_id)]
        gone = await self._moving.tables.all(
            actions.LearnerInBatch, Q.learners_of_ours_alone, batch_ids=batch_ids, limit=actions.MOST_VANISHED
        )
        for row in gone:
            self._add(RowDifference("enrolment", (row.user_id, row.batch_id), (VANISHED,), None))


def _plain(row: Any, name: str) -> Any:
    """A column as it is compared: of a state what every service has."""
    value = getattr(row, name)
    if name == "states":
        return {content_id: state[:8] for content_id, state in msgspec.to_builtins(value).items()}
    return msgspec.to_builtins(value)


def alike(first: Any, other: Any) -> bool:
    """Whether two values are equal but for digits that an export loses (M40)."""
    if isinstance(first, dict) and isinstance(other, dict):
        return first.keys() == other.keys() and all(alike(first[key], other[key]) for key in first)
    if isinstance(first, list) and isinstance(other, list):
        return len(first) == len(other) and all(alike(*pair) for pair in zip(first, other, strict=True))
    if isinstance(first, float) or isinstance(other, float):
        numbers = isinstance(first, int | float) and isinstance(other, int | float)
        return numbers and math.isclose(first, other, rel_tol=RELATIVE)
    return bool(first == other)


async def verify(
    services: Services,
    conn: Connection,
    sources: Sequence[SunbirdSource],
    options: ConvertOptions,
    watch: Watch,
    batch_id: str | None = None,
) -> tuple[dict[str, Any], Tables]:
    """Compare the target with what the source's rows make. Returns the report, and the tables of its problems.

    `batch_id`: that batch alone. Raises: actions.NothingCopied, batches.NoBatches, Upstream.
    """
    permanent = actions.permanent(conn)
    copied = await actions.latest(permanent, actions.COPY, actions.CATCH_UP)
    if copied is None or copied.ended_at is None:
        raise actions.NothingCopied
    began_at = services.clock.now()
    moving = Pass(services, await temporary(conn), "verify", sources, options, seal_of(services.config), None, watch)
    comparison = SourceComparison(moving, copied.began_at, batch_id)
    await actions.convert_all(moving, comparison, required=True)
    await comparison.vanished()
    told = await report.gather(moving)
    count, without = sum(comparison.reasons.values()), comparison.reasons[None]
    rows = sum(comparison.rows.values())
    told |= {
        "verdict": f"{count} differences in {rows} compared rows, {without} of them without a reason.",
        "differences": {
            "count": count,
            "without_reason": without,
            "rows": rows,
            "compared": dict(comparison.rows),
            "reasons": {reason or "none": number for reason, number in comparison.reasons.items()},
            "examples": [
                {
                    "table": difference.table,
                    "key": [*difference.key],
                    "columns": [*difference.columns],
                    "reason": difference.reason,
                }
                for difference in comparison.differences
            ],
        },
        "by_batch": {
            of_batch: {"source": comparison.source[of_batch].shown(), "target": comparison.target[of_batch].shown()}
            for of_batch in sorted(moving.facts)
            if batch_id in (None, of_batch)
        },
    }
    if batch_id is None:
        await actions.note_pass(permanent, services, "verify", sources, options, told, began_at)
    return told, moving.tables
