"""Writing to the outbox, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence

from lernbatch import log
from lernbatch.config import Config
from lernbatch.database import db, sql
from lernbatch.database.db import Connection
from lernbatch.jobs.outbox.events import KAFKA, Event, columns
from lernbatch.services import Services

Q = sql.load("lernbatch.jobs.outbox")


def wanted(config: Config, events: Sequence[Event]) -> list[Event]:
    """Those of `events` that become rows.

    With no Kafka configured, Kafka's events go to the structured log or nowhere, by the setting `telemetry`.
    """
    if config.kafka_servers and config.telemetry != "nowhere":
        return list(events)
    if config.telemetry == "log":
        for event in events:
            if event.destination == KAFKA:
                log.info("event", topic=event.topic, key=event.key, payload=event.payload)
    return [event for event in events if event.destination != KAFKA]


def publishes_to_kafka(config: Config) -> bool:
    """Whether anybody hears Kafka's events, so that the hot path need not even make them."""
    return config.telemetry == "log" or (bool(config.kafka_servers) and config.telemetry == "kafka")


async def tell(conn: Connection, services: Services, events: Sequence[Event]) -> None:
    """Write `events`; they leave after the caller's transaction commits, at least once."""
    rows = wanted(services.config, events)
    if not rows:
        return
    told = columns(rows)
    await db.run(
        conn,
        Q.insert_events,
        now=services.clock.now(),
        destinations=told.destinations,
        topics=told.topics,
        keys=told.keys,
        payloads=told.payloads,
    )


async def replay(conn: Connection, services: Services, destination: str | None = None) -> int:
    """Send parked events again, of one destination or of all; how many."""
    return await db.run(conn, Q.replay_parked, now=services.clock.now(), destination=destination)
