"""The connection to Kafka, if there is one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lernbatch.config import Config
from lernbatch.errors import Upstream

if TYPE_CHECKING:  # loaded where there are brokers
    from aiokafka import AIOKafkaProducer


class Producer:
    """Sends records, idempotently and with the acknowledgement of all replicas. Connects when first used."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._producer: AIOKafkaProducer | None = None

    async def send(self, records: Sequence[tuple[str, bytes, bytes]]) -> list[BaseException | None]:
        """Send (topic, key, value) records in order; for each None, or why it was not taken.

        Raises: Upstream, when no broker can be reached.
        """
        from aiokafka.errors import KafkaError

        producer = await self._connected()
        try:
            pending = [await producer.send(topic, value, key=key) for topic, key, value in records]
        except KafkaError as error:
            raise Upstream(f"Kafka does not take records: {error!r}") from error
        answers = await asyncio.gather(*pending, return_exceptions=True)
        return [answer if isinstance(answer, BaseException) else None for answer in answers]

    async def _connected(self) -> AIOKafkaProducer:
        if self._producer is None:
            from aiokafka import AIOKafkaProducer
            from aiokafka.errors import KafkaError

            producer = AIOKafkaProducer(
                bootstrap_servers=list(self._config.kafka_servers),
                enable_idempotence=True,
                linger_ms=5,
                request_timeout_ms=int(self._config.upstream_timeout_seconds * 1000),
            )
            try:
                await producer.start()
            except (KafkaError, OSError) as error:
                await producer.stop()
                raise Upstream(f"Kafka cannot be reached: {error!r}") from error
            self._producer = producer
        return self._producer

    async def close(self) -> None:
        if self._producer is not None:
            await self._producer.stop()
