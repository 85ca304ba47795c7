"""The JSON of summaries (contract enrolment §4.1)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from lernbatch.errors import Malformed, Missing
from lernbatch.summary.model import Figure, Summary, SummaryQuery
from lernbatch.web.fields import blank, mandatory, text
from lernbatch.web.schema import BatchId, CourseId, Fields, Milliseconds, UserId

MOST_DAYS = 36_500
LONGEST_GRANULARITY = 100  # characters


class SummaryFilters(Fields):
    """Which batch."""

    collection_id: CourseId
    batch_id: BatchId


class SummaryRequest(Fields):
    """Which figures, and how they are grouped."""

    filters: SummaryFilters
    group_by: Annotated[list[Annotated[str, Meta(examples=["dist"])]], Meta(description="dist or state.")] | None = None
    granularity: Annotated[str, Meta(description="ALL, or the last days.", examples=["LAST_7DAYS"])] | None = None


class ShownFigure(Fields):
    """How many learners did one thing."""

    type: Annotated[str, Meta(examples=["enrolment"])]
    count: int


class PlaceFigures(Fields):
    """The figures of one place; null: it is not known."""

    state: str | UnsetType | None = UNSET
    district: str | UnsetType | None = UNSET
    values: list[ShownFigure] = msgspec.field(default_factory=list)


class ShownSummary(Fields):
    """The figures of a batch. Without any the lists are null."""

    batch_id: BatchId
    collection_id: CourseId
    last_updated_on: Milliseconds
    metrics: list[ShownFigure] | None
    group_by: list[PlaceFigures] | UnsetType | None = UNSET
    not_known_yet: (
        Annotated[list[ShownFigure], Meta(description="Of those without a place: not looked up yet. Ask again.")]
        | UnsetType
    ) = UNSET


class ExplainQuery(Fields):
    """Which enrolment."""

    batch_id: BatchId
    user_id: Annotated[str, Meta(description="The caller, when it is left out.", examples=["0b1e3c5a"])] | UnsetType = (
        UNSET
    )


class ExplainedProgress(Fields):
    """Why an enrolment is as it is."""

    user_id: UserId
    batch_id: BatchId
    status: Annotated[int, Meta(ge=0, le=2)]
    completion_percentage: Annotated[int, Meta(ge=0, le=100)]
    because: str
    missing: list[dict[str, Any]]


def read_query(request: Mapping[str, Any]) -> SummaryQuery:
    """{"filters": {"collectionId": "do_1", "batchId": "0137"}, "groupBy": ["dist"], "granularity": "LAST_7DAYS"}

    Complains as E51 to E53 and E55.
    """
    filters, group_by = request.get("filters"), request.get("groupBy") or []
    if not isinstance(filters, dict) or not isinstance(group_by, list):
        raise Malformed
    course_id = text(filters, "collectionId")
    if course_id is None or blank(course_id):
        raise Missing("courseId/collectionId")
    batch_id = mandatory(filters, "batchId")
    granularity, days = text(request, "granularity") or "ALL", None
    if len(granularity) > LONGEST_GRANULARITY:
        raise Malformed
    if granularity.upper() != "ALL":
        digits = re.sub(r"\D", "", granularity)
        if not digits or len(digits) > 9:
            raise Malformed
        days = min(int(digits), MOST_DAYS)
    return SummaryQuery(
        course_id=course_id,
        batch_id=batch_id,
        by_state="state" in group_by,
        by_district="dist" in group_by,
        is_grouped=bool(group_by),
        days=days,
    )


def show_summary(summary: Summary) -> ShownSummary:
    """{"batchId": …, "metrics": [{"type": "enrolment", "count": 120}], "groupBy": [{"state": …, "values": […]}]}

    `notKnownYet` is ours, where groups are asked for: how many of those without a place have not been looked up yet;
    they will be.
    """
    query = summary.query
    shown = ShownSummary(
        query.batch_id,
        query.course_id,
        int(summary.at.timestamp() * 1000),
        _totals(summary.figures) or None,
    )
    if query.is_grouped:
        places: dict[tuple[str | None, str | None], list[Figure]] = {}
        for figure in summary.figures:
            places.setdefault((figure.state, figure.district), []).append(figure)
        shown.group_by = [
            PlaceFigures(state if query.by_state else UNSET, district if query.by_district else UNSET, _totals(figures))
            for (state, district), figures in places.items()
        ] or None
    if summary.unplaced:
        shown.not_known_yet = [ShownFigure(kind, count) for kind, count in summary.unplaced.items()]
    return shown


def _totals(figures: Iterable[Figure]) -> list[ShownFigure]:
    totals: Counter[str] = Counter()
    for figure in figures:
        totals[figure.kind] += figure.count
    return [ShownFigure(kind, count) for kind, count in totals.items()]
