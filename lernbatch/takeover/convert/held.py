"""What is kept of a row that will not be in the target."""

from __future__ import annotations

from typing import Any

import msgspec

from lernbatch.sunbird_source.model import SourceRow
from lernbatch.takeover.convert.model import BatchCourses, Fate, HeldRow, MoveProblem, RowResult


def unreadable(row: SourceRow, reason: str) -> RowResult:
    """A row that does not say what it is about, or not as anything can keep it."""
    problem = MoveProblem("row-unreadable", (row.table,), {"place": row.place, "reason": reason})
    return RowResult("", None, Fate.HELD, [problem], [HeldRow("row-unreadable", row.table, (row.table,), row.values)])


def raw(row: SourceRow, batch_id: str, course_id: str, courses: BatchCourses) -> Any:
    """The row itself, where it will be held."""
    return None if courses.get(batch_id) == course_id else msgspec.to_builtins(row.values)
