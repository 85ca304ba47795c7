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
    """Whole percent of `needed` contents; who completed the course has 100 for ever, an empty course has 0."""
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
    found = scores.get(content_id)
    return score_percent(found[0], found[1]) if found else ""


def total_score(scores: Scores, content_ids: Iterable[str]) -> str:
    """Over those of `content_ids` that were attempted; "" without attempts."""
    score = max_score = 0.0
    for content_id in content_ids:
        if found := scores.get(content_id):
            score += found[0]
            max_score += found[1]
    return score_percent(score, max_score)


def attempts_of(scores: Scores, content_id: str) -> int:
    found = scores.get(content_id)
    return int(found[2]) if found else 0


@lru_cache(maxsize=4096)
def day(at: date | None) -> str:
    """dd/MM/yyyy, or ""."""
    return "" if at is None else at.strftime("%d/%m/%Y")


def instant(ms: int, zone: ZoneInfo) -> str:
    """yyyy-MM-dd HH:mm:ss, with milliseconds where there are any."""
    at = datetime.fromtimestamp(ms // 1000, zone)
    fraction = f".{ms % 1000:03d}" if ms % 1000 else ""
    return f"{at:%Y-%m-%d %H:%M:%S}{fraction}"


def options(value: object) -> str:
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
