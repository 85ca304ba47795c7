"""What the wires of all rooms share: reading fields of a JSON object as the contract does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lernbatch.errors import Malformed, Missing, Refused

END_OF_TIME_MS = 4_102_444_800_000  # 2100: clocks beyond it are wrong, and their times cannot be shown in every zone


class UnreadableDate(Refused):
    """A day or a time in another form than the contract's."""

    code = "DATE_FORMAT_ERRROR"  # three R: the contract's spelling
    message = "Date format error."


def blank(value: object) -> bool:
    """Missing, null, empty or only white space."""
    return value is None or (isinstance(value, str) and not value.strip())


def text(fields: Mapping[str, Any], key: str) -> str | None:
    """The text under `key`; None when it is missing or null. Raises: Malformed, when it is no text."""
    value = fields.get(key)
    if value is not None and not isinstance(value, str):
        raise Malformed
    return value


def course_id(fields: Mapping[str, Any]) -> str:
    """`courseId`, or `collectionId` when the key courseId is absent (even null, courseId wins)."""
    value = text(fields, "courseId" if "courseId" in fields else "collectionId")
    if value is None or blank(value):
        raise Missing("courseId/collectionId")
    return value


def mandatory(fields: Mapping[str, Any], key: str) -> str:
    """The text under `key`. Raises: Missing, when it is missing or blank."""
    value = text(fields, key)
    if value is None or blank(value):
        raise Missing(key)
    return value
