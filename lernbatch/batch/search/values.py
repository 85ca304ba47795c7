"""What a caller's JSON value means for a field of each kind. Unreadable ones end the search (batches §3.4, S4)."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from lernbatch.batch.search.model import Scalar
from lernbatch.errors import Malformed

_MILLISECONDS = re.compile(r"(:\d\d):(\d{3})")  # 06:30:12:045, as the platform writes instants
_MOST = 2**63


@dataclass(frozen=True, slots=True)
class Instant:
    """`exact` False: only a day was given, and `at` is its beginning."""

    at: datetime
    exact: bool


def text(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def number(value: Scalar) -> Decimal:
    """Raises: Malformed, when it is none."""
    if isinstance(value, bool) or (isinstance(value, float) and not math.isfinite(value)):
        raise Malformed
    try:
        parsed = Decimal(str(value).strip()) if len(str(value)) < 40 else Decimal("NaN")
    except ArithmeticError as wrong:
        raise Malformed from wrong
    if not parsed.is_finite() or abs(parsed) >= _MOST:
        raise Malformed
    return parsed


def instant(value: Scalar) -> Instant:
    """`2025-03-01` (its beginning in UTC), an ISO instant, or epoch milliseconds. Raises: Malformed."""
    if isinstance(value, bool):
        raise Malformed
    try:
        if isinstance(value, int | float):
            return Instant(datetime.fromtimestamp(value / 1000, UTC), exact=True)
        at = datetime.fromisoformat(value.strip().upper())
    except (ValueError, OverflowError, OSError) as wrong:
        raise Malformed from wrong
    return Instant(at if at.tzinfo else at.replace(tzinfo=UTC), exact=len(value.strip()) > 10)


def day(value: Scalar) -> date | None:
    """The day whose beginning in UTC is `value`; None when it is another time of the day, which no date equals."""
    at = instant(value).at
    try:
        at = at.astimezone(UTC)
    except OverflowError as wrong:
        raise Malformed from wrong
    return at.date() if at.time() == datetime.min.time() else None


def day_bound(operator: str, value: Scalar) -> tuple[str, date]:
    """A bound as one on days: batches' dates are compared as the beginning of their day in UTC.

    A day alone means its end for > and <=, its beginning for >= and <; so both compare with the day itself.
    """
    given = instant(value)
    try:
        at = given.at.astimezone(UTC)
    except OverflowError as wrong:
        raise Malformed from wrong
    if at.time() == datetime.min.time() or not given.exact:
        return operator, at.date()
    # In the middle of a day: that day has begun before, the next one begins after.
    return {">=": ">", "<": "<="}.get(operator, operator), at.date()


def moment(value: Scalar, zone: ZoneInfo) -> Instant | None:
    """`2025-03-01 12:00:12:045+0530` as answers show it, a day (in `zone`) or an ISO instant; None: unreadable."""
    shown = text(value).strip().upper()
    try:
        at = datetime.fromisoformat(_MILLISECONDS.sub(r"\1.\2", shown))
    except ValueError:
        return None
    return Instant(at if at.tzinfo else at.replace(tzinfo=zone), exact=len(shown) > 10)


def moment_bound(operator: str, value: Scalar, zone: ZoneInfo) -> tuple[str, datetime] | None:
    """A bound on a moment, which the reference compares as text: whatever a day holds comes after the bare day."""
    given = moment(value, zone)
    if given is None:
        return None
    if given.exact:
        return operator, given.at
    return {">": ">=", "<=": "<"}.get(operator, operator), given.at
