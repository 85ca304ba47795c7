"""The report of a pass: the same as JSON and as a page to read, and a file of all problems of each kind."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from lernbatch.sunbird_source.model import SunbirdSource
from lernbatch.tables.formulas import neutral
from lernbatch.takeover.convert.model import OF_COURSES, WEIGHTS, Fate, weight
from lernbatch.takeover.database import Q, Tables
from lernbatch.takeover.passes import Pass

EXAMPLES = 10
PAGE = 5000


@dataclass(frozen=True, slots=True)
class KindCount:
    """How many there are of a kind."""

    kind: str
    count: int


@dataclass(frozen=True, slots=True)
class StoredProblem:
    """A problem as it was noted."""

    problem_id: int
    kind: str
    key: list[str]
    said: Mapping[str, Any]

    @property
    def shown(self) -> dict[str, Any]:
        return {"key": self.key, **self.said}


async def gather(moving: Pass) -> dict[str, Any]:
    """What a pass has to say at its end. Sums by table; problems by kind with their weight and ten examples."""
    counts = moving.counts
    problems: dict[str, Any] = {}
    for row in await moving.tables.all(KindCount, Q.problem_counts):
        examples = await moving.tables.all(StoredProblem, Q.problems_of_kind, kind=row.kind, after=0, limit=EXAMPLES)
        problems[row.kind] = {
            "weight": weight(row.kind),
            "count": row.count,
            "examples": [problem.shown for problem in examples],
        }
    tables: dict[str, dict[str, int]] = {}
    for table, rows in sorted(counts.rows.items()):
        # rows = taken + joined + derived + held (M15); what is left over is a fault of ours, and is shown.
        sums = {fate.value: counts.fates.get((table, fate.value), 0) for fate in Fate}
        tables[table] = {"rows": rows, **sums, "unaccounted": rows - sum(sums.values())}
    # Tables of which the export's own log tells more rows than were read (M07).
    short: list[str] = []
    for place, source in enumerate(moving.sources):
        for name, described in sorted(source.tables.items()):
            rows, logged = counts.by_source[place, name], described.logged_rows
            if logged is not None and logged != rows:
                short.append(f"{source.text}: {rows} rows of {name} were read, its export's log says {logged}.")
    return {
        "command": moving.command,
        "tables": tables,
        "dropped_columns": {f"{table}.{column}": count for (table, column), count in sorted(counts.dropped.items())},
        "target": {"batch": len(moving.facts), **dict(sorted(counts.built.items()))},
        "problems": dict(sorted(problems.items(), key=lambda item: ([*WEIGHTS].index(item[1]["weight"]), item[0]))),
        "not_asked": sorted(OF_COURSES) if moving.unread else [],
        "courses": {"unknown": sorted(moving.unknown), "not_asked": sorted(moving.unread)},
        "batch_edges": {name: moving.zones[name] for name in ("zone", "utc", "neither")},
        "sources": [
            {
                **describe(source),
                "rows": {table: rows for (of, table), rows in sorted(counts.by_source.items()) if of == place},
            }
            for place, source in enumerate(moving.sources)
        ],
        "warnings": [*short, *_moved_once(moving)],
    }


def _moved_once(moving: Pass) -> list[str]:
    """A YugabyteDB that was loaded from Cassandra lost apostrophes and rows; the older export has them (M11)."""
    with_batches = [(place, source) for place, source in enumerate(moving.sources) if "course_batch" in source.tables]
    loaded = [place for place, source in with_batches if source.form == "ycql"]
    if not loaded or len(loaded) == len(with_batches):
        return []
    counts = moving.counts.by_source
    compared = [
        f"{name}: {', '.join(str(counts[place, name]) for place, _ in with_batches)}"
        for name in sorted({table for place, table in counts if place in loaded})
    ]
    return [
        "A YugabyteDB is given beside the Cassandra that it was loaded from. For cert_templates and question the latter"
        f" is better: give it first. Rows by source: {'; '.join(compared)}."
    ]


def describe(source: SunbirdSource) -> dict[str, Any]:
    """What was found out of a source, guesses named."""
    return {
        "source": source.text,
        "form": source.form,
        "escape": source.escape,
        "rounded": source.rounds,
        "bounds": source.bounds,
        "tables": {
            name: {
                "called": table.called,
                "bytes": table.size_bytes,
                "logged_rows": table.logged_rows,
                "columns": dict(table.columns),
                "guessed_columns": table.guessed_columns,
                "unknown_columns": list(table.unknown),
                "guessed_name": table.guessed_name,
            }
            for name, table in sorted(source.tables.items())
        },
        "set_aside": dict(source.set_aside),
    }


async def write(folder: Path, report: Mapping[str, Any], tables: Tables | None = None) -> Path:
    """Write `report` as COMMAND.json and COMMAND.html, and KIND.csv of every kind. Returns the page's path."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # loaded where a page is written

    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - a command serves nobody meanwhile
    name = str(report["command"])
    (folder / f"{name}.json").write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    page = folder / f"{name}.html"
    pages = Environment(
        loader=PackageLoader("lernbatch.takeover", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    page.write_text(pages.get_template("report.html").render(report=report), encoding="utf-8")
    if tables is not None:
        for kind in report["problems"]:  # all of them: key, what was, what is, and whatever else is said
            with (folder / f"{kind}.csv").open("w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file)
                writer.writerow(("key", "was", "is", "more"))
                after = 0
                while problems := await tables.all(
                    StoredProblem, Q.problems_of_kind, kind=kind, after=after, limit=PAGE
                ):
                    for problem in problems:
                        said = dict(problem.said)
                        was, now = said.pop("stored", ""), said.pop("reckoned", "")
                        more = msgspec.json.encode(said).decode() if said else ""
                        cells = (" ".join(problem.key), was, now, more)
                        writer.writerow(neutral(["" if cell is None else str(cell) for cell in cells]))
                    after = problems[-1].problem_id
    return page
