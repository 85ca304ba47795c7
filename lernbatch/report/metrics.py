"""The older reports of a batch: course progress and assessment (contract jobs §6.3).

Names and external ids are shown, and e-mail addresses and phone numbers masked, of those who let the organisation see
them; the older reports showed them of everybody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from lernbatch.archive.model import Row
from lernbatch.course.model import Course
from lernbatch.person.model import Personal
from lernbatch.report import cells
from lernbatch.report import columns as columns_of
from lernbatch.report.model import Report
from lernbatch.report.progress import ProgressOptions, assessments

Unseal = Callable[[str, bytes | None], Personal]
_SHOWN_OF_NAME, _SHOWN_OF_PHONE = 2, 4


class MetricRow(NamedTuple):
    """A row of queries.sql, metric_rows. `sealed` is None without consent."""

    user_id: str
    enrolled_on: date
    completed_on: date | None
    has_certificate: bool
    completed_ids: list[str]
    scores: Mapping[str, Any]
    sealed: bytes | None
    root_org_id: str | None
    state: str | None
    district: str | None
    org_name: str | None
    school_id: str | None
    school_name: str | None
    block: str | None


def course_progress(course: Course, unseal: Unseal) -> Report:
    """A learner a row, with the progress of each first-level unit."""
    units = [unit for unit in course.units if unit.depth == 1]
    needs = [course.required_ids & frozenset(unit.leaf_node_ids) for unit in units]
    columns = (*columns_of.COURSE_PROGRESS, *(f"{unit.unit_id} - Progress" for unit in units))

    def expand(record: Sequence[Any]) -> Iterable[Row]:
        learner = MetricRow._make(record)
        own = learner.root_org_id == course.channel
        done, is_complete = learner.completed_ids, learner.completed_on is not None
        required = course.required_ids
        return (
            (
                *_who(learner, unseal, own=own),
                (learner.block or "") if own else "",
                cells.day(learner.enrolled_on),
                course.course_id,
                cells.progress_percent(is_complete, cells.counted(done, required), len(required)),
                cells.day(learner.completed_on),
                "Issued" if learner.has_certificate else "",
                *(cells.progress_percent(False, cells.counted(done, need), len(need)) for need in needs),
            ),
        )

    return Report(columns, expand)


def assessment(course: Course, unseal: Unseal, options: ProgressOptions) -> Report:
    """A learner a row, with the score of each assessment under its name."""
    scored = assessments(course, options.categories)
    ids = [leaf.content_id for leaf in scored]

    def expand(record: Sequence[Any]) -> Iterable[Row]:
        learner = MetricRow._make(record)
        own = learner.root_org_id == course.channel
        return (
            (
                *_who(learner, unseal, own=own),
                *(cells.score_cell(learner.scores, content_id) for content_id in ids),
                cells.total_score(learner.scores, ids),
            ),
        )

    return Report((*columns_of.ASSESSMENT, *(leaf.name for leaf in scored), "Total Score"), expand)


def _who(learner: MetricRow, unseal: Unseal, *, own: bool) -> Row:
    """The first ten columns; what belongs to the school is shown to its own organisation only."""
    person = unseal(learner.user_id, learner.sealed)
    return (
        person.external_id if own else "",
        learner.user_id,
        person.name,
        masked_email(person.email),
        masked_phone(person.phone),
        learner.org_name or "",
        learner.state or "",
        learner.district or "",
        (learner.school_id or "") if own else "",
        (learner.school_name or "") if own else "",
    )


def masked_email(email: str) -> str:
    """`as***@example.org`"""
    name, at, domain = email.partition("@")
    return f"{name[:_SHOWN_OF_NAME]}***{at}{domain}" if at else ""


def masked_phone(phone: str) -> str:
    """`******3210`"""
    return f"******{phone[-_SHOWN_OF_PHONE:]}" if len(phone) > _SHOWN_OF_PHONE else ""
