"""Reading the fields of requests about batches, each with the refusal that is its own."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from lernbatch.batch.model import LEAVE_ALWAYS, LEAVE_NEVER, LEAVE_UNTIL_START, LONGEST_ID
from lernbatch.batch.rules import InvalidRequest, is_enrolment_type
from lernbatch.errors import Malformed, Refused, WrongType
from lernbatch.web.fields import UnreadableDate, blank, mandatory, text

MOST_CAPACITY = 2**31 - 1


class InvalidBatchValue(Refused):
    """A value outside the set that its parameter allows."""

    code = "INVALID_PARAMETER_VALUE"

    def __init__(self, value: object, parameter: str) -> None:
        shown = "null" if value is None else str(value)[:200]
        super().__init__(f"Invalid value {shown} for parameter {parameter}. Please provide a valid value.")


class TooLong(InvalidRequest):
    """An addition: every text and list of a batch has a bound."""

    def __init__(self, parameter: str, most: int, unit: str) -> None:
        super().__init__(f"{parameter} has more than {most} {unit}.")


def read_enrolment_type(request: dict[str, Any]) -> str:
    """Raises: Missing, InvalidBatchValue (C5, C6, U6, U7)."""
    enrolment_type = mandatory(request, "enrollmentType")
    if not is_enrolment_type(enrolment_type):
        raise InvalidBatchValue(enrolment_type, "enrollmentType")
    return enrolment_type


def read_additions(request: dict[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    """Our own optional fields that are in `request`; null takes one away. They are checked after the contract's."""
    fields: dict[str, Any] = {}
    if "timeZone" in request:
        named = request["timeZone"]
        if named is not None and read_zone(request) is None:
            raise InvalidBatchValue(named, "timeZone")
        fields["time_zone"] = named
    if "enrollmentStartDate" in request:
        fields["enrolment_start_date"] = optional_date(request, "enrollmentStartDate", zone)
    if "capacity" in request:
        capacity = request["capacity"]
        whole = isinstance(capacity, int) and not isinstance(capacity, bool)
        if capacity is not None and not (whole and 1 <= capacity <= MOST_CAPACITY):
            raise InvalidBatchValue(capacity, "capacity")
        fields["capacity"] = capacity
    if "leavePolicy" in request:
        policy = request["leavePolicy"]
        if policy not in (None, LEAVE_ALWAYS, LEAVE_UNTIL_START, LEAVE_NEVER):
            raise InvalidBatchValue(policy, "leavePolicy")
        fields["leave_policy"] = policy
    if "isUnenrollmentAllowed" in request:
        allowed = request["isUnenrollmentAllowed"]
        if not isinstance(allowed, bool | None):
            raise InvalidBatchValue(allowed, "isUnenrollmentAllowed")
        policy = fields.get("leave_policy")
        if policy is None:
            fields["leave_policy"] = None if allowed is None else LEAVE_ALWAYS if allowed else LEAVE_NEVER
        elif allowed is not None and policy != LEAVE_UNTIL_START and allowed is (policy == LEAVE_NEVER):
            raise InvalidBatchValue(allowed, "isUnenrollmentAllowed")  # it says the contrary of the policy beside it
    return fields


def read_date(value: str, zone: ZoneInfo) -> date:
    """`2026-06-01`, or an ISO instant: the day it is in `zone` then. Raises: UnreadableDate."""
    day, separator, _ = value.partition("T")
    if len(day) != 10 or (not separator and len(value) != 10):
        raise UnreadableDate
    try:
        at = datetime.fromisoformat(value) if separator else None
        return at.astimezone(zone).date() if at is not None and at.tzinfo else date.fromisoformat(day)
    except (ValueError, OverflowError) as wrong:
        raise UnreadableDate from wrong


def bounded(value: str, parameter: str, most: int = LONGEST_ID) -> str:
    """`value`, of at most `most` characters. Raises: TooLong."""
    if len(value) > most:
        raise TooLong(parameter, most, "characters")
    return value


def read_ids(request: dict[str, Any], key: str) -> list[Any]:
    """The list under `key`; empty when the key is absent. Raises: WrongType, also for null (C15, C16, U13)."""
    value = request.get(key, [])
    if not isinstance(value, list):
        raise WrongType(key, "Arrays")
    return value


def whole(fields: dict[str, Any], key: str, default: int) -> int:
    """The number under `key`: 0 to 2147483647, as the reference's integers. Raises: Malformed."""
    value = fields.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**31:
        raise Malformed
    return value


def optional_date(request: dict[str, Any], key: str, zone: ZoneInfo) -> date | None:
    value = text(request, key)
    return None if blank(value) or value is None else read_date(value, zone)


def date_or_none(value: str, zone: ZoneInfo) -> date | None:
    try:
        return read_date(value, zone)
    except UnreadableDate:
        return None


def read_zone(request: dict[str, Any]) -> ZoneInfo | None:
    """The zone that the request names; None when it names none, or none that exists."""
    named = request.get("timeZone")
    try:
        return ZoneInfo(named) if isinstance(named, str) and named else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def texts(values: list[Any]) -> list[str]:
    """Raises: Malformed, when one is no text (C18)."""
    if not all(isinstance(value, str) for value in values):
        raise Malformed
    return values


def ids(values: list[Any], parameter: str, most: int) -> list[str]:
    """Up to `most` ids. Raises: Malformed, when one is no text (C18); TooLong."""
    if len(values) > most:
        raise TooLong(parameter, most, "entries")
    return [bounded(value, parameter) for value in texts(values)]


def unique(values: list[str]) -> list[str]:
    return list(dict.fromkeys(values))
