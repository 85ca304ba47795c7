"""A real Cassandra from its jars, which Maven brings: nodes that tests start, fill from the test world, and kill."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from lernbatch.sunbird_source.catalog import TABLES as KINDS
from lernbatch.sunbird_source.model import SourceRow, UnreadableRow
from tests.sunbird_source.sunbird_export.formats import Udt
from tests.sunbird_source.sunbird_export.world import TABLES, World, schema

ROOT = Path(__file__).parents[2]
START_SECONDS = 300
_EXPORTS = (
    "java.base/java.lang.ref java.base/jdk.internal.misc java.base/jdk.internal.ref java.base/sun.nio.ch "
    "java.management.rmi/com.sun.jmx.remote.internal.rmi java.rmi/sun.rmi.registry java.rmi/sun.rmi.server "
    "java.rmi/sun.rmi.transport.tcp java.sql/java.sql"
)
_OPENS = (
    "java.base/java.io java.base/java.lang java.base/java.lang.module java.base/java.lang.reflect java.base/java.math "
    "java.base/java.net java.base/java.nio java.base/java.util java.base/java.util.concurrent "
    "java.base/java.util.concurrent.atomic java.base/jdk.internal.loader java.base/jdk.internal.math "
    "java.base/jdk.internal.misc java.base/jdk.internal.module java.base/jdk.internal.ref "
    "java.base/jdk.internal.reflect java.base/jdk.internal.util.jar java.base/sun.nio.ch "
    "java.rmi/sun.rmi.transport.tcp jdk.management/com.sun.management.internal"
)
_YAML = """
cluster_name: real
num_tokens: 4
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters:
      - seeds: "127.0.0.1:{storage}"
listen_address: 127.0.0.1
rpc_address: 127.0.0.1
storage_port: {storage}
ssl_storage_port: {encrypted}
native_transport_port: {native}
endpoint_snitch: SimpleSnitch
commitlog_sync: periodic
commitlog_sync_period: 100ms
commitlog_directory: {home}/commitlog
data_file_directories: ["{home}/data"]
saved_caches_directory: {home}/caches
hints_directory: {home}/hints
cdc_raw_directory: {home}/cdc
memtable_allocation_type: heap_buffers
tombstone_failure_threshold: 300
tombstone_warn_threshold: 100
"""
_LOG = """<configuration><appender name="OUT" class="ch.qos.logback.core.ConsoleAppender"><encoder>
<pattern>%-5level %logger{20} %msg%n</pattern></encoder></appender><root level="INFO"><appender-ref ref="OUT"/></root>
</configuration>"""


@cache
def jars(profile: str) -> Path | None:
    """The folder with the jars of a profile of java/pom.xml; None: Java or Maven is missing, or they cannot be had."""
    if not shutil.which("java") or not shutil.which("mvn"):
        return None
    folder = ROOT / "build" / "java" / profile
    if not (folder / "complete").exists():
        got = subprocess.run(
            ["mvn", "-q", "-B", f"-P{profile}", "dependency:copy-dependencies", f"-DoutputDirectory={folder}",
             "-DincludeScope=runtime", "-f", ROOT / "tests" / "real" / "java" / "pom.xml"],
            check=False, capture_output=True, text=True,
        )  # fmt: skip
        if got.returncode:
            return None
        (folder / "complete").touch()
    return folder


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()


@dataclass
class Node:
    """One node of a cluster of one. `url`: as `lernbatch sunbird` takes it."""

    home: Path
    ports: list[int]
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"cassandra://127.0.0.1:{self.ports[0]}"

    def start(self) -> None:
        """Start it, or start it again with what it held; returns when it answers."""
        folder = jars("cassandra")
        assert folder is not None
        native, storage, encrypted, jmx = self.ports
        self.home.mkdir(parents=True, exist_ok=True)
        text = _YAML.format(home=self.home, native=native, storage=storage, encrypted=encrypted)
        (self.home / "cassandra.yaml").write_text(text)
        (self.home / "logback.xml").write_text(_LOG)
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen(
                ["java", "-Xms128m", "-Xmx512m", "-XX:TieredStopAtLevel=1",
                 *(f"--add-exports={name}=ALL-UNNAMED" for name in _EXPORTS.split()),
                 *(f"--add-opens={name}=ALL-UNNAMED" for name in _OPENS.split()),
                 "-Djdk.attach.allowAttachSelf=true", f"-javaagent:{next(folder.glob('jamm-*.jar'))}",
                 f"-Dcassandra.config=file://{self.home}/cassandra.yaml", f"-Dcassandra.storagedir={self.home}",
                 f"-Dlogback.configurationFile={self.home}/logback.xml", f"-Dcassandra.jmx.local.port={jmx}",
                 "-Dcassandra.skip_wait_for_gossip_to_settle=0", "-Dcassandra.ring_delay_ms=100",
                 "-cp", f"{folder}/*", "org.apache.cassandra.service.CassandraDaemon"],
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if self.process.poll() is not None:
                break
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", native)) == 0:
                    return
            time.sleep(0.2)
        raise RuntimeError(f"Cassandra did not start:\n{(self.home / 'log').read_text()[-3000:]}")

    def kill(self) -> None:
        """As the machine would, with no time to put anything in order."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


@contextmanager
def running(home: Path) -> Iterator[Node]:
    node = Node(home, free_ports(4))
    try:
        node.start()
        yield node
    finally:
        node.kill()


@contextmanager
def session(node: Node) -> Iterator[Any]:
    from cassandra.cluster import Cluster

    cluster = Cluster(["127.0.0.1"], port=node.ports[0])
    try:
        yield cluster.connect()
    finally:
        cluster.shutdown()


def make_keyspace(cql: Any, name: str) -> None:
    cql.execute(f"CREATE KEYSPACE {name} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}")


def make_table(cql: Any, name: str, columns: str, key: str) -> None:
    cql.execute(f"CREATE TABLE {name} ({columns}, PRIMARY KEY ({key}))")


def enrolments(cql: Any, name: str) -> str:
    """A keyspace with a table of enrolments without any; returns the table's name."""
    make_keyspace(cql, name)
    make_table(cql, f"{name}.user_enrolments", "userid text, courseid text, batchid text", "userid, courseid, batchid")
    return f"{name}.user_enrolments"


def fill(node: Node, world: World) -> None:
    """Make the world's tables, with all its rows that Cassandra can hold."""
    with session(node) as cql:
        for keyspace in ("sunbird_courses", "sunbird"):
            for statement in schema(keyspace, {}, {}).split(";"):
                if statement.strip() and (keyspace == "sunbird_courses" or "CREATE TYPE" not in statement):
                    cql.execute(statement, timeout=60)
        for table, rows in world.rows.items():
            for row in rows:
                insert(cql, f"{TABLES[table][0]}.{table}", row)


def insert(cql: Any, table: str, row: dict[str, Any]) -> None:
    names = [name for name, value in row.items() if value is not None]
    values = ", ".join("?" * len(names))
    statement = cql.prepare(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({values})")
    cql.execute(statement, [_bound(row[name]) for name in names])


def _bound(value: Any) -> Any:
    if isinstance(value, Udt):
        return tuple(map(_bound, value.values()))
    return [*map(_bound, value)] if isinstance(value, Sequence) and not isinstance(value, str) else value


def by_key(rows: dict[str, list[SourceRow | UnreadableRow]]) -> dict[str, list[dict[str, Any]]]:
    """The values of all rows by table, ordered by key, as a cluster has no other order."""
    values = {table: [row.values for row in found if isinstance(row, SourceRow)] for table, found in rows.items()}
    return {
        table: sorted(found, key=lambda row: [str(row[name]) for name in KINDS[table].key])
        for table, found in values.items()
    }
