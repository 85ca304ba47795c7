"""The progress exhaust (contract jobs §5.6), with the units of the course after the contract's columns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from lernbatch.archive.model import Row
from lernbatch.course.model import Course, LeafNode
from lernbatch.enrolment.model import completed_ids
from lernbatch.report import cells
from lernbatch.report.model import ReportBatch, ReportTable

COLUMNS = (
    "Collection Id",
    "Collection Name",
    "Batch Id",
    "Batch Name",
    "User UUID",
    "State",
    "District",
    "Org Name",
    "School Id",
    "School Name",
    "Block Name",
    "Cluster Name",
    "User Type",
    "User Sub Type",
    "Declared Board",
    "Enrolment Date",
    "Completion Date",
    "Certificate Status",
    "Progress",
    "Total Score",
)


# Columns that a request may add to the progress exhaust (`datasetConfig.columns`).
EXTRA_COLUMNS = (
    "attempts",
    "lastActivity",
    "daysInactive",
    "currentUnit",
    "batchDates",
    "nestedUnits",
)


class ProgressRow(NamedTuple):
    """A row of queries.sql, progress_rows. Texts are None where nobody is known by that id."""

    user_id: str
    enrolled_on: date
    completed_on: date | None
    has_certificate: bool
    states: str  # JSON
    scores: Mapping[str, Any]
    last_read_content_id: str | None
    last_access_on: date | None
    state: str | None
    district: str | None
    org_name: str | None
    school_id: str | None
    school_name: str | None
    block: str | None
    cluster: str | None
    user_type: str | None
    user_sub_type: str | None
    board: str | None


@dataclass(frozen=True, slots=True)
class ProgressOptions:
    """`as_before`: the reference's denominator, which counts optional contents. `categories` of question sets that
    are assessments; empty: all. `extras` of EXTRA_COLUMNS."""

    today: date
    as_before: bool = False
    categories: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()


def assessments(course: Course, categories: Collection[str]) -> list[LeafNode]:
    """The scored contents of `course`: self-assessments, and question sets of `categories` (all, if it is empty)."""
    return [
        leaf
        for leaf in course.assessments
        if leaf.content_type == "SelfAssess" or not categories or leaf.primary_category in categories
    ]


def progress(course: Course, batch: ReportBatch, scored_ids: Collection[str], options: ProgressOptions) -> ReportTable:
    """The progress exhaust. `scored_ids`: contents in which somebody of the batch has a score."""
    all_scored = assessments(course, options.categories)
    scored = [leaf.content_id for leaf in all_scored if leaf.content_id in scored_ids]
    assessed = [leaf.content_id for leaf in all_scored]
    units = [
        _UnitColumns.of(course, unit.unit_id, unit.leaf_node_ids, assessed, options)
        for unit in course.units
        if unit.depth == 1 or "nestedUnits" in options.extras
    ]
    extras = [_extra(name, course, batch, scored, options) for name in options.extras if name != "nestedUnits"]
    required, needed = course.required_ids, _needed(course, course.leaf_node_ids, options)
    head = (course.course_id, course.name, f"BatchId_{batch.batch_id}", batch.name)
    columns = [*COLUMNS, *(f"{content_id} - Score" for content_id in scored)]
    columns += [name for unit in units for name in unit.columns]
    columns += [name for extra in extras for name in extra.columns]

    def expand(record: Sequence[Any]) -> Iterable[Row]:
        learner = ProgressRow._make(record)
        done, is_complete = completed_ids(learner.states), learner.completed_on is not None
        row: list[str | int | float | None] = [
            *head,
            learner.user_id,
            learner.state or "",
            learner.district or "",
            learner.org_name or "",
            learner.school_id or "",
            learner.school_name or "",
            learner.block or "",
            learner.cluster or "",
            learner.user_type or "",
            learner.user_sub_type or "",
            learner.board or "",
            cells.day(learner.enrolled_on),
            cells.day(learner.completed_on),
            "Issued" if learner.has_certificate else "",
            cells.progress_percent(is_complete, cells.counted(done, required), needed),
            cells.total_score(learner.scores, assessed),
        ]
        row += [cells.score_cell(learner.scores, content_id) for content_id in scored]
        for unit in units:
            row += unit.cells(learner, done)
        for extra in extras:
            row += extra.cells(learner)
        return (row,)

    return ReportTable(tuple(columns), expand)


@dataclass(frozen=True, slots=True)
class _UnitColumns:
    """`{unitId} - Progress`, and `{unitId} - Score` where the unit has assessments."""

    columns: tuple[str, ...]
    required: frozenset[str]
    needed: int
    assessed: tuple[str, ...]

    @classmethod
    def of(
        cls, course: Course, unit_id: str, leaf_ids: Sequence[str], assessed: Sequence[str], options: ProgressOptions
    ) -> _UnitColumns:
        inside = frozenset(leaf_ids)
        own = tuple(content_id for content_id in assessed if content_id in inside)
        columns = (f"{unit_id} - Progress", *((f"{unit_id} - Score",) if own else ()))
        return cls(columns, course.required_ids & inside, _needed(course, inside, options), own)

    def cells(self, learner: ProgressRow, done: Collection[str]) -> list[str | int]:
        percent = cells.progress_percent(False, cells.counted(done, self.required), self.needed)
        return [percent, cells.total_score(learner.scores, self.assessed)] if self.assessed else [percent]


def _needed(course: Course, leaf_ids: frozenset[str], options: ProgressOptions) -> int:
    return len(leaf_ids if options.as_before else leaf_ids & course.required_ids)


@dataclass(frozen=True, slots=True)
class _Extra:
    columns: tuple[str, ...]
    cells: Callable[[ProgressRow], list[str | int | None]]


def _extra(name: str, course: Course, batch: ReportBatch, scored: list[str], options: ProgressOptions) -> _Extra:
    if name == "attempts":
        columns = tuple(f"{content_id} - Attempts" for content_id in scored)
        return _Extra(columns, lambda learner: [cells.attempts_of(learner.scores, content_id) for content_id in scored])
    if name == "lastActivity":
        return _Extra(("Last Activity",), lambda learner: [cells.day(learner.last_access_on)])
    if name == "daysInactive":

        def days_inactive(learner: ProgressRow) -> list[str | int | None]:
            last_access_on = learner.last_access_on
            return [None if last_access_on is None else max((options.today - last_access_on).days, 0)]

        return _Extra(("Days Inactive",), days_inactive)
    if name == "currentUnit":
        titles = {unit.unit_id: unit.name for unit in course.units}
        # Content id → name of the innermost unit it stands in.
        names = {leaf.content_id: titles.get(leaf.unit_ids[-1], "") for leaf in course.leaf_nodes if leaf.unit_ids}
        return _Extra(("Current Unit",), lambda learner: [names.get(learner.last_read_content_id or "", "")])
    dates: list[str | int | None] = [cells.day(batch.start_date), cells.day(batch.end_date)]
    return _Extra(("Batch Start Date", "Batch End Date"), lambda _: dates)
