"""Values of the source in one shape, from the texts of CSV and from the values that JSON and drivers give."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from lernbatch.errors import Unusable
from lernbatch.sunbird_source.catalog import CqlType
from lernbatch.sunbird_source.model import Value

# Takes a value that is there; raises ValueError or TypeError where it is none of its type.
Shape: TypeAlias = Callable[[Any], Value]

EXACT: dict[str, type] = {"text": str, "int": int, "boolean": bool}  # what needs no conversion
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MS = 253_402_300_799_999  # of the year 9999


class ZoneMissing(Unusable):
    """Timestamps of an export say no offset, so nobody knows which moments they are."""

    def __init__(self) -> None:
        super().__init__(
            "Timestamps of this export have no offset from UTC; say in which time zone they were written, "
            "as in --export-zone Asia/Kolkata."
        )


def moment_of_ms(milliseconds: int) -> Value:
    """A moment, or the number as a text where it lies outside of 1970 to 9999."""
    if 0 <= milliseconds <= _LAST_MS:
        return _EPOCH + timedelta(milliseconds=milliseconds)
    return str(milliseconds)


def moment(text: str, zone: ZoneInfo | None) -> Value:
    """A timestamp in any spelling of the export tools; what is none, or lies before 1970, stays the text.

    A bare integer is milliseconds, which is how cqlsh prints what lies past the year 9999. Raises: ZoneMissing.
    """
    if text.isdecimal() or (text[:1] == "-" and text[1:].isdecimal()):
        return moment_of_ms(int(text))
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return text
    if parsed.tzinfo is None:
        if zone is None:
            raise ZoneMissing
        parsed = parsed.replace(tzinfo=zone)
    if parsed.tzinfo is not UTC:
        try:
            parsed = parsed.astimezone(UTC)
        except OverflowError:
            return text
    return parsed if parsed.year >= 1970 else text


def number(value: float | str) -> float | None:
    """A double; not-a-number and the infinities are no figure that anything can be computed from, so they are null."""
    parsed = float(value)
    return parsed if math.isfinite(parsed) else None


def _whole(value: Any) -> int:
    if type(value) is int:
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise TypeError


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        raise TypeError
    return number(value)  # also of the decimals that a driver gives, and of "NaN"


def _truth(value: Any) -> bool:
    if type(value) is bool:
        return value
    raise TypeError


def _text(value: Any) -> str:
    if type(value) is str:
        return value
    if isinstance(value, int | float | bool | dict | list):
        raise TypeError
    return str(value)  # of the identifiers that a driver gives


def shape(kind: CqlType, zone: ZoneInfo | None = None) -> Shape:
    """How a value of `kind` is made from what JSON or a driver gives. An empty collection becomes null.

    So it does in a field of a user-defined type, where dsbulk writes an empty collection for none; a collection that
    is a member of another one stays what it is.
    """
    inner = _inner(kind, zone)
    return (lambda value: inner(value) or None) if kind.arguments else inner


def _inner(kind: CqlType, zone: ZoneInfo | None) -> Shape:
    if kind.fields:
        fields = {name: shape(field, zone) for name, field in kind.fields.items()}

        def composed(value: Any) -> Value:
            members = value if isinstance(value, dict) else value._asdict()  # a driver gives a named tuple
            return {
                name: fields[name](member) if member is not None and name in fields else member
                for name, member in members.items()
            }

        return composed
    if kind.name == "list":
        item = _inner(kind.arguments[0], zone)
        exact = {EXACT.get(kind.arguments[0].name)}

        def listed(value: Any) -> Value:
            members = value if isinstance(value, list) else sorted(_members(value))
            return members if {*map(type, members)} <= exact else [item(member) for member in members]

        return listed
    if kind.name == "map":
        member_shape = _inner(kind.arguments[1], zone)
        exact = {EXACT.get(kind.arguments[1].name)}

        def mapped(value: Any) -> Value:
            if {*map(type, value.values())} <= exact:  # nearly always; a look at each would cost more
                return dict(value)
            return {key: member_shape(member) for key, member in value.items()}

        return mapped
    scalars: dict[str, Shape] = {
        "text": _text,
        "int": _whole,
        "double": _number,
        "decimal": _number,
        "boolean": _truth,
        "timestamp": lambda value: _moment(value, zone),
    }
    return scalars[kind.name]


def _members(value: Any) -> Any:
    """Of a set, as a driver gives it."""
    if isinstance(value, str | dict) or not hasattr(value, "__iter__"):
        raise TypeError
    return value


def _moment(value: Any, zone: ZoneInfo | None) -> Value:
    if isinstance(value, str):
        return moment(value, zone)
    return moment_of_ms(_whole(value))
