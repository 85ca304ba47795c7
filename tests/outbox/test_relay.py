"""The outbox: written with what it reports, sent in order per key, at least once, never lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lernbatch.errors import Upstream
from lernbatch.jobs.outbox import actions
from lernbatch.jobs.outbox.events import CONTENT, KAFKA, Event
from lernbatch.jobs.outbox.relay import REFUSALS_BEFORE_PARKING, DueEvent, Sender, one_by_one, relay, to_kafka
from lernbatch.services import Services
from tests.running import Running, running


class Heard:
    """A destination at the network's edge: keeps what it took, and fails on request."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.failing: dict[str, Upstream] = {}

    async def take(self, _: Services, event: DueEvent) -> None:
        if event.topic in self.failing:
            raise self.failing[event.topic]
        self.taken.append(event.topic)

    @property
    def senders(self) -> dict[str, Sender]:
        return {CONTENT: one_by_one(self.take)}


@pytest.fixture
def own(dsn: str, tmp_path: Path) -> Iterator[Running]:
    """A service with an outbox of its own."""
    with running(tmp_path, dsn) as service:
        yield service


def tell(own: Running, *events: Event, abort: bool = False) -> None:
    async def write() -> None:
        async with own.services.pool.acquire() as conn:
            transaction = conn.transaction()
            await transaction.start()
            await actions.tell(conn, own.services, events)
            await (transaction.rollback() if abort else transaction.commit())

    own.run(write())


def event(topic: str, key: str = "do_1") -> Event:
    return Event(CONTENT, topic, key, {"n": topic})


def waiting(own: Running) -> list[str]:
    return [row["topic"] for row in own.sql("SELECT topic FROM outbox ORDER BY event_id")]


def test_events_leave_in_the_order_they_were_written_and_are_deleted(own: Running) -> None:
    heard = Heard()
    tell(own, event("a"), event("b"), event("c", key="do_2"))
    assert own.run(relay(own.services, heard.senders)) == 3
    assert heard.taken == ["a", "b", "c"]
    assert waiting(own) == []


def test_an_event_of_a_transaction_that_failed_never_leaves(own: Running) -> None:
    heard = Heard()
    tell(own, event("a"), abort=True)
    assert own.run(relay(own.services, heard.senders)) == 0


def test_what_follows_a_failed_event_of_the_same_key_waits_for_it_and_others_do_not(own: Running) -> None:
    heard = Heard()
    heard.failing["a"] = Upstream("away")
    tell(own, event("a"), event("b"), event("c", key="do_2"))
    own.run(relay(own.services, heard.senders))
    assert heard.taken == ["c"]
    assert waiting(own) == ["a", "b"]
    heard.failing.clear()
    own.clock.move(seconds=10)
    own.run(relay(own.services, heard.senders))
    assert heard.taken == ["c", "a", "b"]


def test_an_event_written_after_a_failed_one_of_its_key_does_not_overtake_it(own: Running) -> None:
    heard = Heard()
    heard.failing["a"] = Upstream("away")
    tell(own, event("a"))
    own.run(relay(own.services, heard.senders))
    tell(own, event("b"))
    assert own.run(relay(own.services, heard.senders)) == 0
    assert waiting(own) == ["a", "b"]


def test_a_refused_event_is_parked_and_can_be_replayed(own: Running) -> None:
    heard = Heard()
    heard.failing["a"] = Upstream("no", status=400)
    tell(own, event("a"))
    for _ in range(REFUSALS_BEFORE_PARKING):
        own.run(relay(own.services, heard.senders))
        own.clock.move(minutes=10)
    assert own.sql("SELECT parked FROM outbox")[0]["parked"]
    heard.failing.clear()
    own.run(actions.replay(own.services.pool, own.services))
    assert own.run(relay(own.services, heard.senders)) == 1
    assert heard.taken == ["a"]


def test_a_destination_that_is_away_is_asked_for_ever(own: Running) -> None:
    heard = Heard()
    heard.failing["a"] = Upstream("away", status=503)
    tell(own, event("a"))
    for _ in range(REFUSALS_BEFORE_PARKING + 3):
        own.run(relay(own.services, heard.senders))
        own.clock.move(minutes=10)
    assert not own.sql("SELECT parked FROM outbox")[0]["parked"]


def test_without_kafka_its_events_are_not_written(own: Running) -> None:
    tell(own, Event(KAFKA, "local.telemetry.raw", "u1", {}))
    assert waiting(own) == []


def test_a_dead_kafka_delays_events_and_loses_none(dsn: str, tmp_path: Path) -> None:
    settings = {"kafka_servers": "127.0.0.1:1", "telemetry": "kafka", "upstream_timeout_seconds": 1}
    with running(tmp_path, dsn, **settings) as service:
        tell(service, Event(KAFKA, "local.telemetry.raw", "u1", {"eid": "AUDIT"}))
        assert service.run(relay(service.services, {KAFKA: to_kafka})) == 0
        assert [(row["attempts"], row["parked"]) for row in service.sql("SELECT attempts, parked FROM outbox")] == [
            (1, False)
        ]
