"""What stands in a report's cells: percentages, scores, days. Source: contract jobs §5.6, §5.8."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

Scores = Mapping[str, Any]  # content id → [best score, its max score, attempts]


@lru_cache(maxsize=4096)
def progress_percent(is_complete: bool, completed: int, needed: int) -> int:
    """Whole percent of `needed` contents; a completed course stays 100, an empty course has 0."""
    if is_complete:
        return 100
    if needed <= 0:
        return 0
    return 100 if completed >= needed else min(_half_up(completed * 100 / needed), 99)  # 100 is all of them


@lru_cache(maxsize=65536)
def score_percent(score: float, max_score: float) -> str:
    """`NN%`, rounded up; "" when there was nothing to score."""
    if max_score <= 0:
        return ""
    # 7 of 100 as floating point is a hair more than 7 %, and must not become 8 %.
    return f"{math.ceil(round(score * 100 / max_score, 9))}%"


def score_cell(scores: Scores, content_id: str) -> str:
    """`NN%` of one content; "" without attempts."""
    score = scores.get(content_id)
    return score_percent(score[0], score[1]) if score else ""


def total_score(scores: Scores, content_ids: Iterable[str]) -> str:
    """The percentage over those of `content_ids` that were attempted; "" without attempts."""
    total = max_total = 0.0
    for content_id in content_ids:
        if score := scores.get(content_id):
            total += score[0]
            max_total += score[1]
    return score_percent(total, max_total)


def attempts_of(scores: Scores, content_id: str) -> int:
    """How many attempts count for one content."""
    score = scores.get(content_id)
    return int(score[2]) if score else 0


@lru_cache(maxsize=4096)
def day(at: date | None) -> str:
    """dd/MM/yyyy, or ""."""
    return "" if at is None else at.strftime("%d/%m/%Y")


def instant(ms: int, zone: ZoneInfo) -> str:
    """yyyy-MM-dd HH:mm:ss, with milliseconds where there are any."""
    at = datetime.fromtimestamp(ms // 1000, zone)
    fraction = f".{ms % 1000:03d}" if ms % 1000 else ""
    return f"{at:%Y-%m-%d %H:%M:%S}{fraction}"


def question_options(value: object) -> str:
    """Options and responses as the platform shows them: JSON without line breaks and backslashes, ' for "."""
    if value is None:
        return ""
    written = msgspec.json.encode(value).decode()
    return written.replace("\\n", "").replace("\\", "").replace('"', "'")


def whole(value: object) -> int | None:
    """A duration, rounded half up; None when there is none."""
    return _half_up(float(value)) if isinstance(value, int | float) else None


def decimal(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def texts(value: object) -> str:
    return value if isinstance(value, str) else ""


def counted(completed: Collection[str], among: frozenset[str]) -> int:
    """How many of `among` are completed."""
    return len(among.intersection(completed))


def _half_up(value: float) -> int:
    return math.floor(value + 0.5)


def joined(value: object) -> str:
    """The texts of a list with commas between; a text as it is; else ""."""
    if isinstance(value, list | tuple):
        return ",".join(text for text in value if isinstance(text, str))
    return texts(value)


def iso_day(day: date | None) -> str:
    """yyyy-MM-dd, or ""."""
    return "" if day is None else day.isoformat()
