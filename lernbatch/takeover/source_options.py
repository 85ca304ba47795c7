"""What a command says of its sources, and the sources opened so. See docs/moving-over.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cyclopts import Parameter

from lernbatch.config import Config
from lernbatch.database.db import Connection
from lernbatch.errors import Unusable
from lernbatch.services import Services
from lernbatch.sunbird_source.beside import open_archive, open_index, open_job_requests, open_registry
from lernbatch.sunbird_source.model import Options, SunbirdSource
from lernbatch.sunbird_source.opening import open_source
from lernbatch.takeover import actions
from lernbatch.takeover.convert.model import ConvertOptions


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


async def sources_as_copied(conn: Connection, options: SourceOptions) -> tuple[list[str], SourceOptions]:
    """The sources of the last pass, and the options that name what lay beside them."""
    named = await actions.sources_of_last_pass(conn)
    kinds = ("registry", "archive", "index", "job-requests")
    beside: dict[str, Any] = {
        kind.replace("-", "_"): [Path(text) for form, text in named if form == kind] for kind in kinds
    }
    return [text for form, text in named if form not in kinds], replace(options, **beside)


@contextmanager
def open_sources(
    config: Config, sources: Sequence[str], options: SourceOptions, bounds: Mapping[str, Mapping[str, Sequence[int]]]
) -> Iterator[list[SunbirdSource]]:
    """All sources, closed in the end. `bounds`: of an earlier run, by source. Raises: Unusable."""
    if not sources:
        raise Unusable("Name the source: cassandra://host/, ycql://host/, or the folder of an export.")
    columns = {}
    for entry in options.column:
        name, theirs = _pair(entry, "--column", "TABLE.OURS=THEIRS")
        table, dot, column = name.partition(".")
        if not dot:
            raise Unusable(f"--column {entry} is not TABLE.OURS=THEIRS.")
        columns[table, column] = theirs
    given = Options(
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


def convert_options(services: Services, options: SourceOptions) -> ConvertOptions:
    """How rows of the sources are converted. Raises: Unusable."""
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
