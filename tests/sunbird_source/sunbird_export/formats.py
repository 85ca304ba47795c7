"""The forms in which operators take rows out of Cassandra, written by hand so that any Python writes the same bytes.

* cqlsh COPY TO with its defaults. cqlsh first turns a value into text (doubling backslashes, spelling control
  characters out), then hands the text to Python's csv writer with escapechar "\\" and no doubled quotes. Up to Python
  3.9 that writer leaves backslashes alone and quotes every field that has one or a comma; from 3.10 it doubles them and
  quotes only for a comma. Both exist in the field, so both are written: `Escape.SINGLE` and `Escape.DOUBLE`.
* dsbulk unload to JSON, one document a line, nulls written.

Values: None, str, bool, int, float, Decimal, datetime (UTC, milliseconds), list, dict, and Udt for a user-defined type.
"""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\xa0]")  # a no-break space too


class Udt(dict[str, Any]):
    """A value of a user-defined type; fields in their order, None where a field is null."""


class Escape(Enum):
    SINGLE = "py39"
    DOUBLE = "py310"


def number(value: float, digits: int) -> str:
    """A double as cqlsh prints it: `digits` behind the leading one's place, 12 at the top, 5 inside anything."""
    exponent = int(math.log10(abs(value))) if abs(value) > 2.220446049250313e-16 else -(2**63)
    precision = digits + exponent + 1 if -4 <= exponent < digits else digits
    return f"{value:.{precision}g}"


def cqlsh_time(value: datetime) -> str:
    return f"{value:%Y-%m-%d %H:%M:%S}.{value.microsecond // 1000:03d}+0000"


def cqlsh_text(value: str) -> str:
    return _CONTROL.sub(lambda found: repr(found.group())[1:-1], value.replace("\\", "\\\\"))


def cqlsh_value(value: Any, *, nested: bool = False) -> str:
    if value is None:
        return ""  # also inside a user-defined type: {a: , b: 1}
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, str):
        return "'" + cqlsh_text(value).replace("'", "''") + "'" if nested else cqlsh_text(value)
    if isinstance(value, datetime):
        return f"'{cqlsh_time(value)}'" if nested else cqlsh_time(value)
    if isinstance(value, float):
        return number(value, 5 if nested else 12)
    if isinstance(value, int | Decimal):
        return str(value)
    if isinstance(value, Udt):
        return "{" + ", ".join(f"{k}: {cqlsh_value(v, nested=True)}" for k, v in value.items()) + "}"
    if isinstance(value, dict):
        items = sorted(value.items())
        return "{" + ", ".join(f"{cqlsh_value(k, nested=True)}: {cqlsh_value(v, nested=True)}" for k, v in items) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(cqlsh_value(v, nested=True) for v in value) + "]"
    raise TypeError(type(value))


def csv_field(text: str, escape: Escape) -> str:
    if escape is Escape.SINGLE:
        escaped = text.replace('"', '\\"')
        return f'"{escaped}"' if any(char in text for char in ",\\\r\n") else escaped
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"' if any(char in text for char in ",\r\n") else escaped


def csv_line(values: list[Any], escape: Escape) -> str:
    return ",".join(csv_field(cqlsh_value(value), escape) for value in values) + "\r\n"


def dsbulk_time(value: datetime) -> str:
    fraction = f".{value.microsecond // 1000:03d}".rstrip("0").rstrip(".")
    return f"{value:%Y-%m-%dT%H:%M:%S}{fraction}Z"


def dsbulk_value(value: Any) -> Any:
    if isinstance(value, datetime):
        return dsbulk_time(value)
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, Udt):
        return {k: dsbulk_value(v) for k, v in value.items()}
    if isinstance(value, dict):
        return {k: dsbulk_value(v) for k, v in sorted(value.items())}
    if isinstance(value, list):
        return [dsbulk_value(v) for v in value]
    return value


def dsbulk_line(columns: list[str], values: list[Any]) -> str:
    document = {column: dsbulk_value(value) for column, value in zip(columns, values, strict=True)}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n"


def millis(value: datetime | None) -> int | None:
    return None if value is None else round(value.timestamp() * 1000)


def iso(value: datetime | None) -> str | None:
    return None if value is None else value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
