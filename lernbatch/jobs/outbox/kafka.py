"""The connection to Kafka, if there is one."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, TypeAlias

from lernbatch.config import Config
from lernbatch.errors import Unusable, Upstream

_OVERHEAD_BYTES = 4096  # of a record beside its value, more than enough
_BATCH_BYTES = 128 * 1024
# A broker that makes topics when they are asked for needs a moment for it.
_LOOKS_FOR_TOPICS, _LOOK_SECONDS = 3, 0.2


class EventRefused(Exception):
    """To send the record again is not likely to help."""


class EventTooLarge(EventRefused):
    """Nobody takes a record of that size."""


class NoSuchTopic(EventRefused):
    """The brokers have no such topic, and do not make it."""


Record: TypeAlias = tuple[str, bytes, bytes]  # topic, key, value

if TYPE_CHECKING:  # loaded where there are brokers
    from aiokafka import AIOKafkaConsumer, AIOKafkaProducer


async def start(client: AIOKafkaProducer | AIOKafkaConsumer, config: Config) -> None:
    """Connect a client, or stop it. Raises: Upstream, when no broker can be reached, or they refuse us."""
    from aiokafka.errors import KafkaError

    try:
        await client.start()
    except (KafkaError, OSError) as error:
        await client.stop()
        login = f", or refuses {config.kafka_sasl_user}" if config.kafka_sasl_mechanism else ""
        raise Upstream(f"Kafka cannot be reached{login}: {error!r}") from error


class Producer:
    """Sends records, idempotently and with the acknowledgement of all replicas. Connects when first used."""

    def __init__(self, config: Config) -> None:
        """Raises: Unusable, when events would cross a network in clear, or the library is missing, or the TLS files
        cannot be used.
        """
        if not (config.kafka_tls or config.kafka_cleartext_allowed or all(map(is_loopback, config.kafka_servers))):
            raise Unusable(
                "Kafka is on another machine, and its events name people: set LERNBATCH_KAFKA_TLS=true, or"
                " LERNBATCH_KAFKA_CLEARTEXT_ALLOWED=true where the network itself is protected."
            )
        if config.kafka_servers and find_spec("aiokafka") is None:
            raise Unusable("LERNBATCH_KAFKA_SERVERS needs a library: run `pip install 'lernbatch[kafka]'`.")
        self._config = config
        self._secured = secured(config)
        self._producer: AIOKafkaProducer | None = None

    async def send(self, records: Sequence[Record]) -> list[BaseException | None]:
        """Send records in order; for each None, or why it was not taken: EventRefused, or what failed on the way.

        What follows a record of its topic and key that failed does not overtake it, unless that one was refused.
        Raises: Upstream, when no broker can be reached, or when nothing may leave.
        """
        from aiokafka.partitioner import DefaultPartitioner

        if self._config.is_muted:
            raise Upstream("Kafka is not written to: LERNBATCH_TAKEOVER is set")
        missing = await self._missing({topic for topic, _, _ in records})
        answers: list[BaseException | None] = []
        by_partition: dict[tuple[str, int], _PartitionQueue] = {}
        cluster = (await self._connected()).client.cluster
        for number, (topic, key, value) in enumerate(records):
            if len(key) + len(value) > self._config.kafka_max_event_bytes:
                answers.append(EventTooLarge(f"{len(value)} bytes"))
            elif topic in missing:
                answers.append(NoSuchTopic(topic))
            else:
                answers.append(None)  # its queue fills it in
                partitions = sorted(cluster.partitions_for_topic(topic))
                place = topic, DefaultPartitioner()(key, partitions, partitions)
                by_partition.setdefault(place, _PartitionQueue(*place, records, answers)).waiting.append(number)
        queues = [*by_partition.values()]
        while queues:
            producer = await self._connected()
            await asyncio.gather(*(queue.send(producer, self._config.upstream_timeout_seconds) for queue in queues))
            if any(queue.has_failed for queue in queues):
                # Its batches are numbered: brokers take none behind a gap. Nor may it go on with what is sent again.
                await self.close()
            queues = [queue for queue in queues if queue.waiting]
        return answers

    async def _missing(self, topics: set[str]) -> set[str]:
        """Those of `topics` that the brokers do not have. One of them must not keep the others waiting."""
        client = (await self._connected()).client
        for topic in topics:
            client.add_topic(topic)
        missing = topics
        for look in range(_LOOKS_FOR_TOPICS):
            missing = {topic for topic in topics if not client.cluster.partitions_for_topic(topic)}
            if not missing:
                break
            await asyncio.sleep(_LOOK_SECONDS * look)
            try:
                async with asyncio.timeout(self._config.upstream_timeout_seconds):
                    is_answered = await client.force_metadata_update()
            except TimeoutError:
                is_answered = False
            if not is_answered:
                await self.close()
                raise Upstream("Kafka does not say which topics it has")
        return missing

    async def _connected(self) -> AIOKafkaProducer:
        if self._producer is None:
            from aiokafka import AIOKafkaProducer

            producer = AIOKafkaProducer(
                bootstrap_servers=list(self._config.kafka_servers),
                enable_idempotence=True,
                max_batch_size=_BATCH_BYTES,
                request_timeout_ms=int(self._config.upstream_timeout_seconds * 1000),
                max_request_size=self._config.kafka_max_event_bytes + _OVERHEAD_BYTES,
                **self._secured,
            )
            await start(producer, self._config)
            self._producer = producer
        return self._producer

    async def close(self) -> None:
        """Have no more to do with this producer; the next call connects another one."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer._sender.close()  # stop() alone waits for what no broker takes
            await producer.stop()


@dataclass(slots=True)
class _PartitionQueue:
    """What waits for a partition: one batch after the other, so that none overtakes another that failed."""

    topic: str
    partition: int
    records: Sequence[Record]
    answers: list[BaseException | None]
    waiting: deque[int] = field(default_factory=deque)  # places in `records`
    one_by_one: bool = False  # a batch was refused, and which of its records is too large is to be found out
    has_failed: bool = False  # and goes on with another producer, if anything waits

    async def send(self, producer: AIOKafkaProducer, timeout_seconds: float) -> None:
        """Send what waits until it is empty or a batch fails; each batch has `timeout_seconds`."""
        from aiokafka.errors import KafkaError, MessageSizeTooLargeError

        self.has_failed = False
        while self.waiting and not self.has_failed:
            batch, numbers = producer.create_batch(), list[int]()  # what fits of what waits, and its places
            for number in self.waiting:
                _, key, value = self.records[number]
                if (numbers and self.one_by_one) or batch.append(timestamp=None, key=key, value=value) is None:
                    break
                numbers.append(number)
            try:
                async with asyncio.timeout(timeout_seconds):
                    await (await producer.send_batch(batch, self.topic, partition=self.partition))
            except MessageSizeTooLargeError:
                self.has_failed = self.one_by_one = True
                if len(numbers) == 1:
                    size = len(self.records[numbers[0]][2])
                    self.answers[numbers[0]] = EventTooLarge(f"{size} bytes are more than {self.topic} takes")
                    self.waiting.popleft()
            except (KafkaError, TimeoutError) as failure:
                self.has_failed = True
                why = (
                    TimeoutError(f"no answer in {timeout_seconds:g} s")
                    if isinstance(failure, TimeoutError)
                    else failure
                )
                for number in self.waiting:
                    self.answers[number] = why
                self.waiting.clear()
            else:
                for _ in numbers:
                    self.waiting.popleft()


def is_loopback(server: str) -> bool:
    """Whether `host:port` is this machine."""
    host = server.rpartition("://")[2].rpartition(":")[0].strip("[]") or server
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def secured(config: Config) -> dict[str, Any]:
    """How the client shows who it is and checks who the brokers are. Raises: Unusable."""
    given: dict[str, Any] = {}
    if config.kafka_tls:
        try:
            tls = ssl.create_default_context(cafile=config.kafka_ca_file)
            if config.kafka_certificate_file is not None:
                tls.load_cert_chain(config.kafka_certificate_file, config.kafka_key_file)
        except (OSError, ValueError) as wrong:  # an SSLError is an OSError
            raise Unusable(f"The certificates for Kafka cannot be used: {wrong}.") from wrong
        given["ssl_context"] = tls
    if config.kafka_sasl_mechanism:
        given |= {
            "sasl_mechanism": config.kafka_sasl_mechanism,
            "sasl_plain_username": config.kafka_sasl_user,
            "sasl_plain_password": config.kafka_sasl_password.get_secret_value(),
        }
    kind = ("SASL_" if config.kafka_sasl_mechanism else "") + ("SSL" if config.kafka_tls else "PLAINTEXT")
    return given | {"security_protocol": kind}
