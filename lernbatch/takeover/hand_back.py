"""The way back: files from which the old service's own loaders restore it (migration §7, M44 to M46)."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from lernbatch.database.db import Connection
from lernbatch.database.sql import Statement
from lernbatch.errors import LernbatchError
from lernbatch.sealing import seal_of
from lernbatch.services import Services
from lernbatch.sunbird_source.catalog import TABLES
from lernbatch.takeover import actions, quarantine
from lernbatch.takeover.convert import back
from lernbatch.takeover.convert.model import ConvertedAttempt, ConvertedBatch
from lernbatch.takeover.database import Q
from lernbatch.takeover.formats import Writer
from lernbatch.takeover.target import StoredEnrolmentRow

Shape = TypeVar("Shape")
GIVEN_BACK = (
    "course_batch",
    "user_enrolments",
    "user_content_consumption",
    "assessment_aggregator",
    "user_activity_agg",
)
# Columns that nothing of ours fills: not written, so that loading the rest does not empty them.
NOT_GIVEN = {
    "course_batch": ("tandc", "batch_attributes"),
    "user_enrolments": ("certificates", "certstatus", "delta", "grade", "lang_contentstatus", "recent_language"),
    "user_content_consumption": ("completionpercentage", "contentversion", "grade", "result", "score"),
    "user_activity_agg": ("agg_details",),
}
PAGE = 1000


class NotHandedOver(LernbatchError):
    """Only what has changed since the hand-over is given back, unless all is."""

    message = "Nothing was handed over, so nothing has changed since. Give --all for everything."


@dataclass(frozen=True, slots=True)
class HeldRecord:
    """A row in quarantine."""

    row_id: int
    kind: str
    source_table: str
    key: list[str]
    mark: str
    sealed_row: bytes


@dataclass(frozen=True, slots=True)
class Loss:
    """How much there is of something that the source cannot hold."""

    what: str
    count: int


async def hand_back(services: Services, conn: Connection, folder: Path, *, everything: bool) -> dict[str, Any]:
    """Write what has changed since the hand-over, or all. Returns how many rows, and what the source cannot hold.

    All of it is of one moment. Raises: NotHandedOver, actions.NothingCopied.
    """
    tables = actions.permanent(conn)
    copied = await actions.latest(tables, actions.COPY, actions.CATCH_UP)
    handed_over = await actions.latest(tables, actions.HAND_OVER)
    if copied is None:
        raise actions.NothingCopied
    if handed_over is None and not everything:
        raise NotHandedOver
    since = None if everything or handed_over is None else handed_over.began_at
    sources = await conn.fetchval(Q.guessed_of_pass.text, copied.pass_id)
    counts: Counter[str] = Counter()
    with ExitStack() as files:
        writers = {name: files.enter_context(Writer(folder, *_shape(name, sources))) for name in GIVEN_BACK}
        async with conn.transaction(isolation="repeatable_read", readonly=True):
            async for batch in _rows(conn, ConvertedBatch, Q.batches_since, since):
                writers["course_batch"].write(back.batch_row(batch, services.clock.zone))
            async for row in _rows(conn, StoredEnrolmentRow, Q.enrolments_since, since):
                enrolment = row.converted()
                writers["user_enrolments"].write(back.enrolment_row(enrolment))
                for state in back.state_rows(enrolment):
                    writers["user_content_consumption"].write(state)
                if (aggregate := back.aggregate_row(enrolment)) is not None:
                    writers["user_activity_agg"].write(aggregate)
            async for attempt in _rows(conn, ConvertedAttempt, Q.attempts_since, since):
                writers["assessment_aggregator"].write(back.attempt_row(attempt))
            lost = await tables.all(Loss, Q.losses)
        commands: list[str] = []
        for name, writer in writers.items():
            counts[name] = writer.rows
            keyspace, _, table = writer.called.rpartition(".")
            columns, csv_file = ", ".join(writer.columns), f"cqlsh/{keyspace}/{table}.csv"
            commands += [
                f"dsbulk load -k {keyspace} -t {table} -c json -url dsbulk/{keyspace}/{table}",
                f"cqlsh -e \"COPY {writer.called} ({columns}) FROM '{csv_file}' WITH HEADER = true\"\n",
            ]
    counts["quarantine"] = await _quarantine(services, conn, folder)
    told = {
        "command": "hand-back",
        "since": None if since is None else since.isoformat(),
        "rows": dict(counts),
        "cannot_be_held": {loss.what: loss.count for loss in lost if loss.count},
    }
    (folder / "hand-back.json").write_bytes(msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n")
    (folder / "load.txt").write_text("\n".join(commands) + "\n", encoding="utf-8")
    return told


async def _rows(
    conn: Connection, shape: type[Shape], statement: Statement, since: datetime | None
) -> AsyncIterator[Shape]:
    async for record in conn.cursor(statement.text, since, prefetch=PAGE):
        yield shape(**record)


def _shape(name: str, guessed: list[Mapping[str, Any]]) -> tuple[str, dict[str, str]]:
    """What the source called a table, and its columns, as they were found when it was copied."""
    kind = TABLES[name]
    called, columns = f"{kind.keyspace}.{name}", {column: column for column in kind.columns}
    for source in guessed:
        if (table := source["tables"].get(name)) is not None and table["columns"]:
            called, columns = table["called"], table["columns"]
            break
    order = [*kind.columns]
    given = {theirs: ours for theirs, ours in columns.items() if ours not in NOT_GIVEN.get(name, ())}
    return called, dict(sorted(given.items(), key=lambda column: order.index(column[1])))


async def _quarantine(services: Services, conn: Connection, folder: Path) -> int:
    """Rows that were held go back as they came (M14), in files that only their owner reads: they name people."""
    tables, seal, count, after = actions.permanent(conn), seal_of(services.config), 0, 0
    path = folder / "quarantine.jsonl"
    path.touch(mode=0o600)
    with path.open("wb") as file:
        while page := await tables.all(HeldRecord, Q.held_rows, after=after, limit=PAGE):
            for row in page:
                values = quarantine.opened(seal, row.mark, row.sealed_row)
                line = {"kind": row.kind, "table": row.source_table, "key": row.key, "row": values}
                file.write(msgspec.json.encode(line) + b"\n")
            count, after = count + len(page), page[-1].row_id
    return count
