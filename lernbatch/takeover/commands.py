"""`lernbatch sunbird …`: moving over from a running Sunbird. See docs/moving-over.md."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from lernbatch import command
from lernbatch.database import db
from lernbatch.database.db import Connection
from lernbatch.errors import LernbatchError, Unusable
from lernbatch.screen import Screen
from lernbatch.services import Services
from lernbatch.shadow.rules import Calls
from lernbatch.takeover import actions, report
from lernbatch.takeover import hand_back as handing_back
from lernbatch.takeover import hand_over as handing_over
from lernbatch.takeover import verify as verification
from lernbatch.takeover.showing import Shown
from lernbatch.takeover.source_options import SourceOptions, convert_options, open_sources, sources_as_copied

if TYPE_CHECKING:  # a command that plays no journal loads no client
    import httpx

    from lernbatch.shadow.resigning import Resigner

app = App(name="sunbird", help="Move over from a running Sunbird: plan, copy, catch up, verify, hand over, and back.")


_NO_OPTIONS = SourceOptions()


@app.command
def plan(*sources: str, options: SourceOptions = _NO_OPTIONS) -> None:
    """Read everything once and say what a copy would do, writing nothing. Exits with 1 if a copy cannot run.

    Example: `lernbatch sunbird plan export --registry TrainingCertificate.jsonl`

    Args:
        sources: cassandra://host[:port]/[keyspace], ycql://…, or the folder of an export
    """

    async def work() -> dict[str, Any]:
        async with _installation() as (services, conn):
            try:
                with (
                    open_sources(services.config, sources, options, {}) as opened,
                    Shown(Screen(stderr=True)) as watch,
                ):
                    told, tables = await actions.plan(services, conn, opened, convert_options(services, options), watch)
            except (Unusable, LernbatchError) as refused:
                await report.write(options.report, {"command": "plan", "refused": str(refused), "problems": {}})
                raise
            await report.write(options.report, told, tables)
            return told

    _say(asyncio.run(work()), options)


@app.command
def copy(*sources: str, options: SourceOptions = _NO_OPTIONS) -> None:
    """Copy everything. After any stop run it again: it goes on where it was.

    Example: `lernbatch sunbird copy export --registry TrainingCertificate.jsonl`

    Args:
        sources: as for plan
    """
    _say(asyncio.run(_copy(sources, options, catch_up=False)), options)


@app.command
def catch_up(
    *sources: str,
    journal: Path | None = None,
    remove_vanished: bool = False,
    options: SourceOptions = _NO_OPTIONS,
) -> None:
    """Copy what has changed since: a second full pass, of which only the differences are written; or, much faster, the
    writes that the shadow proxy has recorded since before the export was made. Exits with 1 if those are not all.

    Example: `lernbatch sunbird catch-up newer-export`

    Args:
        sources: as for plan
        journal: the folder of the shadow proxy's journal, instead of a source
        remove_vanished: take enrolments out that a living source has not any more, and list them
    """
    if journal is not None:
        if sources or remove_vanished:
            raise Unusable("--journal stands for the source: give the one or the other.")

        async def play() -> dict[str, Any]:
            from lernbatch.takeover.journal import asking, catch_up

            async with _muted_service() as muted:
                with Shown(Screen(stderr=True)) as watch:
                    ask = asking(muted.client, muted.resigner, muted.key)
                    return await catch_up(muted.services, muted.conn, journal, muted.calls, ask, watch)

        played = asyncio.run(play())
        print(f"{played['done']} writes were done, {played['done_before']} of the journal were done before.")
        if played["lacking"]:
            raise Unusable("The journal does not stand for a full catch-up:\n  " + "\n  ".join(played["lacking"]))
        return
    told = asyncio.run(_copy(sources, options, catch_up=True, remove_vanished=remove_vanished))
    for user_id, batch_id in told["removed"]:
        print(f"removed: {user_id} in {batch_id}")
    _say(told, options)


async def _compare_answers(count: int, primary: str, seed: int) -> None:
    """Raises: Unusable, when answers differ or one of the services gives none."""
    from lernbatch.shadow.comparer import Asker, Unasked
    from lernbatch.shadow.model import Answer
    from lernbatch.takeover import sampling

    if not primary.startswith(("http://", "https://")):
        raise Unusable("--primary is the address of the old service, as http://lms:9000.")
    old = Asker(primary)
    async with _muted_service() as muted:

        async def theirs(method: str, path: str, body: bytes) -> Answer:
            return await old.ask(method, path, {"content-type": "application/json"}, body)

        async def ours(method: str, path: str, body: bytes) -> Answer:
            headers = {"content-type": "application/json"}
            answer = await muted.client.request(method, path, content=body, headers=headers)
            return Answer(answer.status_code, answer.content)

        try:
            with Shown(Screen(stderr=True)) as watch:
                sample = await sampling.compare_answers(muted.conn, count, seed, muted.calls, theirs, ours, watch)
        except Unasked as failure:
            raise Unusable(f"{primary} gives no answer that can be compared: {failure}.") from failure
        finally:
            await old.close()
    for example in sample.examples:
        print(example)
    print(
        f"{sample.answers} answers about {sample.learners} learners: {sample.differences} differences,"
        f" {sample.explained} more that are known."
    )
    if sample.differences:
        raise Unusable("Both services do not say the same.")


@app.command
def verify(
    *sources: str,
    batch: str | None = None,
    sample: int = 0,
    primary: str = "",
    seed: int = 1,
    options: SourceOptions = _NO_OPTIONS,
) -> None:
    """Read the source again and compare what it makes with the database. Exits with 1 if a difference has no reason.

    With --sample no source is read: both services are asked for the lists and states of so many learners.

    Example: `lernbatch sunbird verify export --registry TrainingCertificate.jsonl`

    Args:
        sources: as for plan; none: those of the last copy or catch-up, and what was given beside them
        batch: compare this batch alone
        sample: how many learners both services are asked for
        primary: the address of the old service, whose private paths are asked
        seed: draws the learners
    """
    if sample:
        asyncio.run(_compare_answers(sample, primary, seed))
        return

    async def work() -> dict[str, Any]:
        async with _installation() as (services, conn):
            given, beside = (sources, options) if sources else await sources_as_copied(conn, options)
            with open_sources(services.config, given, beside, {}) as opened, Shown(Screen(stderr=True)) as watch:
                converting = convert_options(services, options)
                told, tables = await verification.verify(services, conn, opened, converting, watch, batch)
            await report.write(options.report, told, tables)
            return told

    told = asyncio.run(work())
    differences = told["differences"]
    for difference in differences["examples"]:
        columns = ", ".join(difference["columns"])
        print(f"{difference['table']} {' '.join(difference['key'])}: {columns} ({difference['reason'] or 'no reason'})")
    print(f"{differences['count']} differences in {differences['rows']} compared rows.")
    print(f"The report is in {options.report}.")
    if differences["without_reason"]:
        raise Unusable(f"{differences['without_reason']} differences have no reason.")


@app.command
def hand_over(
    *,
    accept_held: Annotated[list[str], Parameter(negative="")] | None = None,
    accept_open: Annotated[list[str], Parameter(negative="")] | None = None,
    clean: bool = False,
) -> None:
    """From now on this service is the truth. What is missing for that is said, and nothing is done then.

    Example: `lernbatch sunbird hand-over --accept-held enrolment-without-batch`

    Args:
        accept_held: a kind of held rows that may stay out; may be given several times
        accept_open: bulk-open or exhaust-open: jobs of the old service that are given up; may be given several times
        clean: drop what was staged, which no later command needs
    """

    async def work() -> dict[str, Any]:
        async with _installation() as (services, conn):
            return await handing_over.hand_over(services, conn, accept_held or (), accept_open or (), clean=clean)

    print("The order: " + "; ".join(f"{place}. {step}" for place, step in enumerate(handing_over.ORDER, 1)) + ".")
    told = asyncio.run(work())
    command.note("sunbird.hand-over")
    print(f"Handed over. The last catch-up began {told['minutes_since_catch_up']} minutes before: so long, at least,")
    print(f"writes were closed. The lists of {told['listings']} courses are published again.")
    print("Take LERNBATCH_TAKEOVER off and start the service again, so that mails, events and certificates leave.")


@app.command
def hand_back(folder: Path, *, all: bool = False) -> None:
    """Write files from which the old service's own loaders restore it, and the commands to load them.

    Example: `lernbatch sunbird hand-back files`

    Args:
        folder: where to write; made if it is not there
        all: everything, instead of what has changed since the hand-over
    """
    folder.mkdir(parents=True, exist_ok=True)

    async def work() -> dict[str, Any]:
        async with _installation() as (services, conn):
            return await handing_back.hand_back(services, conn, folder, everything=all)

    told = asyncio.run(work())
    command.note("sunbird.hand-back", about=str(folder))
    print(", ".join(f"{count} {name}" for name, count in told["rows"].items()))
    for what, count in told["cannot_be_held"].items():
        print(f"The source cannot hold: {what} ({count}).")
    print(f"How to load them is in {folder / 'load.txt'}.")


async def _copy(
    sources: Sequence[str], options: SourceOptions, *, catch_up: bool, remove_vanished: bool = False
) -> dict[str, Any]:
    async with _installation() as (services, conn):
        bounds = await actions.bounds_to_go_on_with(conn)
        with open_sources(services.config, sources, options, bounds) as opened, Shown(Screen(stderr=True)) as watch:
            converting = convert_options(services, options)
            told = await actions.copy(
                services, conn, opened, converting, watch, catch_up=catch_up, remove_vanished=remove_vanished
            )
        await report.write(options.report, told, actions.permanent(conn))
        return told


@asynccontextmanager
async def _installation() -> AsyncIterator[tuple[Services, Connection]]:
    """What actions need, and a connection of this command's own, whose statements may take their time."""
    async with command.services_and_dsn() as (services, dsn):
        conn = await db.connect(dsn)
        try:
            yield services, conn
        finally:
            await conn.close()


@dataclass(frozen=True, slots=True)
class _MutedService:
    """The whole service in this process, of which nothing leaves (see journal.muted), and a connection beside it."""

    services: Services
    conn: Connection
    client: httpx.AsyncClient
    resigner: Resigner
    key: bytes
    calls: Calls


@asynccontextmanager
async def _muted_service() -> AsyncIterator[_MutedService]:
    from lernbatch.routes import ROUTES
    from lernbatch.takeover.journal import muted

    calls = Calls((route.method, route.path, route.gateway) for route in ROUTES)
    async with (
        command.services_and_dsn() as (services, dsn),
        muted(services.config) as (config, resigner, key),
        command.answering(config, dsn) as client,
    ):
        conn = await db.connect(dsn)
        try:
            yield _MutedService(services, conn, client, resigner, key, calls)
        finally:
            await conn.close()


def _say(told: dict[str, Any], options: SourceOptions) -> None:
    """The numbers of a report, in few lines."""
    for table, sums in told["tables"].items():
        print(f"{table}: {sums['rows']} rows, " + ", ".join(f"{sums[fate]} {fate}" for fate in actions.FATES))
    print(", ".join(f"{count} {name}" for name, count in told["target"].items()))
    for kind, problem in told["problems"].items():
        print(f"{problem['weight']:8}{kind}: {problem['count']}")
    for warning in told["warnings"]:
        print(f"Warning: {warning}")
    if told["not_asked"]:
        print("The content service did not answer for some courses: what only their trees can tell was not asked.")
    print(f"The report is in {options.report}.")
    unaccounted = sum(sums["unaccounted"] for sums in told["tables"].values())
    if unaccounted:
        print(f"lernbatch: {unaccounted} rows are not accounted for; this is a fault of ours.", file=sys.stderr)
        sys.exit(1)
