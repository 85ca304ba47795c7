"""The connection by which topics are read, if any are."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from lernbatch import metrics
from lernbatch.config import Config
from lernbatch.errors import Unusable, Upstream
from lernbatch.inbox.model import DELETION, MERGE, PUBLICATION, TRANSFER, Record
from lernbatch.jobs.outbox.kafka import secured, start

if TYPE_CHECKING:  # loaded where topics are read
    from aiokafka import AIOKafkaConsumer

AT_ONCE = 500
WAIT_MS = 500
_LOOKS_AGAIN_SECONDS = 0.05
_JOINS_FOR_SECONDS = 10  # until the group has given this process its partitions; it goes on joining after that
_LOOKS_FOR_TOPICS_MS = 60_000  # a topic that is made later is read from then on


def kinds(config: Config) -> Mapping[str, str]:
    """Topic → what it is for; one whose setting is empty is not read."""
    topics = {
        config.topic_account_merge: MERGE,
        config.topic_account_deletion: DELETION,
        config.topic_ownership_transfer: TRANSFER,
        config.topic_publication: PUBLICATION,
    }
    return {topic: kind for topic, kind in topics.items() if topic}


class Consumer:
    """Reads topics as a member of a group, whose members share the partitions. Connects when first used."""

    def __init__(self, config: Config) -> None:
        """Raises: Unusable, when it is to listen to nobody."""
        if config.kafka_listening and not config.kafka_servers:
            raise Unusable("LERNBATCH_KAFKA_LISTENING needs LERNBATCH_KAFKA_SERVERS.")
        self._config, self._kinds = config, kinds(config)
        self._consumer: AIOKafkaConsumer | None = None

    async def poll(self) -> Sequence[Record]:
        """The next records, at most AT_ONCE; none: nothing came within WAIT_MS. Raises: Upstream."""
        from aiokafka.errors import KafkaError

        consumer = await self._connected()
        try:
            heard = await consumer.getmany(timeout_ms=WAIT_MS, max_records=AT_ONCE)
            lag = dict.fromkeys(self._kinds, 0)  # by topic: records behind the last that was polled, in our partitions
            for partition in consumer.assignment():
                if end := consumer.highwater(partition):  # None: nothing was read of it so far
                    lag[partition.topic] += end - await consumer.position(partition)
        except KafkaError as error:
            await self.close()
            raise Upstream(f"Kafka cannot be read: {error!r}") from error
        for topic, count in lag.items():
            metrics.INBOX_LAG.labels(topic).set(count)
        return [
            Record(
                self._kinds[record.topic],
                record.topic,
                record.partition,
                record.offset,
                record.timestamp,
                record.value or b"",
            )
            for records in heard.values()
            for record in records
        ]

    async def commit(self) -> None:
        """What was polled is kept by us: the group goes on behind it. Raises: Upstream; then it is polled again."""
        from aiokafka.errors import KafkaError

        assert self._consumer is not None
        try:
            await self._consumer.commit()
        except KafkaError as error:
            await self.close()
            raise Upstream(f"Kafka does not take the offsets: {error!r}") from error

    async def close(self) -> None:
        """Leave the group. The next poll joins it again, and goes on behind what was committed."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await consumer.stop()

    async def _connected(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            from aiokafka import AIOKafkaConsumer

            consumer = AIOKafkaConsumer(
                bootstrap_servers=list(self._config.kafka_servers),
                group_id=self._config.kafka_group,
                enable_auto_commit=False,
                auto_offset_reset="earliest",  # what waits since before our first start is done, too
                metadata_max_age_ms=_LOOKS_FOR_TOPICS_MS,
                request_timeout_ms=max(int(self._config.upstream_timeout_seconds * 1000), 10_000),
                **secured(self._config),
            )
            await start(consumer, self._config)  # without topics: it would wait for those that do not exist, and fail
            consumer.subscribe(list(self._kinds))
            self._consumer = consumer
            with suppress(TimeoutError):
                async with asyncio.timeout(_JOINS_FOR_SECONDS):
                    while not consumer.assignment():  # noqa: ASYNC110 - the library has no event for it
                        await asyncio.sleep(_LOOKS_AGAIN_SECONDS)
        return self._consumer
