"""Telemetry 3.0: the events that analytics reads (contract enrolment §2.1.1, jobs §2.7, batches §6.3).

The pipeline refuses an event without a channel or a producer's id, and drops the second one of a `mid`. So both have a
default, every event has a `mid` of its own, and the request that caused it stands in `cdata`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import msgspec

from lernbatch.config import Config
from lernbatch.jobs.outbox.events import KAFKA, Event

_TRACE_CHARACTERS = 100
MOST_SEARCH_BYTES = 32 * 1024  # of what was looked for: whoever asks for it chooses it
_AGGREGATOR = {"ver": "3.0", "id": "org.sunbird.learning.platform", "pid": "course-progress-updater"}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from: what its telemetry carries. Empty: nobody said; the settings stand in for it."""

    message_id: str = ""
    channel: str = ""
    app_id: str | None = None
    device_id: str | None = None


def request_audit(
    config: Config,
    now_ms: int,
    origin: Origin,
    *,
    actor_id: str,
    subject: Mapping[str, Any],
    cdata: Sequence[tuple[str, str]],
    edata: Mapping[str, Any],
) -> Event:
    """An AUDIT that reports what a request did. `subject`: the event's object; `cdata`: (id, type) pairs."""
    context = _context(config, origin, "CourseBatch", cdata)
    return _event(config, "AUDIT", now_ms, actor_id, {"context": context, "object": subject, "edata": edata})


def search(config: Config, now_ms: int, origin: Origin, *, actor_id: str, edata: Mapping[str, Any]) -> Event:
    """A SEARCH: what was looked for, unless that is very long, and how much was found (contract batches §6.3)."""
    if len(msgspec.json.encode(edata)) > MOST_SEARCH_BYTES:
        edata = {**edata, "filters": {}, "query": ""}
    return _event(config, "SEARCH", now_ms, actor_id, {"context": _context(config, origin, "User"), "edata": edata})


def error(config: Config, now_ms: int, origin: Origin, *, actor_id: str, err: str, code: str, trace: str) -> Event:
    """An ERROR: a request that failed. `err`: the HTTP status in words."""
    edata = {"err": err, "errtype": code, "stacktrace": trace[:_TRACE_CHARACTERS]}
    context = _context(config, origin, "CourseBatch")
    return _event(config, "ERROR", now_ms, actor_id, {"context": context, "edata": edata})


def _event(config: Config, eid: str, now_ms: int, actor_id: str, parts: Mapping[str, Any]) -> Event:
    actor = {"id": actor_id, "type": "User"}
    payload = {"eid": eid, "ets": now_ms, "ver": "3.0", "mid": f"LP.{eid}.{uuid4()}", "actor": actor, **parts}
    return Event(KAFKA, config.topic_telemetry, actor_id, payload)


def _context(config: Config, origin: Origin, env: str, cdata: Sequence[tuple[str, str]] = ()) -> dict[str, Any]:
    request = [(origin.message_id, "Request")] if origin.message_id else []
    return {
        "channel": origin.channel or config.default_channel,
        "pdata": {"id": origin.app_id or config.telemetry_pdata_id, "pid": "lms-service", "ver": "1.0"},
        "env": env,
        **({"did": origin.device_id} if origin.device_id else {}),
        "cdata": [{"id": identifier, "type": kind} for identifier, kind in (*cdata, *request)],
        "rollup": {},
    }


def progress_audit(
    config: Config,
    now_ms: int,
    *,
    user_id: str,
    cdata: Sequence[tuple[str, str]],
    subject: Mapping[str, Any],
    kind: str,
    props: Sequence[str],
) -> Event:
    """An AUDIT as the aggregation of progress emits it; `kind` is enrol-complete, start or complete."""
    payload = {
        "eid": "AUDIT",
        "ver": "3.0",
        "ets": now_ms,
        "syncts": now_ms,
        "mid": f"LP.AUDIT.{uuid4()}",
        "tags": [],
        "actor": {"id": user_id, "type": "User"},
        "context": {
            "channel": "in.sunbird",
            "env": "Course",
            "sid": _PROCESS,
            "did": _PROCESS,
            "pdata": _AGGREGATOR,
            "cdata": [{"type": kind_of, "id": identifier} for identifier, kind_of in cdata],
        },
        "object": subject,
        "edata": {"props": list(props), "type": kind},
    }
    return Event(KAFKA, config.topic_telemetry, user_id, payload)


_PROCESS = str(uuid4())
