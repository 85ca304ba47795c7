"""The JSON of summaries (contract enrolment-and-progress §4.1)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from lernbatch.errors import Malformed, Missing
from lernbatch.summary.model import Asked, Figure, Summary
from lernbatch.web.fields import blank, mandatory, text

MOST_DAYS = 36_500


def read_asked(request: Mapping[str, Any]) -> Asked:
    """{"filters": {"collectionId": "do_1", "batchId": "0137"}, "groupBy": ["dist"], "granularity": "LAST_7DAYS"}

    Complains as E51 to E53 and E55.
    """
    filters, group_by = request.get("filters"), request.get("groupBy") or []
    if not isinstance(filters, dict) or not isinstance(group_by, list):
        raise Malformed
    course_id = text(filters, "collectionId")
    if course_id is None or blank(course_id):
        raise Missing("courseId/collectionId")
    return Asked(
        course_id=course_id,
        batch_id=mandatory(filters, "batchId"),
        by_state="state" in group_by,
        by_district="dist" in group_by,
        is_grouped=bool(group_by),
        days=_read_days(text(request, "granularity") or "ALL"),
    )


def _read_days(granularity: str) -> int | None:
    if granularity.upper() == "ALL":
        return None
    digits = re.sub(r"\D", "", granularity)
    if not digits or len(digits) > 9:
        raise Malformed
    return min(int(digits), MOST_DAYS)


def show_summary(summary: Summary) -> dict[str, Any]:
    """{"batchId": …, "metrics": [{"type": "enrolment", "count": 120}], "groupBy": [{"state": …, "values": […]}]}

    Without any figure the lists are null, as the reference has it. `notKnownYet` is ours, where groups are asked for:
    how many of those without a place have not been looked up yet; they will be.
    """
    asked = summary.asked
    shown: dict[str, Any] = {
        "batchId": asked.batch_id,
        "collectionId": asked.course_id,
        "lastUpdatedOn": int(summary.at.timestamp() * 1000),
        "metrics": _totals(summary.figures) or None,
    }
    if asked.is_grouped:
        shown["groupBy"] = _groups(asked, summary.figures) or None
    if summary.unplaced:
        shown["notKnownYet"] = [{"type": kind, "count": count} for kind, count in summary.unplaced.items()]
    return shown


def _totals(figures: Iterable[Figure]) -> list[dict[str, Any]]:
    totals: Counter[str] = Counter()
    for figure in figures:
        totals[figure.kind] += figure.count
    return [{"type": kind, "count": count} for kind, count in totals.items()]


def _groups(asked: Asked, figures: Iterable[Figure]) -> list[dict[str, Any]]:
    places: dict[tuple[str | None, str | None], list[Figure]] = {}
    for figure in figures:
        places.setdefault((figure.state, figure.district), []).append(figure)
    return [
        {
            **({"state": state} if asked.by_state else {}),
            **({"district": district} if asked.by_district else {}),
            "values": _totals(found),
        }
        for (state, district), found in places.items()
    ]
