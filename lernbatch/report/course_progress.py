"""The older progress report of a batch (contract jobs §6.3): a learner a row, with the progress of each unit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from lernbatch.archive.model import Row
from lernbatch.course.model import Course
from lernbatch.enrolment.model import completed_ids
from lernbatch.report import cells
from lernbatch.report.learner_metrics import IDENTITY_COLUMNS, MetricRow, Unseal, identity_cells
from lernbatch.report.model import ReportTable

COLUMNS = (
    *IDENTITY_COLUMNS,
    "Block Name",
    "Enrolment Date",
    "Course ID",
    "Course Progress",
    "Completion Date",
    "Certificate Status",
)


def course_progress(course: Course, unseal: Unseal) -> ReportTable:
    """A learner a row, with the progress of each first-level unit."""
    units = [unit for unit in course.units if unit.depth == 1]
    needs = [course.required_ids & frozenset(unit.leaf_node_ids) for unit in units]
    columns = (*COLUMNS, *(f"{unit.unit_id} - Progress" for unit in units))

    def expand(record: Sequence[Any]) -> Iterable[Row]:
        learner = MetricRow._make(record)
        own = learner.root_org_id == course.channel
        done, is_complete = completed_ids(learner.states), learner.completed_on is not None
        required = course.required_ids
        return (
            (
                *identity_cells(learner, unseal, own=own),
                (learner.block or "") if own else "",
                cells.day(learner.enrolled_on),
                course.course_id,
                cells.progress_percent(is_complete, cells.counted(done, required), len(required)),
                cells.day(learner.completed_on),
                "Issued" if learner.has_certificate else "",
                *(cells.progress_percent(False, cells.counted(done, need), len(need)) for need in needs),
            ),
        )

    return ReportTable(columns, expand)
