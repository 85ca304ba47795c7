"""The older assessment report of a batch (contract jobs §6.3): a learner a row, with the score of each assessment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from lernbatch.archive.model import Row
from lernbatch.course.model import Course
from lernbatch.report import cells
from lernbatch.report.learner_metrics import IDENTITY_COLUMNS, MetricRow, Unseal, identity_cells
from lernbatch.report.model import ReportTable
from lernbatch.report.progress import ProgressOptions, assessments


def assessment(course: Course, unseal: Unseal, options: ProgressOptions) -> ReportTable:
    """A learner a row, with the score of each assessment under its name."""
    scored = assessments(course, options.categories)
    ids = [leaf.content_id for leaf in scored]

    def expand(record: Sequence[Any]) -> Iterable[Row]:
        learner = MetricRow._make(record)
        own = learner.root_org_id == course.channel
        return (
            (
                *identity_cells(learner, unseal, own=own),
                *(cells.score_cell(learner.scores, content_id) for content_id in ids),
                cells.total_score(learner.scores, ids),
            ),
        )

    return ReportTable((*IDENTITY_COLUMNS, *(leaf.name for leaf in scored), "Total Score"), expand)
