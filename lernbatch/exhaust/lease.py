"""One worker's hold on a request: its lease, how far it is, what it has delivered."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from lernbatch import log
from lernbatch.archive import model
from lernbatch.archive.xlsx import SheetTooSmall
from lernbatch.database import db, sql
from lernbatch.errors import Upstream
from lernbatch.exhaust import rules, wire
from lernbatch.exhaust.model import Delivery, LeftOut, Request
from lernbatch.exhaust.pace import Pace
from lernbatch.services import Services

Q = sql.load("lernbatch.exhaust")


class LeaseLost(Exception):
    """Somebody else has taken the request over: what this worker does no longer counts."""


@dataclass(slots=True)
class Lease:
    """One worker's hold on a request, and how far it is."""

    services: Services
    request: Request
    owner: str
    row_counts: dict[str, int] = field(default_factory=dict)  # expected, by batch
    rows_before: int = 0  # of the files that are finished
    rows_now: dict[str, int] = field(default_factory=dict)  # of the files in work, by name
    deliveries: list[Delivery] = field(default_factory=list)  # of this turn and those before
    left_out: list[LeftOut] = field(default_factory=list)
    lost: bool = False
    pace: Pace = field(init=False)

    def __post_init__(self) -> None:
        self.pace = Pace(self.services.config.exhaust_rows_per_second)

    @property
    def rows_total(self) -> int | None:
        """How many rows of the database the whole request reads; None before they are counted."""
        return sum(self.row_counts.values()) if self.row_counts else None

    @property
    def rows_done(self) -> int:
        return self.rows_before + sum(self.rows_now.values())

    async def counted(self, name: str, rows: int) -> None:
        """`rows` more are done of the file `name`; returns when more may be done. Raises: LeaseLost."""
        self.rows_now[name] = self.rows_now.get(name, 0) + rows
        await self.pace.keep(rows)
        self.check()

    def check(self) -> None:
        """Raises: LeaseLost, as soon as that is known."""
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
        self._check_written(renewed)

    def _check_written(self, rows: int) -> None:
        """Raises: LeaseLost, when a statement found the request no more under this worker's lease."""
        if not rows:
            self.lost = True
            raise LeaseLost

    async def note_batches(self, batch_ids: list[str]) -> None:
        """Note what the files are about, which tells who may have them and whose data they hold. Raises: LeaseLost."""
        written = await db.run(
            self.services.pool,
            Q.note_batches,
            request_id=self.request.request_id,
            owner=self.owner,
            batch_ids=batch_ids,
        )
        self._check_written(written)

    async def deliver(self, delivery: Delivery, begun_at: datetime) -> None:
        """Note that a file is in the store that shows the database as at `begun_at`. Raises: LeaseLost."""
        self.rows_before += self.row_counts.get(delivery.batch_id, 0)
        self.rows_now.pop(delivery.batch_id, None)
        written = await db.run(
            self.services.pool,
            Q.deliver,
            request_id=self.request.request_id,
            owner=self.owner,
            delivery=[wire.write_delivery(delivery, self.request.channel)],
            rows_done=self.rows_done,
            begun_at=begun_at,
        )
        self._check_written(written)
        self.deliveries.append(delivery)


@dataclass(slots=True)
class Failures:
    """What went wrong with single batches, or with all. `passing`: at least one of it may pass by itself."""

    texts: list[str] = field(default_factory=list)
    passing: bool = False

    def note(self, failure: BaseException, what: str) -> None:
        """Note what stopped `what`: a request never stays unfinished, whatever that was.

        Raises: `failure` itself, where it says that the worker is to stop.
        """
        if isinstance(failure, LeaseLost) or not isinstance(failure, Exception):
            raise failure
        if isinstance(failure, (model.CannotBeMade, SheetTooSmall)):
            self.texts.append(str(failure))
            return
        if isinstance(failure, Upstream):
            log.warning("an exhaust waits for another service", what=what, detail=failure.detail)
            self.texts.append(rules.crash_message(failure.detail))
        else:
            log.exception("an exhaust failed", failure, what=what)
            self.texts.append(rules.crash_message(type(failure).__name__))
        self.passing = True
