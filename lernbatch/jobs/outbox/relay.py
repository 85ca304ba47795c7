"""The relay: sends what the outbox holds, in order per key, and deletes it once it was taken."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any, TypeAlias

import msgspec

from lernbatch import log, metrics
from lernbatch.database import db, sql
from lernbatch.errors import Upstream
from lernbatch.jobs.outbox.kafka import EventRefused
from lernbatch.jobs.pauses import pause_after
from lernbatch.services import Services

Q = sql.load("lernbatch.jobs.outbox")

SET_SIZE = 500
LONGEST_PAUSE = timedelta(minutes=5)
# A destination that is away is asked for ever; one that refuses an event is asked this often, then it is parked.
REFUSALS_BEFORE_PARKING = 5


@dataclass(frozen=True, slots=True)
class DueEvent:
    """An event that may leave."""

    event_id: int
    destination: str
    topic: str
    key: str
    payload: Mapping[str, Any]
    attempts: int


@dataclass(frozen=True, slots=True)
class Undelivered:
    """An event that did not leave, and why. `refused`: sending it again is not likely to help."""

    event: DueEvent
    error: str
    refused: bool = False


# Sends a set in order and returns what did not leave; what follows a failed event of the same key fails with it.
Sender: TypeAlias = Callable[[Services, Sequence[DueEvent]], Awaitable[list[Undelivered]]]


def one_by_one(send: Callable[[Services, DueEvent], Awaitable[None]]) -> Sender:
    """A sender that calls `send` for each event; `send` raises Upstream when the event was not taken."""

    async def send_set(services: Services, events: Sequence[DueEvent]) -> list[Undelivered]:
        failures: dict[str, Undelivered] = {}
        for event in events:
            if event.key not in failures:
                try:
                    await send(services, event)
                except Upstream as error:
                    failures[event.key] = Undelivered(event, error.detail, error.refuses)
        waiting = [event for event in events if event.key in failures and event != failures[event.key].event]
        behind = [event for event in waiting if event.event_id > failures[event.key].event.event_id]
        return [*failures.values(), *(Undelivered(event, "waits for the event before it") for event in behind)]

    return send_set


async def to_kafka(services: Services, events: Sequence[DueEvent]) -> list[Undelivered]:
    """Send a set to Kafka; the idempotent producer keeps the order of each key."""
    records = [(event.topic, event.key.encode(), msgspec.json.encode(event.payload)) for event in events]
    try:
        answers = await services.kafka.send(records)
    except Upstream as error:
        return [Undelivered(event, error.detail) for event in events]
    return [
        Undelivered(event, repr(answer), refused=isinstance(answer, EventRefused))
        for event, answer in zip(events, answers, strict=True)
        if answer is not None
    ]


async def relay(services: Services, senders: Mapping[str, Sender]) -> int:
    """Send one set of due events; how many left. One process at a time does this (its job is leased).

    While the service is muted, the events go to the log instead: whom they are for has heard from the other service.
    """
    due = await db.all(services.pool, DueEvent, Q.due_events, now=services.clock.now(), limit=SET_SIZE)
    if services.config.is_muted:
        for event in due:
            payload = msgspec.json.encode(event.payload, order="sorted")
            # Whom an event names is for the level debug alone: log lines have no people's data.
            digest = sha256(payload).hexdigest()
            log.info("event muted", destination=event.destination, topic=event.topic, payload_sha256=digest)
            log.debug("muted event", key=event.key, payload=event.payload)
        await db.run(services.pool, Q.delete_events, event_ids=[event.event_id for event in due])
        return len(due)
    by_destination: dict[str, list[DueEvent]] = defaultdict(list)
    for event in due:
        by_destination[event.destination].append(event)
    failures: list[Undelivered] = []
    for destination, events in by_destination.items():
        failures += await senders[destination](services, events)
    stayed = {failure.event.event_id for failure in failures}
    sent = [event.event_id for event in due if event.event_id not in stayed]
    if sent:
        await db.run(services.pool, Q.delete_events, event_ids=sent)
    if not failures:
        return len(sent)
    now, tries = services.clock.now(), [failure.event.attempts + 1 for failure in failures]
    parked = [
        failure.refused and count >= REFUSALS_BEFORE_PARKING for failure, count in zip(failures, tries, strict=True)
    ]
    for failure, gave_up in zip(failures, parked, strict=True):
        log.warning(
            "event did not leave",
            destination=failure.event.destination,
            topic=failure.event.topic,
            parked=gave_up,
            error=failure.error[:500],
        )
        metrics.BUSINESS.labels("event-parked" if gave_up else "event-postponed").inc()
    await db.run(
        services.pool,
        Q.postpone_events,
        event_ids=[failure.event.event_id for failure in failures],
        attempts=[min(count, 32_000) for count in tries],
        due_at=[now + pause_after(count, LONGEST_PAUSE) for count in tries],
        errors=[failure.error[:500] for failure in failures],
        parked=parked,
    )
    return len(sent)
