"""The nouns of the outbox, and the envelope that the platform's job events share.

An event is made in the `events.py` of the room where it happens, in the transaction of what happened. What webhooks are
told is announcements.announcement; what telemetry is told, telemetry.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

KAFKA = "kafka"
CONTENT = "content"  # the course's `batches` in the content service
MAIL = "mail"
NOTIFICATION = "notification"
FEED = "feed"
WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True)
class Event:
    """Something others must hear. Events of one destination and key arrive in the order they were written."""

    destination: str
    topic: str
    key: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Columns:
    """Events as arrays, for a statement that writes them beside other things; see queries.sql, insert_events."""

    destinations: list[str]
    topics: list[str]
    keys: list[str]
    payloads: list[Mapping[str, Any]]


def columns(events: Sequence[Event]) -> Columns:
    return Columns(
        [event.destination for event in events],
        [event.topic for event in events],
        [event.key for event in events],
        [event.payload for event in events],
    )


def job_request(
    *, now_ms: int, actor: str, object_id: str, object_type: str, edata: Mapping[str, Any]
) -> dict[str, Any]:
    """A BE_JOB_REQUEST, the platform's word for "do this" on a topic (contract enrolment §3.4, jobs §2.7)."""
    return {
        "eid": "BE_JOB_REQUEST",
        "ets": now_ms,
        "mid": f"LP.{now_ms}.{uuid4()}",
        "actor": {"id": actor, "type": "System"},
        "context": {"pdata": {"id": "org.sunbird.platform", "ver": "1.0"}},
        "object": {"id": object_id, "type": object_type},
        "edata": dict(edata),
    }
