"""Telemetry 3.0: the events that analytics reads (contract enrolment-and-progress §2.1.1, jobs §2.7, batches §6.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import msgspec

from lernbatch.config import Config
from lernbatch.outbox.events import KAFKA, Event

_TRACE_CHARACTERS = 100
MOST_SEARCH_BYTES = 32 * 1024  # of what was looked for: whoever asks for it chooses it
_AGGREGATOR = {"ver": "3.0", "id": "org.sunbird.learning.platform", "pid": "course-progress-updater"}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from: what its telemetry carries."""

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
    context = _context(origin, "CourseBatch", cdata=[{"id": identifier, "type": kind} for identifier, kind in cdata])
    return _event(config, "AUDIT", now_ms, origin, actor_id, {"context": context, "object": subject, "edata": edata})


def search(config: Config, now_ms: int, origin: Origin, *, actor_id: str, edata: Mapping[str, Any]) -> Event:
    """A SEARCH: what was looked for, unless that is very long, and how much was found (contract batches §6.3)."""
    if len(msgspec.json.encode(edata)) > MOST_SEARCH_BYTES:
        edata = {**edata, "filters": {}, "query": ""}
    return _event(config, "SEARCH", now_ms, origin, actor_id, {"context": _context(origin, "User"), "edata": edata})


def error(config: Config, now_ms: int, origin: Origin, *, actor_id: str, err: str, code: str, trace: str) -> Event:
    """An ERROR: a request that failed. `err`: the HTTP status in words."""
    edata = {"err": err, "errtype": code, "stacktrace": trace[:_TRACE_CHARACTERS]}
    context = _context(origin, "CourseBatch")
    return _event(config, "ERROR", now_ms, origin, actor_id, {"context": context, "edata": edata})


def _event(config: Config, eid: str, now_ms: int, origin: Origin, actor_id: str, parts: Mapping[str, Any]) -> Event:
    actor = {"id": actor_id, "type": "User"}
    payload = {"eid": eid, "ets": now_ms, "ver": "3.0", "mid": origin.message_id, "actor": actor, **parts}
    return Event(KAFKA, config.topic_telemetry, actor_id, payload)


def _context(origin: Origin, env: str, **more: Any) -> dict[str, Any]:
    return _present(
        {
            "channel": origin.channel,
            "pdata": _present({"id": origin.app_id, "pid": "lms-service", "ver": "1.0"}),
            "env": env,
            "did": origin.device_id,
            **more,
            "rollup": {},
        }
    )


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


def _present(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value is not None}
