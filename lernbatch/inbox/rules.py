"""The rules of the inbox: what is the same message, and what is given up."""

from __future__ import annotations

from hashlib import sha256

import msgspec

from lernbatch.errors import Busy, LernbatchError, Unstorable, Upstream
from lernbatch.inbox.model import Record

ATTEMPTS_BEFORE_PARKING = 5
MOST_SUBJECT_CHARACTERS = 255


class _Identified(msgspec.Struct):
    mid: str = ""


_IDENTIFIED = msgspec.json.Decoder(_Identified)


def digest(record: Record) -> bytes:
    """What is the same for a message that is delivered again, or sent again by who did not hear that it was taken.

    With an id of its own a message is its text wherever it stands. The id alone would not do: the platform makes ids
    from milliseconds, and two messages of one millisecond share theirs. Without an id it is its place on the topic.
    """
    try:
        identified = bool(_IDENTIFIED.decode(record.value).mid)
    except (msgspec.DecodeError, RecursionError):
        identified = False
    place = "" if identified else f"{record.partition} {record.position} {record.timestamp_ms}"
    return sha256(f"{record.topic}\n{place}\n".encode() + record.value).digest()


def check_subject(subject: str) -> None:
    """Raises: Unstorable, when that is no id of anybody or anything."""
    if len(subject) > MOST_SUBJECT_CHARACTERS or "\x00" in subject:
        raise Unstorable


def is_parked(failure: Exception, attempts: int) -> bool:
    """Whether a message is given up after it failed so, that often.

    What cannot be read or may not be is given up at once. Another service that is away is waited for, and so is the
    database; one that refuses, and what nobody foresaw, is tried a few times.
    """
    if isinstance(failure, Busy):
        return False
    if isinstance(failure, Upstream):
        return failure.refuses and attempts >= ATTEMPTS_BEFORE_PARKING
    return isinstance(failure, LernbatchError) or attempts >= ATTEMPTS_BEFORE_PARKING
