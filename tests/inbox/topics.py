"""A broker at the network's edge, as the connected client shows it: topics of one partition, and what was committed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from lernbatch.config import Config
from tests.running import Running

DEFAULTS = Config.model_fields
MERGE = DEFAULTS["topic_account_merge"].default
DELETION = DEFAULTS["topic_account_deletion"].default
TRANSFER = DEFAULTS["topic_ownership_transfer"].default
PUBLICATION = DEFAULTS["topic_publication"].default
LISTENING = {"kafka_listening": True, "kafka_servers": "127.0.0.1:1"}


@dataclass(frozen=True)
class _Partition:
    topic: str


@dataclass(frozen=True)
class _Record:
    topic: str
    offset: int
    value: bytes
    partition: int = 0
    timestamp: int = 1_770_000_000_000


@dataclass
class Topics:
    """Topics whose records a group reads once, and again when a consumer closes without having committed."""

    service: Running
    records: list[_Record] = field(default_factory=list)
    read: int = 0
    committed: int = 0

    def write(self, topic: str, event: Any) -> None:
        value = event if isinstance(event, bytes) else msgspec.json.encode(event)
        self.records.append(_Record(topic, len(self.records), value))

    def listen(self) -> None:
        """Receive what there is, and handle what is due."""
        from lernbatch.inbox import actions

        self.receive()
        while self.service.run(actions.handle_due(self.service.services)):
            pass

    def receive(self) -> None:
        from lernbatch.inbox import actions

        self.service.services.consumer._consumer = self
        while self.service.run(actions.receive(self.service.services)):
            pass

    async def getmany(self, **_: int) -> dict[_Partition, list[_Record]]:
        unread, self.read = self.records[self.read :], len(self.records)
        return (
            {_Partition(record.topic): [record] for record in unread} if len(unread) < 2 else {_Partition(""): unread}
        )

    def assignment(self) -> set[_Partition]:
        return set()

    async def commit(self) -> None:
        self.committed = self.read

    async def stop(self) -> None:
        self.read = self.committed
