"""Reads single values of a source row, whatever stands there."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Any

import msgspec

LARGEST = 2_147_483_647
LONGEST_KEY = 600  # characters of all ids of a row together: PostgreSQL's indexes hold 2,704 bytes
LATEST_MS = 253_402_214_400_000  # the last day of 9999, so that it is one in every zone
FIRST_YEAR, LAST_YEAR = 1970, 9998  # of days: what lies outside is somebody's mistake
_OLD = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:[:.](\d{1,9}))?\s*(Z|[+-]\d\d:?\d\d)?$")
_WORDS = re.compile(r"([A-Z][a-z]{2})[a-z]* (\d{1,2}), (\d{4}),? (\d{1,2}):(\d\d):(\d\d)[\s\u202f]([AP])M$")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TOTAL = re.compile(r"\s*(-?\d+(?:\.\d+)?)\s*/\s*(-?\d+(?:\.\d+)?)\s*$")


def text(value: Any) -> str | None:
    """A text; an empty one is none, for half of the forms cannot tell them apart."""
    if isinstance(value, str):
        return value or None
    if value is None or isinstance(value, list | dict | bool):
        return None
    return value.isoformat() if isinstance(value, datetime) else str(value)


def texts(value: Any) -> list[str]:
    return [entry for entry in value if isinstance(entry, str) and entry] if isinstance(value, list) else []


def integer(value: Any) -> int | None:
    """A whole number; a float is one up to its point."""
    if type(value) is int:  # nearly always
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and (value != value or abs(value) > LARGEST):
        return None if value != value else LARGEST if value > 0 else -LARGEST
    return int(value)


def number(value: Any) -> float | None:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int) and abs(value) > 2**63:
        return None
    return float(value) if abs(value) < float("inf") else None


def held_to(value: int, least: int, most: int) -> int:
    return value if least <= value <= most else min(max(value, least), most)


def milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def is_absent(value: Any) -> bool:
    """Whether a date is not there: null, empty, or spelled out."""
    return value is None or (isinstance(value, str) and value.strip() in ("", "null"))


def date_ms(value: Any) -> int | None:
    """A date of any kind in epoch milliseconds: a timestamp, the text columns' form, ISO; None where it is none."""
    if isinstance(value, datetime):
        at = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    elif isinstance(value, str):
        read = text_date(value)
        if read is None:
            return None
        at = read
    else:
        return None
    try:
        ms = milliseconds(at)
    except (OverflowError, ValueError):
        return None
    return ms if 0 <= ms <= LATEST_MS else None


def text_date(value: str) -> datetime | None:
    """`2024-01-02 09:00:00:000+0000`, ISO, or a day alone, which is its midnight in UTC."""
    value = value.strip()
    try:
        if match := _OLD.match(value):
            day, clock, fraction, offset = match.groups()
            at = datetime.combine(date.fromisoformat(day), time.fromisoformat(clock), _offset(offset))
            return at + timedelta(milliseconds=int((fraction or "0").ljust(3, "0")[:3]))
        if len(value) == 10:
            return datetime.combine(date.fromisoformat(value), time(), UTC)
    except (ValueError, OverflowError):
        pass
    return None


def _offset(text: str | None) -> tzinfo:
    if text is None or text == "Z":
        return UTC
    sign = -1 if text[0] == "-" else 1
    digits = text[1:].replace(":", "")
    return timezone(sign * timedelta(hours=int(digits[:2]), minutes=int(digits[2:])))


def words_ms(value: Any, zone: tzinfo) -> int | None:
    """A time as Java's default writes it: `Feb 8, 2025 12:00:00 PM`, with a comma more, or a narrow space before PM."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        ms = integer(value)
        return ms if ms is not None and 0 <= ms <= LATEST_MS else None
    if not isinstance(value, str):
        return date_ms(value)
    match = _WORDS.match(value.strip())
    if match is None or match[1] not in _MONTHS:
        return date_ms(value)
    month, day, year, hour, minute, second, half = match.groups()
    hours = int(hour) % 12 + (12 if half == "P" else 0)
    try:
        at = datetime(int(year), _MONTHS.index(month) + 1, int(day), hours, int(minute), int(second), tzinfo=zone)
        return milliseconds(at)
    except (ValueError, OverflowError):
        return None


def total(value: Any) -> tuple[float, float] | None:
    """Score and maximum of `3/4`."""
    match = _TOTAL.match(value) if isinstance(value, str) else None
    return (float(match[1]), float(match[2])) if match else None


def day_of_text(value: Any) -> date | None:
    """The day that a text begins with."""
    try:
        day = date.fromisoformat(value[:10]) if isinstance(value, str) else None
    except ValueError:
        return None
    return day if day is not None and FIRST_YEAR <= day.year <= LAST_YEAR else None


def parsed(value: str) -> Any:
    """The JSON that a text is. Raises: ValueError."""
    try:
        return msgspec.json.decode(value.encode())
    except (msgspec.DecodeError, UnicodeError, RecursionError) as wrong:
        raise ValueError(str(wrong)) from wrong


def mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def cleaned(value: Any) -> tuple[Any, bool]:
    """`value` as PostgreSQL can store it: U+FFFD for what no text holds; and whether anything was replaced."""
    if isinstance(value, str):
        if "\0" not in value and value.isascii():
            return value, False
        clean = value.replace("\0", "\ufffd").encode("utf-8", "surrogatepass").decode("utf-8", "replace")
        return clean, clean != value
    if isinstance(value, list):
        pairs = [cleaned(entry) for entry in value]
        return ([entry for entry, _ in pairs], True) if any(changed for _, changed in pairs) else (value, False)
    if isinstance(value, dict):
        entries = [(cleaned(name), cleaned(entry)) for name, entry in value.items()]
        if any(name[1] or entry[1] for name, entry in entries):
            return {name[0]: entry[0] for name, entry in entries}, True
    return value, False
