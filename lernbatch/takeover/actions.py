"""What can be done with a source: plan, copy, catch up. Each can be done again after any stop, with the same end."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import Any

from lernbatch.batch.rules import day_in
from lernbatch.database import db
from lernbatch.database.db import Connection
from lernbatch.errors import LernbatchError
from lernbatch.sealing import seal_of
from lernbatch.services import Services
from lernbatch.sunbird_source.model import SunbirdSource
from lernbatch.takeover import batches, build, indexes, lease, report, stage, target
from lernbatch.takeover.convert.model import Converted, ConvertOptions, Fate, MoveProblem
from lernbatch.takeover.database import PERMANENT, Q, Tables, temporary
from lernbatch.takeover.passes import BYTES_AT_ONCE, Pass, StoredPass, Watch

COPY, CATCH_UP, JOURNAL, HAND_OVER = "copy", "catch-up", "journal", "hand-over"
MOST_VANISHED = 1_000_000  # learners that are compared or taken out at once
FATES = [fate.value for fate in Fate]


@dataclass(frozen=True, slots=True)
class LearnerInBatch:
    """Which enrolment."""

    user_id: str
    batch_id: str


class HandedOver(LernbatchError):
    """After the hand-over we are the truth."""

    message = "This installation was handed over: learners use it, and nothing is copied into it any more."


class OtherOptions(LernbatchError):
    """A pass that was stopped goes on with the options it began with."""

    def __init__(self, begun: StoredPass) -> None:
        super().__init__(
            f"A {begun.command} of {', '.join(begun.sources)} began at {begun.began_at:%Y-%m-%d %H:%M} UTC and is not "
            "done. Run it again with the same sources and options."
        )


class AlreadyCopied(LernbatchError):
    """A finished copy takes no other source."""

    def __init__(self, done: StoredPass) -> None:
        super().__init__(
            f"A {done.command} of {', '.join(done.sources)} is done. What is newer comes with `lernbatch sunbird "
            "catch-up`."
        )


class OnlyLive(LernbatchError):
    """An export may lack rows for other reasons than that they were deleted."""

    message = "--remove-vanished is for a living source: an export may lack rows that its tool gave up on."


class NothingCopied(LernbatchError):
    message = "Nothing was copied yet: begin with `lernbatch sunbird copy`."


def permanent(conn: Connection) -> Tables:
    """The tables of a copy."""
    return Tables(conn, PERMANENT)


def options_of(
    services: Services, renames: Mapping[tuple[str, str], str], job_zone: tzinfo | None = None
) -> ConvertOptions:
    """What the conversion depends on, by the settings and the arguments of a command."""
    config, now = services.config, services.clock.now()
    options = ConvertOptions(
        config.time_zone, day_in(None, now, config.time_zone), config.federation_provider_id, renames=renames
    )
    return options if job_zone is None else replace(options, job_zone=job_zone)


def _as_json(options: ConvertOptions) -> dict[str, Any]:
    return {
        "zone": str(options.zone),
        "job_zone": str(options.job_zone),
        "provider_id": options.provider_id,
        "renames": sorted([*key, new] for key, new in options.renames.items()),
    }


async def plan(
    services: Services, conn: Connection, sources: Sequence[SunbirdSource], options: ConvertOptions, watch: Watch
) -> tuple[dict[str, Any], Tables]:
    """What a copy would do, with its numbers, from the same conversion; nothing is written to the target.

    Returns the report, and the temporary tables with its problems. Raises: batches.NoBatches, and what reading raises.
    """
    began = time.monotonic()
    tables = await temporary(conn)
    moving = Pass(services, tables, "plan", sources, options, seal_of(services.config), None, watch)
    await convert_all(moving, build.Nowhere(), required=False)
    told = await report.gather(moving)
    seconds = time.monotonic() - began
    size = sum(table.size_bytes or 0 for source in sources for table in source.tables.values())
    rows = sum(moving.counts.rows.values())
    estimate = {"seconds": round(seconds * 2, 1), "rows_per_second": round(rows / seconds), "disk_bytes": size * 2}
    return {**told, "estimate": estimate, "verdict": "A copy can run."}, tables


async def convert_all(moving: Pass, sink: build.LearnerSink, *, required: bool) -> None:
    """Read, stage and build without writing batches: for who compares or only counts."""
    await moving.tables.run(Q.forget_problems)
    await _note_columns(moving)
    rows, broken = await batches.read(moving)
    await stage.stage(moving, batches.courses_of(rows, moving))
    converted = batches.decide(rows, broken, moving)
    await batches.ask_courses(moving, converted, required=required)
    _count_batches(moving, converted)
    await stage.note(moving.tables, moving.seal, converted.problems, converted.held, of_batches=True)
    if isinstance(sink, build.TakesBatches):
        await sink.take_batches(converted.batches)
    await build.build(moving, sink)


def _count_batches(moving: Pass, converted: Converted) -> None:
    for (table, fate), count in converted.fates.items():
        moving.counts.fates[table, fate] = count


async def copy(
    services: Services,
    conn: Connection,
    sources: Sequence[SunbirdSource],
    options: ConvertOptions,
    watch: Watch,
    *,
    catch_up: bool = False,
    remove_vanished: bool = False,
    bytes_at_once: int = BYTES_AT_ONCE,
) -> dict[str, Any]:
    """Bring the rows of `sources` into the target; `catch_up`: what changed since the last pass. Returns the report.

    `remove_vanished`: enrolments that a living source has not any more are taken out, and listed. `bytes_at_once`: of
    staged rows, about how many one transaction builds. A pass that was stopped goes on where it was.

    Raises: HandedOver, OtherOptions, AlreadyCopied, NothingCopied, OnlyLive, lease.AlreadyMoving,
    stage.ChangedSource, batches.NoBatches, Upstream.
    """
    if remove_vanished and not all(source.live for source in sources if "user_enrolments" in source.tables):
        raise OnlyLive
    command = CATCH_UP if catch_up else COPY
    async with lease.held(services, command) as owner:
        tables = permanent(conn)
        moving = Pass(services, tables, command, sources, options, seal_of(services.config), owner, watch)
        pass_id = await _begin(moving)
        rows, broken = await batches.read(moving)
        await stage.stage(moving, batches.courses_of(rows, moving))
        converted = batches.decide(rows, broken, moving)
        await batches.ask_courses(moving, converted, required=True)
        _count_batches(moving, converted)
        async with conn.transaction():
            await lease.check(conn, owner)
            await tables.run(Q.forget_problems_of_batches)
            await tables.run(Q.forget_held_batches)
            await stage.note(tables, moving.seal, converted.problems, converted.held, of_batches=True)
            await target.write_batches(moving, converted.batches)
        moving.removes_vanished, moving.bytes_at_once = remove_vanished, bytes_at_once
        if not catch_up:
            await indexes.set_aside(tables, owner)
        await build.build(moving, target.Target(moving))
        await indexes.put_back(tables)
        if remove_vanished:
            async with conn.transaction():
                await lease.check(conn, owner)
                batch_ids = list(moving.facts)
                gone = await tables.all(
                    LearnerInBatch, Q.learners_of_ours_alone, batch_ids=batch_ids, limit=MOST_VANISHED
                )
                await target.remove(moving, [(row.user_id, row.batch_id) for row in gone])
        told = {**await report.gather(moving), "removed": [list(key) for key in moving.removed]}
        async with conn.transaction():
            await lease.check(conn, owner)
            await tables.run(Q.end_pass, pass_id=pass_id, now=services.clock.now(), counts=told)
        for table in ("batch", "enrolment", "attempt", "imported_certificate"):
            await conn.execute(f"ANALYZE {table}")
        return told


async def _begin(moving: Pass) -> int:
    """Begin a pass, or go on with the one that was stopped. Returns its id."""
    tables, command = moving.tables, moving.command
    texts, wished = [source.text for source in moving.sources], _as_json(moving.options)
    if await latest(tables, HAND_OVER):
        raise HandedOver
    last = await latest(tables, COPY, CATCH_UP)
    if last is None and command == CATCH_UP:
        raise NothingCopied
    if last is not None and last.ended_at is None:
        if (last.command, last.sources, last.options) != (command, texts, wished):
            raise OtherOptions(last)
        return last.pass_id
    if last is not None and command == COPY:
        if (last.sources, last.options) != (texts, wished):
            raise AlreadyCopied(last)
        return last.pass_id
    async with tables.conn.transaction():
        await lease.check(tables.conn, moving.owner)
        for statement in (Q.forget_chunks, Q.forget_stage, Q.forget_slices, Q.forget_problems, Q.forget_quarantine):
            await tables.run(statement)
        await _note_columns(moving)
        pass_id: int = await db.value(
            tables.conn,
            Q.begin_pass,
            command=command,
            sources=texts,
            options=wished,
            guessed=[report.describe(source) for source in moving.sources],
            now=moving.services.clock.now(),
        )
    return pass_id


async def bounds_to_go_on_with(conn: Connection) -> dict[str, dict[str, list[int]]]:
    """Source → where the ranges of its tables end, of a pass that was stopped: with others nothing is done already."""
    last = await latest(permanent(conn), COPY, CATCH_UP)
    if last is None or last.ended_at is not None:
        return {}
    guessed: list[dict[str, Any]] = await conn.fetchval(Q.guessed_of_pass.text, last.pass_id)
    return {source["source"]: source["bounds"] for source in guessed}


async def sources_of_last_pass(conn: Connection) -> list[tuple[str, str]]:
    """Form and text of what the last copy or catch-up read. Raises: NothingCopied."""
    last = await latest(permanent(conn), COPY, CATCH_UP)
    if last is None:
        raise NothingCopied
    guessed: list[dict[str, Any]] = await conn.fetchval(Q.guessed_of_pass.text, last.pass_id)
    return [(source["form"], source["source"]) for source in guessed]


async def note_pass(
    tables: Tables,
    services: Services,
    command: str,
    sources: Sequence[SunbirdSource],
    options: ConvertOptions,
    told: Mapping[str, Any],
    began_at: datetime,
) -> None:
    """Note a pass that is over."""
    async with tables.conn.transaction():
        pass_id: int = await db.value(
            tables.conn,
            Q.begin_pass,
            command=command,
            sources=[source.text for source in sources],
            options=_as_json(options),
            guessed=[report.describe(source) for source in sources],
            now=began_at,
        )
        await tables.run(Q.end_pass, pass_id=pass_id, now=services.clock.now(), counts=told)


async def latest(tables: Tables, *commands: str) -> StoredPass | None:
    """The latest pass of these commands."""
    return await db.one(tables.conn, StoredPass, Q.latest_pass, commands=list(commands))


async def _note_columns(moving: Pass) -> None:
    """Columns that mean nothing here, each once."""
    columns = [
        MoveProblem("column-unknown", (name, column))
        for source in moving.sources
        for name, table in source.tables.items()
        for column in table.unknown
    ]
    await stage.note(moving.tables, moving.seal, columns, [])
