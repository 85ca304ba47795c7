"""Rosters that were read and planned, and wait for a decision: kept sealed for a week, for whoever made them."""

from __future__ import annotations

import asyncio
import zlib
from datetime import timedelta
from uuid import uuid4

import msgspec

from lernbatch.bulk import plans
from lernbatch.bulk.model import BulkPlanRequest, Move, RosterDraft, RosterLine, WaitingDraft
from lernbatch.database import db, sql
from lernbatch.errors import NotFound
from lernbatch.sealing import seal_of
from lernbatch.services import Services
from lernbatch.tables import ids, reading
from lernbatch.tables.model import TooManyRows
from lernbatch.web.caller import Caller

Q = sql.load("lernbatch.bulk")
COLUMN = "userId"
COLUMNS = (COLUMN, "userIds")
KEPT = timedelta(days=7)
FORGOTTEN_AT_ONCE = 100
LONGEST_NAME = 200  # of a file
_DRAFT = msgspec.json.Decoder(RosterDraft)


class UnknownDraft(NotFound):
    """No draft of that id, or somebody else's, or one whose week is over."""


def read_lines(data: bytes, most: int) -> list[RosterLine]:
    """The ids of a file, CSV or XLSX, with a column userId (or userIds, several in a cell) among any others.

    `most`: people. Raises: tables.model.Unreadable.
    """
    table = reading.read(data, COLUMNS, most_rows=most + 1, passes_over_others=True)
    lines: list[RosterLine] = []
    for row in table.rows:
        cells = [row.cells.get(column, "") for column in COLUMNS]
        if row.problem is not None:
            lines.append(RosterLine(row.line, "", row.problem))
            continue
        lines += [RosterLine(row.line, user_id, None) for cell in cells for user_id in ids.split(cell)]
        if len(lines) > most:
            raise TooManyRows(f"There are more than {most} people.")
    return checked(lines)


def read_text(text: str, most: int) -> list[RosterLine]:
    """Ids that somebody has pasted, in lines or with commas between them. Raises: TooManyRows."""
    lines = [
        RosterLine(number, user_id, None)
        for number, line in enumerate(text.splitlines(), start=1)
        for user_id in ids.split(line)
    ]
    if len(lines) > most:
        raise TooManyRows(f"There are more than {most} people.")
    return checked(lines)


def checked(lines: list[RosterLine]) -> list[RosterLine]:
    """The same lines with what is wrong with each: an id that cannot be one, or that stands there before."""
    first: dict[str, int] = {}
    result = []
    for line in lines:
        flaw = line.flaw or ids.flaw(line.user_id)
        if flaw is None and line.user_id in first:
            flaw = f"twice in the list: first in line {first[line.user_id]}"
        first.setdefault(line.user_id, line.line)
        result.append(RosterLine(line.line, line.user_id, flaw))
    return result


async def make(
    services: Services, caller: Caller, request: BulkPlanRequest, lines: list[RosterLine], file_name: str
) -> RosterDraft:
    """Plan a roster and keep it. Raises: as plans.plan."""
    plan = await plans.plan(services, caller, request)
    now = services.clock.now()
    draft = RosterDraft(uuid4().hex, request.batch_id, file_name[:LONGEST_NAME], now, lines, request, plan)
    packed = await asyncio.to_thread(lambda: zlib.compress(msgspec.json.encode(draft)))
    await db.run(
        services.pool,
        Q.insert_draft,
        draft_id=draft.draft_id,
        batch_id=draft.batch_id,
        made_by=caller.user_id,
        now=now,
        user_ids=list({line.user_id for line in lines} | {row.user_id for row in plan.decisions}),
        sealed=seal_of(services.config).close(packed, draft.draft_id),
    )
    return draft


async def find(services: Services, caller: Caller, batch_id: str, draft_id: str) -> RosterDraft:
    """A draft of the caller's. Raises: UnknownDraft."""
    sealed = await db.value(services.pool, Q.draft_by_id, draft_id=draft_id, batch_id=batch_id, made_by=caller.user_id)
    if sealed is None:
        raise UnknownDraft
    packed = seal_of(services.config).open(sealed, draft_id)
    return await asyncio.to_thread(lambda: _DRAFT.decode(zlib.decompress(packed)))


async def waiting(services: Services, caller: Caller, batch_id: str, *, limit: int) -> list[WaitingDraft]:
    """The caller's drafts of a batch that were neither applied nor discarded, the newest first."""
    return await db.all(
        services.pool, WaitingDraft, Q.drafts_of, batch_id=batch_id, made_by=caller.user_id, limit=limit
    )


async def discard(services: Services, draft: RosterDraft) -> None:
    """Throw a draft away."""
    await db.run(services.pool, Q.delete_draft, draft_id=draft.draft_id)


async def forget_old(services: Services) -> int:
    """Forget a bounded set of drafts whose week is over; how many."""
    before = services.clock.now() - KEPT
    return await db.run(services.pool, Q.forget_drafts, before=before, limit=FORGOTTEN_AT_ONCE)


def faulty(draft: RosterDraft) -> list[RosterLine]:
    """The lines that cannot be taken, with the reason: those of the file, and those that the plan finds invalid."""
    reasons = {row.user_id: row.reason for row in draft.plan.decisions if row.move is Move.INVALID}
    return [
        RosterLine(line.line, line.user_id, line.flaw or reasons[line.user_id])
        for line in draft.lines
        if line.flaw is not None or line.user_id in reasons
    ]
