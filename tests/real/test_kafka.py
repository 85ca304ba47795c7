"""Events over a real Kafka: a broker that is killed, halted, without a topic, and one that wants a login."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lernbatch.config import Config
from lernbatch.errors import Upstream
from lernbatch.jobs.outbox import actions
from lernbatch.jobs.outbox.events import KAFKA, Event
from lernbatch.jobs.outbox.kafka import Producer
from lernbatch.jobs.outbox.relay import REFUSALS_BEFORE_PARKING, relay, to_kafka
from tests.real.kafka import PASSWORD, USER, Broker, closed_connections
from tests.real.kafka import running as broker_running
from tests.running import Running, running

LEARNERS = [f"u-{number}" for number in range(5)]
ROUNDS = 200  # of a relay until its outbox is empty, pauses left out: far more than it needs


@pytest.fixture
def telling(broker: Broker, dsn: str, tmp_path: Path) -> Iterator[Running]:
    """A service that publishes to `broker`."""
    with running(tmp_path, dsn, **settings(broker)) as service:
        yield service


def settings(broker: Broker) -> dict[str, Any]:
    return {"kafka_servers": broker.server, "telemetry": "kafka", "upstream_timeout_seconds": 3}


def publish(service: Running, topic: str, numbers: range, **more: Any) -> None:
    """An event of each number for each learner."""
    events = [
        Event(KAFKA, topic, learner, {"learner": learner, "n": number, **more})
        for number in numbers
        for learner in LEARNERS
    ]
    service.run(actions.publish(service.services.pool, service.services, events))


def relay_once(service: Running) -> int:
    return service.run(relay(service.services, {KAFKA: to_kafka}))


def relay_all(service: Running) -> None:
    """Relay until nothing waits but what is parked; the pauses in between are left out."""
    for _ in range(ROUNDS):
        if not service.sql("SELECT FROM outbox WHERE NOT parked LIMIT 1"):
            return
        relay_once(service)
        service.clock.move(minutes=10)
    raise AssertionError("the outbox did not become empty")


def taken(broker: Broker, topic: str) -> dict[str, list[int]]:
    """The numbers of each learner's events in the order in which they came; of one that came twice, its first."""
    numbers: dict[str, list[int]] = {}
    for key, value in broker.read(topic):
        event = msgspec.json.decode(value)
        assert event["learner"] == key
        if event["n"] not in numbers.setdefault(key, []):
            numbers[key].append(event["n"])
    return numbers


def everything(numbers: range) -> dict[str, list[int]]:
    return {learner: [*numbers] for learner in LEARNERS}


def test_a_killed_broker_loses_nothing_and_each_learners_order_is_kept(dsn: str, tmp_path: Path) -> None:
    with (
        broker_running(tmp_path / "broker") as mortal,
        running(tmp_path / "home", dsn, **settings(mortal)) as service,
    ):
        mortal.make_topic("told", partitions=3)
        publish(service, "told", range(100))
        assert relay_once(service) == 500
        publish(service, "told", range(100, 400))
        sending = asyncio.run_coroutine_threadsafe(relay(service.services, {KAFKA: to_kafka}), service._loop)
        mortal.kill()  # before, while or after it takes the set
        sending.result()
        assert relay_once(service) == 0
        assert not service.sql("SELECT FROM outbox WHERE parked")
        publish(service, "told", range(400, 450))
        mortal.start()
        relay_all(service)
        assert taken(mortal, "told") == everything(range(450))


def test_a_broker_that_does_not_answer_delays_events_and_holds_up_no_other_destination(
    dsn: str, tmp_path: Path
) -> None:
    with (
        broker_running(tmp_path / "broker") as slow,
        running(tmp_path / "home", dsn, **settings(slow)) as service,
    ):
        slow.make_topic("told")
        publish(service, "told", range(20))
        relay_all(service)
        publish(service, "told", range(20, 60))
        slow.halt()
        assert relay_once(service) == 0  # and it ends, so that mails and lists leave
        service.clock.move(minutes=10)
        assert relay_once(service) == 0
        slow.resume()
        relay_all(service)
        assert taken(slow, "told") == everything(range(60))


def test_a_topic_that_does_not_exist_is_parked_and_keeps_no_other_waiting(broker: Broker, telling: Running) -> None:
    broker.make_topic("there")
    publish(telling, "missing", range(3))
    publish(telling, "there", range(3))
    for _ in range(REFUSALS_BEFORE_PARKING):
        relay_once(telling)
        telling.clock.move(minutes=10)
    relay_all(telling)
    assert taken(broker, "there") == everything(range(3))
    assert {(row["parked"], row["topic"], row["error"]) for row in telling.sql("SELECT * FROM outbox")} == {
        (True, "missing", "NoSuchTopic('missing')")
    }
    assert 'lernbatch_queue_length{queue="outbox",state="parked"} 15.0' in telling.http.get("/metrics").text
    broker.make_topic("missing")
    assert telling.run(actions.replay(telling.services.pool, telling.services, KAFKA)) == 15
    relay_all(telling)
    assert taken(broker, "missing") == everything(range(3))


def test_of_a_batch_the_one_event_that_is_too_large_is_refused_and_what_follows_is_taken(
    broker: Broker, telling: Running
) -> None:
    broker.make_topic("narrow", partitions=1, **{"max.message.bytes": "2000"})
    publish(telling, "narrow", range(3))
    publish(telling, "narrow", range(3, 4), text="x" * 3000)
    publish(telling, "narrow", range(4, 8))
    for _ in range(REFUSALS_BEFORE_PARKING):
        relay_once(telling)
        telling.clock.move(minutes=10)
    relay_all(telling)
    kept = [row["payload"]["n"] for row in telling.sql("SELECT payload FROM outbox WHERE parked")]
    assert kept == [3] * len(LEARNERS)
    assert taken(broker, "narrow") == {learner: [0, 1, 2, 4, 5, 6, 7] for learner in LEARNERS}
    assert len(broker.read("narrow")) == 7 * len(LEARNERS)  # none came twice


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
@pytest.mark.parametrize("is_closed", [False, True], ids=["in-clear", "by-tls"])
def test_a_broker_takes_events_of_who_knows_the_password(broker: Broker, mechanism: str, *, is_closed: bool) -> None:
    server, tls = broker.login_server, {}
    if is_closed:
        server, tls = broker.closed_server, {"kafka_tls": True, "kafka_ca_file": broker.pem}
    topic = f"login-{mechanism}-{is_closed}"
    broker.make_topic(topic)

    def send(password: str) -> list[BaseException | None]:
        login = {"kafka_sasl_mechanism": mechanism, "kafka_sasl_user": USER, "kafka_sasl_password": password}

        async def work() -> list[BaseException | None]:
            producer = Producer(Config(kafka_servers=server, **login, **tls))
            try:
                return await producer.send([(topic, b"k", b"v")])
            finally:
                await producer.close()
                await closed_connections()

        return asyncio.run(work())

    with pytest.raises(Upstream) as refused:
        send("wrong-password")
    assert f"or refuses {USER}" in refused.value.detail
    assert send(PASSWORD) == [None]
    assert broker.read(topic) == [("k", b"v")]
