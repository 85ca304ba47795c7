"""The connection to Kafka, if there is one."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from importlib.util import find_spec
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from lernbatch.config import Config
from lernbatch.errors import Unusable, Upstream

_OVERHEAD_BYTES = 4096  # of a record beside its value, more than enough


class EventTooLarge(Exception):
    """No broker takes a record of that size."""


if TYPE_CHECKING:  # loaded where there are brokers
    from aiokafka import AIOKafkaProducer


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
        self._secured = _secured(config)
        self._producer: AIOKafkaProducer | None = None

    async def send(self, records: Sequence[tuple[str, bytes, bytes]]) -> list[BaseException | None]:
        """Send (topic, key, value) records in order; for each None, or why it was not taken.

        Raises: Upstream, when no broker can be reached, or when nothing may leave.
        """
        if self._config.is_muted:
            raise Upstream("Kafka is not written to: LERNBATCH_TAKEOVER is set")
        from aiokafka.errors import KafkaError

        producer = await self._connected()
        pending: list[asyncio.Future[Any]] = []
        try:
            for topic, key, value in records:
                if len(key) + len(value) > self._config.kafka_max_event_bytes:
                    too_large: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
                    too_large.set_exception(EventTooLarge(f"{len(value)} bytes"))
                    pending.append(too_large)
                else:
                    pending.append(await producer.send(topic, value, key=key))
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
                max_request_size=self._config.kafka_max_event_bytes + _OVERHEAD_BYTES,
                **self._secured,
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


def is_loopback(server: str) -> bool:
    """Whether `host:port` is this machine."""
    host = server.rpartition("://")[2].rpartition(":")[0].strip("[]") or server
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _secured(config: Config) -> dict[str, Any]:
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
