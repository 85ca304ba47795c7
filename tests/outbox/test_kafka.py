"""The way to Kafka: TLS and SASL by the settings, never in clear to elsewhere, events of a bounded size."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lernbatch.config import Config
from lernbatch.errors import Unusable, Upstream
from lernbatch.jobs.outbox import telemetry
from lernbatch.jobs.outbox.kafka import EventTooLarge, Producer
from lernbatch.jobs.outbox.telemetry import Origin
from lernbatch.web import failures
from tests.outbox.tls import self_signed


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return self_signed(tmp_path_factory.mktemp("tls"))


def greeted(certificate: Path, **settings: Any) -> list[bytes]:
    """What a broker behind TLS hears of a producer with `settings` before it hangs up; nothing: no handshake."""
    heard: list[bytes] = []

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(1000))
        writer.close()

    async def work() -> None:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(certificate)
        server = await asyncio.start_server(hear, "127.0.0.1", 0, ssl=tls)
        port = server.sockets[0].getsockname()[1]
        producer = Producer(Config(kafka_servers=f"127.0.0.1:{port}", upstream_timeout_seconds=5, **settings))
        with pytest.raises(Upstream):
            await producer.send([("topic", b"key", b"value")])
        await producer.close()
        server.close()

    asyncio.run(work())
    return heard


def test_brokers_are_reached_by_tls_when_their_certificate_is_trusted(certificate: Path) -> None:
    assert any(greeted(certificate, kafka_tls=True, kafka_ca_file=certificate))
    assert not any(greeted(certificate, kafka_tls=True))  # signed by nobody the system knows
    assert not any(greeted(certificate))


def test_a_user_is_shown_by_sasl(certificate: Path) -> None:
    named = {"kafka_sasl_user": "lern", "kafka_sasl_password": "a secret"}
    tls: dict[str, Any] = {"kafka_tls": True, "kafka_ca_file": certificate}
    for mechanism in ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"):
        assert any(greeted(certificate, kafka_sasl_mechanism=mechanism, **named, **tls))


@pytest.mark.parametrize(
    ("servers", "elsewhere"),
    [
        ("", False),
        ("127.0.0.1:9092", False),
        ("localhost:9092,127.0.0.2:9092", False),
        ("[::1]:9092", False),
        ("PLAINTEXT://localhost:9092", False),
        ("kafka:9092", True),
        ("localhost:9092,10.0.0.5:9092", True),
        ("localhost.example.org:9092", True),
        ("kafka", True),
    ],
)
def test_nothing_goes_in_clear_to_another_machine_unless_told_so(
    certificate: Path, servers: str, elsewhere: bool
) -> None:
    if elsewhere:
        with pytest.raises(Unusable, match="LERNBATCH_KAFKA_TLS"):
            Producer(Config(kafka_servers=servers))
    else:
        Producer(Config(kafka_servers=servers))
    Producer(Config(kafka_servers=servers, kafka_cleartext_allowed=True))
    Producer(Config(kafka_servers=servers, kafka_tls=True, kafka_ca_file=certificate))


def test_certificates_that_cannot_be_read_are_one_sentence(tmp_path: Path, certificate: Path) -> None:
    (tmp_path / "no.pem").write_text("nothing")
    unreadable: list[dict[str, Any]] = [
        {"kafka_ca_file": tmp_path / "gone.pem"},
        {"kafka_ca_file": tmp_path / "no.pem"},
        {"kafka_ca_file": certificate, "kafka_certificate_file": tmp_path / "no.pem"},
    ]
    for settings in unreadable:
        with pytest.raises(Unusable, match="certificates for Kafka"):
            Producer(Config(kafka_tls=True, **settings))


class Broker:
    """A connected client at the network's edge: has every topic, takes what it is given."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.client = self.cluster = self

    def add_topic(self, topic: str) -> None:
        pass

    def partitions_for_topic(self, topic: str) -> set[int]:
        return {0}

    def create_batch(self) -> Broker:
        return self

    def append(self, *, timestamp: None, key: bytes, value: bytes) -> Broker:
        self.taken.append(value)
        return self

    async def send_batch(self, batch: Broker, topic: str, *, partition: int) -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.set_result(None)
        return future


def test_an_event_that_no_broker_takes_holds_up_no_other() -> None:
    broker, producer = Broker(), Producer(Config(kafka_max_event_bytes=2000))
    producer._producer = broker

    async def work() -> Sequence[BaseException | None]:
        return await producer.send([("t", b"k", b"a"), ("t", b"k", b"x" * 3000), ("t", b"k", b"c")])

    first, second, third = asyncio.run(work())
    assert (first, third) == (None, None)
    assert isinstance(second, EventTooLarge)
    assert broker.taken == [b"a", b"c"]


def test_a_search_event_does_not_carry_whatever_was_searched_for() -> None:
    def event(edata: dict[str, Any]) -> dict[str, Any]:
        made = telemetry.search(Config(), 0, Origin(), actor_id="internal", edata=edata)
        edata_told: dict[str, Any] = made.payload["edata"]
        return edata_told

    small = {"type": "Course-batch", "query": "", "filters": {"status": ["1"]}, "size": 1, "topn": []}
    assert event(small) == small
    for large in ({**small, "filters": {"name": ["x" * 100_000]}}, {**small, "query": "x" * 100_000}):
        told = event(large)
        assert len(msgspec.json.encode(told)) < telemetry.MOST_SEARCH_BYTES
        assert told["size"] == 1


def traces() -> Iterator[str]:
    for error in (ValueError("secret of u-asha"), KeyError("secret of u-asha")):
        try:
            try:
                raise error
            except LookupError as cause:
                raise RuntimeError("secret of u-asha") from cause
        except (ValueError, RuntimeError) as raised:
            yield failures.trace(raised)


def test_a_trace_that_others_hear_says_where_and_not_of_whom() -> None:
    for trace in traces():
        assert "secret" not in trace
        assert trace.splitlines()[0] in ("ValueError", "RuntimeError")
        assert "test_kafka.py" in trace
