"""The nouns of the inbox."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

MERGE = "account-merge"
DELETION = "account-deletion"
TRANSFER = "ownership-transfer"
PUBLICATION = "publication"


@dataclass(frozen=True, slots=True)
class Record:
    """A message as it stands on a topic. `kind`: what that topic is for."""

    kind: str
    topic: str
    partition: int
    position: int
    timestamp_ms: int
    value: bytes


@dataclass(frozen=True, slots=True)
class DueMessage:
    """A message that is to be handled."""

    message_id: int
    kind: str
    topic: str
    subject: str
    value: bytes
    attempts: int


@dataclass(frozen=True, slots=True)
class ParkedMessage:
    """A message that was given up, as an operator sees it."""

    message_id: int
    kind: str
    topic: str
    partition: int
    position: int
    received_at: datetime
    error: str
