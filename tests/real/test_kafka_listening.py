"""Messages heard from a real Kafka: by two services of one group, again from the start, and over a broker's death."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lernbatch.errors import Upstream
from lernbatch.inbox import actions
from lernbatch.inbox.consumer import kinds
from tests.learning import new_learner
from tests.people import Person
from tests.real.kafka import PASSWORD, USER, Broker
from tests.real.kafka import running as broker_running
from tests.running import Running, running

ROUNDS = 300  # of polls of half a second: far more than it needs


def settings(server: str, prefix: str, **more: Any) -> dict[str, Any]:
    topics = ("account_merge", "account_deletion", "ownership_transfer", "publication")
    named = {f"topic_{name}": f"{prefix}.{name}" for name in topics}
    return {"kafka_listening": True, "kafka_servers": server, "kafka_group": prefix, **named, **more}


def deletions(people: list[Person]) -> list[bytes]:
    return [
        msgspec.json.encode({"mid": f"LP.{person.user_id}", "edata": {"userId": person.user_id}}) for person in people
    ]


def hear(service: Running) -> int:
    """Receive once and handle what is due; how many were received."""
    received = 0
    with suppress(Upstream):  # as the worker: it is tried again
        received = service.run(actions.receive(service.services))
    while service.run(actions.handle_due(service.services)):
        pass
    return received


def notes(service: Running, people: list[Person]) -> list[int]:
    """How many acts on each person the audit trail has."""
    rows = service.sql("SELECT count(*) FROM audit, unnest($1::text[]) AS u WHERE u = ANY (whom) GROUP BY u",
                       [person.user_id for person in people])  # fmt: skip
    return [row["count"] for row in rows]


def hear_all(people: list[Person], *services: Running) -> None:
    for _ in range(ROUNDS):
        for service in services:
            hear(service)
        if len(notes(services[0], people)) == len(people):
            return
    raise AssertionError("not everything was heard")


def test_two_services_of_a_group_share_what_is_said_and_do_it_once(broker: Broker, dsn: str, tmp_path: Path) -> None:
    given = settings(broker.server, "shared")
    with running(tmp_path / "a", dsn, **given) as first, running(tmp_path / "b", dsn, **given) as second:
        for topic in kinds(first.config):
            broker.make_topic(topic)
        people = [new_learner() for _ in range(40)]
        for person, value in zip(people, deletions(people), strict=True):
            broker.write("shared.account_deletion", value, key=person.user_id.encode())
        hear_all(people, first, second)
        shares = [len(service.services.consumer._consumer.assignment()) for service in (first, second)]  # type: ignore[union-attr]
        assert sum(shares) == 8
        assert min(shares) > 0
        assert notes(first, people) == [1] * len(people)
        committed = broker.committed("shared")
        assert sum(at for partition, at in committed.items() if partition.topic == "shared.account_deletion") == 40
        assert 'lernbatch_inbox_lag{topic="shared.account_deletion"} 0.0' in first.http.get("/metrics").text
    # Another group reads everything from the start: it is known.
    with running(tmp_path / "c", dsn, **settings(broker.server, "shared", kafka_group="other")) as third:
        received = 0
        for _ in range(ROUNDS):
            received += hear(third)
            if received == 40:
                break
        assert received == 40
        assert notes(third, people) == [1] * len(people)


def test_a_broker_that_is_killed_is_waited_for(dsn: str, tmp_path: Path) -> None:
    with broker_running(tmp_path / "broker") as mortal:
        given = settings(mortal.server, "mortal", upstream_timeout_seconds=3)
        with running(tmp_path / "home", dsn, **given) as service:
            for topic in kinds(service.config):
                mortal.make_topic(topic)
            before, after = [new_learner() for _ in range(5)], [new_learner() for _ in range(5)]
            mortal.write("mortal.account_deletion", *deletions(before))
            hear_all(before, service)
            mortal.kill()
            hear(service)
            mortal.start()
            mortal.write("mortal.account_deletion", *deletions(after))
            hear_all(after, service)
            assert notes(service, before + after) == [1] * 10


def test_who_listens_logs_in_too_and_hears_a_topic_that_is_made_later(
    broker: Broker, dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lernbatch.inbox.consumer._LOOKS_FOR_TOPICS_MS", 500)
    login = {"kafka_sasl_mechanism": "SCRAM-SHA-512", "kafka_sasl_user": USER}
    tls = {"kafka_tls": True, "kafka_ca_file": broker.pem}
    gone, old, new = (new_learner() for _ in range(3))
    broker.make_topic("closed.account_deletion")
    broker.write("closed.account_deletion", *deletions([gone]))
    given = settings(broker.closed_server, "closed", **login, **tls)
    with running(tmp_path / "a", dsn, **given, kafka_sasl_password="wrong") as stranger:
        with pytest.raises(Upstream) as refused:
            stranger.run(actions.receive(stranger.services))
        assert f"or refuses {USER}" in refused.value.detail
    with running(tmp_path / "b", dsn, **given, kafka_sasl_password=PASSWORD) as service:
        hear_all([gone], service)  # three of the four topics do not exist
        broker.make_topic("closed.account_merge")
        edata = {"fromAccountId": old.user_id, "toAccountId": new.user_id}
        broker.write("closed.account_merge", msgspec.json.encode({"mid": "LP.1", "edata": edata}))
        hear_all([old], service)
