"""A worker's lease on a request, with the progress and the deliveries of its run."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from lernbatch import log
from lernbatch.archive import model
from lernbatch.archive.xlsx import SheetTooSmall
from lernbatch.database import db, sql
from lernbatch.errors import Upstream
from lernbatch.exhaust import rules, wire
from lernbatch.exhaust.model import Delivery, ExhaustRequest, LeftOut
from lernbatch.exhaust.pace import Pace
from lernbatch.jobs.leases import LeaseLost
from lernbatch.services import Services

Q = sql.load("lernbatch.exhaust")


@dataclass(slots=True)
class Lease:
    """One worker's hold on a request, with the progress of its run."""

    services: Services
    request: ExhaustRequest
    owner: str
    row_counts: dict[str, int] = field(default_factory=dict)  # expected rows, by file name
    rows_before: int = 0  # of the files that are delivered
    rows_now: dict[str, int] = field(default_factory=dict)  # of the files in work, by name
    deliveries: list[Delivery] = field(default_factory=list)  # of this run and those before
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

    async def count_rows(self, name: str, rows: int) -> None:
        """Add `rows` to the file `name`; returns when the pace allows the next. Raises: LeaseLost."""
        self.rows_now[name] = self.rows_now.get(name, 0) + rows
        await self.pace.keep(rows)
        self.check()

    def check(self) -> None:
        """Raises: LeaseLost, once a statement has shown it."""
        if self.lost:
            raise LeaseLost

    async def renew(self) -> None:
        """Extend the lease by `lease_seconds`, and write the progress that callers see. Raises: LeaseLost."""
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
        """Raises: LeaseLost, when a statement wrote no row: the request is not under this worker's lease."""
        if not rows:
            self.lost = True
            raise LeaseLost

    async def note_batches(self, batch_ids: list[str]) -> None:
        """Store the batches of the files: they decide who may have the files, and whose data is in them.

        Raises: LeaseLost.
        """
        written = await db.run(
            self.services.pool,
            Q.note_batches,
            request_id=self.request.request_id,
            owner=self.owner,
            batch_ids=batch_ids,
        )
        self._check_written(written)

    async def deliver(self, delivery: Delivery, begun_at: datetime) -> None:
        """Store a delivery: a file that shows the database as of `begun_at`. Raises: LeaseLost."""
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
    """The failures of a run, of single files or of all. `passing`: a retry may succeed where at least one occurred."""

    texts: list[str] = field(default_factory=list)
    passing: bool = False

    def note(self, failure: BaseException, what: str) -> None:
        """Note the failure of `what`, a batch or request id, whatever it is: a request never stays unfinished.

        Raises: `failure` itself, when the worker must stop: LeaseLost, and what is no Exception.
        """
        if isinstance(failure, LeaseLost) or not isinstance(failure, Exception):
            raise failure
        if isinstance(failure, (model.CannotBeMade, SheetTooSmall)):
            self.texts.append(str(failure))
            return
        if isinstance(failure, Upstream):
            log.warning("an exhaust waits for another service", what=what, detail=failure.detail)
            self.texts.append(rules.crash_message(failure.shown))
        else:
            log.exception("an exhaust failed", failure, what=what)
            self.texts.append(rules.crash_message(type(failure).__name__))
        self.passing = True
