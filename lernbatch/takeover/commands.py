"""`lernbatch sunbird …`: moving over from a running Sunbird. See docs/moving-over.md."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cyclopts import App, Parameter

from lernbatch import command
from lernbatch.config import Config
from lernbatch.database import db
from lernbatch.database.db import Connection
from lernbatch.errors import LernbatchError, Unusable
from lernbatch.screen import Screen
from lernbatch.services import Services
from lernbatch.shadow.rules import Calls
from lernbatch.sunbird_source.beside import open_archive, open_index, open_job_requests, open_registry
from lernbatch.sunbird_source.model import Options, SunbirdSource
from lernbatch.sunbird_source.opening import open_source
from lernbatch.takeover import actions, report
from lernbatch.takeover import hand_back as handing_back
from lernbatch.takeover import hand_over as handing_over
from lernbatch.takeover import verify as verification
from lernbatch.takeover.convert.model import ConvertOptions
from lernbatch.takeover.showing import Shown

app = App(name="sunbird", help="Move over from a running Sunbird: plan, copy, catch up, verify, hand over, and back.")


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class SourceOptions:
    """What is said of sources that cannot be found out by looking."""

    registry: Annotated[list[Path], Parameter(negative="")] = field(default_factory=list)
    "JSON lines of the registry's TrainingCertificate entities; may be given several times"

    archive: Annotated[list[Path], Parameter(negative="")] = field(default_factory=list)
    "a folder with the CSV files of archived attempts; may be given several times"

    job_requests: Annotated[list[Path], Parameter(negative="")] = field(default_factory=list)
    "the table job_request as CSV"

    index: Annotated[list[Path], Parameter(negative="")] = field(default_factory=list)
    "a dump of the platform's search index of batches, to be compared; may be given several times"

    table: Annotated[list[str], Parameter(negative="")] = field(default_factory=list)
    "OURS=THEIRS: the name of a table where it is another, as in user_enrolments=user_enrolments_v2"

    column: Annotated[list[str], Parameter(negative="")] = field(default_factory=list)
    "TABLE.OURS=THEIRS: the name of a column where it is another"

    rename_batch: Annotated[list[str], Parameter(negative="")] = field(default_factory=list)
    "COURSE/BATCH=NEW: lets the batch of that course in under another id, where two have one"

    rows_per_second: int = 20_000
    "the most rows that are read from a live source in a second"

    cqlsh_escape: str | None = None
    "py39 or py310: how the CSV was escaped, where it does not show"

    null: str = ""
    "what stands for null in the CSV, where COPY TO was given another text than none"

    export_zone: str | None = None
    "the time zone of timestamps that name none"

    job_zone: str | None = None
    "the time zone of the jobs that wrote times of attempts as words; else UTC"

    report: Path = Path("sunbird-report")
    "the folder for the report: COMMAND.json, COMMAND.html, and a file of every kind of problem"


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
                    _opened(services.config, sources, options, {}) as opened,
                    Shown(Screen(stderr=True)) as watch,
                ):
                    told, tables = await actions.plan(services, conn, opened, _converting(services, options), watch)
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
        asyncio.run(_play(journal))
        return
    told = asyncio.run(_copy(sources, options, catch_up=True, remove_vanished=remove_vanished))
    for user_id, batch_id in told["removed"]:
        print(f"removed: {user_id} in {batch_id}")
    _say(told, options)


async def _play(folder: Path) -> None:
    """Do the writes of a journal. Raises: Unusable, when they do not stand for a full pass."""
    from lernbatch.routes import ROUTES
    from lernbatch.takeover import journal

    calls = Calls((route.method, route.path, route.gateway) for route in ROUTES)
    async with (
        command.services_and_dsn() as (services, dsn),
        journal.muted(services.config) as (config, resigner, key),
        command.answering(config, dsn) as client,
    ):
        conn = await db.connect(dsn)
        try:
            with Shown(Screen(stderr=True)) as watch:
                ask = journal.asking(client, resigner, key)
                told = await journal.catch_up(services, conn, folder, calls, ask, watch)
        finally:
            await conn.close()
    print(f"{told['done']} writes were done, {told['done_before']} of the journal were done before.")
    if told["lacking"]:
        raise Unusable("The journal does not stand for a full catch-up:\n  " + "\n  ".join(told["lacking"]))


async def _compare_answers(count: int, primary: str, seed: int) -> None:
    """Raises: Unusable, when answers differ or one of the services gives none."""
    from lernbatch.routes import ROUTES
    from lernbatch.shadow.comparer import Asker, Unasked
    from lernbatch.shadow.model import Answer
    from lernbatch.takeover import journal, sampling

    if not primary.startswith(("http://", "https://")):
        raise Unusable("--primary is the address of the old service, as http://lms:9000.")
    old = Asker(primary)
    async with (
        command.services_and_dsn() as (services, dsn),
        journal.muted(services.config) as (config, _, _),
        command.answering(config, dsn) as client,
    ):
        conn = await db.connect(dsn)

        async def theirs(method: str, path: str, body: bytes) -> Answer:
            return await old.ask(method, path, {"content-type": "application/json"}, body)

        async def ours(method: str, path: str, body: bytes) -> Answer:
            answer = await client.request(method, path, content=body, headers={"content-type": "application/json"})
            return Answer(answer.status_code, answer.content)

        calls = Calls((route.method, route.path, route.gateway) for route in ROUTES)
        try:
            with Shown(Screen(stderr=True)) as watch:
                sample = await sampling.compare_answers(conn, count, seed, calls, theirs, ours, watch)
        except Unasked as failure:
            raise Unusable(f"{primary} gives no answer that can be compared: {failure}.") from failure
        finally:
            await old.close()
            await conn.close()
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
            given, beside = (sources, options) if sources else await _as_copied(conn, options)
            with _opened(services.config, given, beside, {}) as opened, Shown(Screen(stderr=True)) as watch:
                converting = _converting(services, options)
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
        with _opened(services.config, sources, options, bounds) as opened, Shown(Screen(stderr=True)) as watch:
            converting = _converting(services, options)
            told = await actions.copy(
                services, conn, opened, converting, watch, catch_up=catch_up, remove_vanished=remove_vanished
            )
        await report.write(options.report, told, actions.permanent(conn))
        return told


async def _as_copied(conn: Connection, options: SourceOptions) -> tuple[list[str], SourceOptions]:
    """The sources of the last pass, and the options that name what lay beside them."""
    named = await actions.sources_of_last_pass(conn)
    beside: dict[str, Any] = {
        option: [Path(text) for form, text in named if form == kind]
        for option, kind in (("registry", "registry"), ("archive", "archive"), ("index", "index"),
                             ("job_requests", "job-requests"))
    }  # fmt: skip
    kinds = ("registry", "archive", "index", "job-requests")
    return [text for form, text in named if form not in kinds], replace(options, **beside)


@asynccontextmanager
async def _installation() -> AsyncIterator[tuple[Services, Connection]]:
    """What actions need, and a connection of this command's own, whose statements may take their time."""
    async with command.services_and_dsn() as (services, dsn):
        conn = await db.connect(dsn)
        try:
            yield services, conn
        finally:
            await conn.close()


@contextmanager
def _opened(
    config: Config, sources: Sequence[str], options: SourceOptions, bounds: Mapping[str, Mapping[str, Sequence[int]]]
) -> Iterator[list[SunbirdSource]]:
    """All sources, closed in the end. `bounds`: of an earlier run, by source. Raises: Unusable."""
    if not sources:
        raise Unusable("Name the source: cassandra://host/, ycql://host/, or the folder of an export.")
    given = _reading(config, options)
    opened: list[SunbirdSource] = []
    try:
        for text in sources:
            opened.append(open_source(text, replace(given, bounds=bounds.get(text, {}))))
        for paths, opening in ((options.registry, open_registry), (options.archive, open_archive),
                               (options.job_requests, open_job_requests), (options.index, open_index)):  # fmt: skip
            for path in paths:
                opened.append(opening(path, given))
        yield opened
    finally:
        for source in opened:
            source.close()


def _reading(config: Config, options: SourceOptions) -> Options:
    columns = {}
    for entry in options.column:
        name, theirs = _pair(entry, "--column", "TABLE.OURS=THEIRS")
        table, dot, column = name.partition(".")
        if not dot:
            raise Unusable(f"--column {entry} is not TABLE.OURS=THEIRS.")
        columns[table, column] = theirs
    return Options(
        tables=dict(_pair(entry, "--table", "OURS=THEIRS") for entry in options.table),
        columns=columns,
        escape=options.cqlsh_escape,
        null=options.null,
        zone=options.export_zone,
        rows_per_second=options.rows_per_second,
        user=config.sunbird_user or None,
        password=config.sunbird_password.get_secret_value() or None,
        ca_file=str(config.sunbird_ca_file) if config.sunbird_ca_file else None,
    )


def _converting(services: Services, options: SourceOptions) -> ConvertOptions:
    renames = {}
    for entry in options.rename_batch:
        name, new = _pair(entry, "--rename-batch", "COURSE/BATCH=NEW")
        course_id, slash, batch_id = name.rpartition("/")
        if not slash:
            raise Unusable(f"--rename-batch {entry} is not COURSE/BATCH=NEW.")
        renames[course_id, batch_id] = new
    try:
        job_zone = ZoneInfo(options.job_zone) if options.job_zone else None
    except (ZoneInfoNotFoundError, ValueError) as unknown:
        raise Unusable(f"--job-zone: there is no time zone {options.job_zone}.") from unknown
    return actions.options_of(services, renames, job_zone)


def _pair(entry: str, option: str, form: str) -> tuple[str, str]:
    name, equals, value = entry.partition("=")
    if not (name and equals and value):
        raise Unusable(f"{option} {entry} is not {form}.")
    return name, value


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
