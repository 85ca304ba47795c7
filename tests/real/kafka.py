"""A real Kafka from its jars, which Maven brings: a broker in KRaft mode that tests start, halt, kill and read."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.outbox.tls import self_signed
from tests.real.cassandra import free_ports, jars

START_SECONDS = 300
CLUSTER = "MkU3OEVBNTcwNTJENDM2Qk"
USER, PASSWORD = "lernbatch", "right-password"
_LOGIN = "required username={user!r} password={password!r} user_{user}={password!r};".replace("'", '"')
_PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=CLEAR://127.0.0.1:{clear},LOGIN://127.0.0.1:{login},CLOSED://127.0.0.1:{closed},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=CLEAR://127.0.0.1:{clear},LOGIN://127.0.0.1:{login},CLOSED://127.0.0.1:{closed}
listener.security.protocol.map=CLEAR:PLAINTEXT,LOGIN:SASL_PLAINTEXT,CLOSED:SASL_SSL,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=CLEAR
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.login.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule {account}
listener.name.login.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.login.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.closed.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule {account}
listener.name.closed.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.closed.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location={pem}
log.dirs={home}/data
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
connection.failed.authentication.delay.ms=0
"""
_LOG = """<Configuration><Appenders><Console name="out"><PatternLayout pattern="%p %c{1} %m%n"/></Console></Appenders>
<Loggers><Root level="warn"><AppenderRef ref="out"/></Root></Loggers></Configuration>"""


@dataclass
class Broker:
    """A cluster of one. `pem`: its key and certificate, signed by itself."""

    home: Path
    pem: Path
    ports: list[int]
    process: subprocess.Popen[bytes] | None = None

    @property
    def server(self) -> str:
        """Where nobody has to say who they are."""
        return f"127.0.0.1:{self.ports[0]}"

    @property
    def login_server(self) -> str:
        """Where USER shows PASSWORD, in clear."""
        return f"127.0.0.1:{self.ports[1]}"

    @property
    def closed_server(self) -> str:
        """Where USER shows PASSWORD, by TLS."""
        return f"127.0.0.1:{self.ports[2]}"

    def start(self) -> None:
        """Start it, or start it again with what it held; returns when it answers."""
        properties = self.home / "server.properties"
        if not properties.exists():
            clear, login, closed, controller = self.ports
            account = _LOGIN.format(user=USER, password=PASSWORD)
            properties.write_text(
                _PROPERTIES.format(
                    home=self.home, pem=self.pem, account=account,
                    clear=clear, login=login, closed=closed, controller=controller,
                )
            )  # fmt: skip
            (self.home / "log4j2.xml").write_text(_LOG)
            scram = [
                f"--add-scram={kind}=[name={USER},password={PASSWORD}]" for kind in ("SCRAM-SHA-256", "SCRAM-SHA-512")
            ]
            subprocess.run(
                [*self._java("kafka.tools.StorageTool"), "format", "-t", CLUSTER, "-c", str(properties), *scram],
                check=True, capture_output=True,
            )  # fmt: skip
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self._java("kafka.Kafka"), str(properties)], stdout=log, stderr=log, start_new_session=True
            )
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.ports[0])) == 0 and self._answers():
                    return
            time.sleep(0.2)
        raise RuntimeError(f"Kafka did not start:\n{(self.home / 'log').read_text()[-3000:]}")

    def kill(self) -> None:
        """As the machine would, with no time to put anything in order."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def halt(self) -> None:
        """It takes connections, and answers nothing until `resume`."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGCONT)

    def make_topic(self, name: str, *, partitions: int = 2, **settings: str) -> None:
        """`make_topic("t", **{"max.message.bytes": "2000"})`"""
        from aiokafka.admin import NewTopic

        topic = NewTopic(name, num_partitions=partitions, replication_factor=1, topic_configs=settings)
        asyncio.run(self._administer("create_topics", [topic]))

    def write(self, topic: str, *values: bytes, key: bytes = b"k") -> None:
        """Write records as another service of the platform does."""
        from aiokafka import AIOKafkaProducer

        async def work() -> None:
            async with AIOKafkaProducer(bootstrap_servers=self.server) as producer:
                for value in values:
                    await producer.send_and_wait(topic, value, key=key)

        asyncio.run(work())

    def read(self, topic: str) -> list[tuple[str, bytes]]:
        """Key and value of all records, each partition's in its order."""
        from aiokafka import AIOKafkaConsumer, TopicPartition

        async def work() -> list[tuple[str, bytes]]:
            records: list[tuple[str, bytes]] = []
            async with AIOKafkaConsumer(bootstrap_servers=self.server, auto_offset_reset="earliest") as consumer:
                await consumer._client.add_topic(topic)
                for number in sorted(consumer.partitions_for_topic(topic) or ()):
                    partition = TopicPartition(topic, number)
                    consumer.assign([partition])
                    end = (await consumer.end_offsets([partition]))[partition]
                    await consumer.seek_to_beginning(partition)
                    while await consumer.position(partition) < end:
                        record = await consumer.getone(partition)
                        records.append(((record.key or b"").decode(), record.value or b""))
            return records

        return asyncio.run(work())

    def committed(self, group: str) -> Mapping[Any, Any]:
        """The offsets that a group has committed, by partition."""
        offsets: Mapping[Any, Any] = asyncio.run(self._administer("list_consumer_group_offsets", group))
        return {partition: at.offset for partition, at in offsets.items()}

    async def _administer(self, call: str, *arguments: Any) -> Any:
        from aiokafka.admin import AIOKafkaAdminClient

        admin = AIOKafkaAdminClient(bootstrap_servers=self.server)
        try:
            await admin.start()
            return await getattr(admin, call)(*arguments)
        finally:
            await admin.close()

    def _answers(self) -> bool:
        try:
            asyncio.run(self._administer("list_topics"))
        except Exception:  # noqa: BLE001 - whatever fails, it does not answer yet
            return False
        return True

    def _java(self, program: str) -> list[str]:
        folder = jars("kafka")
        assert folder is not None
        log = f"-Dlog4j2.configurationFile={self.home}/log4j2.xml"
        return ["java", "-Xms64m", "-Xmx384m", "-XX:TieredStopAtLevel=1", log, "-cp", f"{folder}/*", program]


@contextmanager
def running(home: Path) -> Iterator[Broker]:
    """A broker with its data in `home`."""
    home.mkdir(parents=True, exist_ok=True)
    broker = Broker(home, self_signed(home), free_ports(4))
    try:
        broker.start()
        yield broker
    finally:
        broker.kill()


async def closed_connections() -> None:
    """Wait until the loop watches its own pipe alone: a TLS connection ends some turns after it was closed."""
    selector = asyncio.get_running_loop()._selector  # type: ignore[attr-defined]
    async with asyncio.timeout(START_SECONDS):
        while len(selector.get_map()) > 1:
            await asyncio.sleep(0.01)
