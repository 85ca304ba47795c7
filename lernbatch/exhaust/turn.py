"""One worker's hold on a request: its lease, how far it is, what it has delivered."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from lernbatch import db, sql
from lernbatch.exhaust import wire
from lernbatch.exhaust.model import Delivery, Request
from lernbatch.services import Services

Q = sql.load("lernbatch.exhaust")


class LeaseLost(Exception):
    """Somebody else has taken the request over: what this worker does no longer counts."""


@dataclass(slots=True)
class Turn:
    """One worker's hold on a request, and how far it is."""

    services: Services
    request: Request
    owner: str
    row_counts: dict[str, int] = field(default_factory=dict)  # expected, by batch
    rows_before: int = 0  # of the files that are finished
    rows_now: dict[str, int] = field(default_factory=dict)  # of the files in work, by name
    deliveries: list[Delivery] = field(default_factory=list)  # of this turn and those before
    lost: bool = False

    @property
    def rows_total(self) -> int | None:
        """How many rows of the database the whole request reads; None before they are counted."""
        return sum(self.row_counts.values()) if self.row_counts else None

    @property
    def rows_done(self) -> int:
        return self.rows_before + sum(self.rows_now.values())

    def counted(self, name: str, rows: int) -> None:
        """`rows` more are done of the file `name`. Raises: LeaseLost."""
        self.rows_now[name] = self.rows_now.get(name, 0) + rows
        if self.lost:
            raise LeaseLost

    async def renew(self) -> None:
        """Keep the lease and show how far it is. Raises: LeaseLost."""
        renewed = await db.run(
            self.services.pool,
            Q.renew_request,
            request_id=self.request.request_id,
            owner=self.owner,
            until=self.services.clock.now() + timedelta(seconds=self.services.config.lease_seconds),
            rows_done=self.rows_done,
            rows_total=self.rows_total,
        )
        if not renewed:
            self.lost = True
            raise LeaseLost

    async def deliver(self, delivery: Delivery) -> None:
        """Note that a file is in the store. Raises: LeaseLost."""
        self.rows_before += self.row_counts.get(delivery.batch_id, 0)
        self.rows_now.pop(delivery.batch_id, None)
        written = await db.run(
            self.services.pool,
            Q.deliver,
            request_id=self.request.request_id,
            owner=self.owner,
            delivery=[wire.write_delivery(delivery, self.request.channel)],
            rows_done=self.rows_done,
        )
        if not written:
            raise LeaseLost
        self.deliveries.append(delivery)


@dataclass(slots=True)
class Failures:
    """What went wrong with single batches. `passing`: at least one of it may pass by itself."""

    texts: list[str] = field(default_factory=list)
    passing: bool = False

    def note(self, text: str, *, passing: bool) -> None:
        self.texts.append(text)
        self.passing = self.passing or passing
