"""The command line: one command, one thing; it owns no rule. What goes wrong is one sentence and a non-zero exit."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import ExitStack
from typing import Annotated, Any

from cyclopts import App, CycloptsError, Parameter
from rich.console import Console
from rich.table import Table

from lernbatch import __version__, checkup, command, config, serving, worker
from lernbatch.account import commands as accounts
from lernbatch.batch.commands import batch
from lernbatch.certificate import commands as certificate
from lernbatch.demo.command import demo
from lernbatch.errors import LernbatchError, Unusable
from lernbatch.exhaust import commands as exhausts
from lernbatch.neighbours import commands as neighbours
from lernbatch.outbox import commands as outbox
from lernbatch.pg import database
from lernbatch.pg.migrate import migrate
from lernbatch.progress import commands as progress
from lernbatch.schedule import JOBS
from lernbatch.summary import commands as summaries

app = App(
    name="lernbatch",
    version=__version__,
    help="The batch service of a learning platform. Settings come from the environment: see `lernbatch config`.",
    help_format="markdown",
)
db = App(name="db", help="The database.")
app.command(db)
app.command(demo)
app.command(exhausts.app)
app.command(certificate.app)
app.command(certificate.verify)
app.command(batch)
app.command(accounts.app)
app.command(progress.app)
app.command(summaries.app)
app.command(neighbours.imports)
app.command(neighbours.neighbours)
app.command(neighbours.token)
app.command(outbox.replay)


def main() -> None:
    """Run the command of `sys.argv`; 0: done, 1: it could not, 2: it was asked wrongly, 130: interrupted."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what a command opened is closed
    try:
        app(sys.argv[1:], exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as wrong:
        _fail(f"{wrong} See `{' '.join(['lernbatch', *(wrong.command_chain or ())])} --help`.", 2)
    except (Unusable, LernbatchError) as wrong:
        _fail(str(wrong), 1)
    except KeyboardInterrupt:
        _fail("Interrupted.", 130)
    except BrokenPipeError:
        sys.exit(1)  # who read our output has left
    except Exception as wrong:  # an operator gets a sentence; who wants the trace asks for it
        if os.environ.get("LERNBATCH_LOG_LEVEL", "").lower() == "debug":
            raise
        kind, said = type(wrong).__name__, str(wrong).partition("\n")[0]
        _fail(f"{said or 'It failed'} ({kind}; LERNBATCH_LOG_LEVEL=debug shows where).", 1)


def _fail(sentence: str, code: int) -> None:
    print(f"lernbatch: {sentence}", file=sys.stderr)
    sys.exit(code)


@app.command
def serve(
    *,
    host: str | None = None,
    port: int | None = None,
    workers: Annotated[int, Parameter(validator=lambda _, n: _at_least_one(n))] = 1,
    jobs: bool = True,
) -> None:
    """Serve the API and work on jobs, until SIGTERM.

    Example: `lernbatch serve --port 9000 --workers 4`

    Args:
        host: the address to listen on; else LERNBATCH_HOST
        port: the port to listen on, 0 takes a free one; else LERNBATCH_PORT
        workers: how many processes
        jobs: work on jobs too, or leave them to `lernbatch worker`
    """
    settings = command.settings()
    sock = serving.listening(host or settings.host, settings.port if port is None else port)
    socks = [sock]
    if settings.operators_port is not None:
        socks.append(serving.listening(host or settings.host, settings.operators_port, "LERNBATCH_OPERATORS_PORT"))
    changed: dict[str, Any] = {"jobs_enabled": jobs and settings.jobs_enabled}
    if config.source("public_url") is None:
        changed["public_url"] = serving.url(sock)
    with ExitStack() as opened:
        for each in socks:
            opened.enter_context(each)
        dsn = opened.enter_context(database.opened(settings))
        asyncio.run(migrate(dsn))
        described = serving.url(socks[-1])
        print(f"Lernbatch serves {serving.url(sock)}, its API is described at {described}/docs", flush=True)
        if workers == 1:
            serving.serve(settings.model_copy(update=changed), dsn, socks)
        else:
            serving.serve_many(dsn, socks, workers, {f"LERNBATCH_{k.upper()}": str(v) for k, v in changed.items()})


def _at_least_one(number: int) -> None:
    if number < 1:
        raise ValueError("there must be at least one process.")


@app.command(name="worker")
def work() -> None:
    """Work on jobs alone, until SIGTERM: as many of these as you like, on as many machines.

    Example: `lernbatch worker`
    """

    async def until_told() -> None:
        told = asyncio.Event()
        for sign in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(sign, told.set)
        async with command.services() as held, worker.running(held, JOBS):
            print("Lernbatch works on jobs.", flush=True)
            await told.wait()

    asyncio.run(until_told())


@app.command
def job(name: str) -> None:
    """Run one kind of job now, until nothing of it is due; beside a running service too.

    Example: `lernbatch job batch.move_statuses`

    Args:
        name: the kind, as schedule.py names it
    """
    wanted = next((job for job in JOBS if job.kind == name), None)
    if wanted is None:
        known = ", ".join(sorted(job.kind for job in JOBS))
        raise Unusable(f"There is no job {name}; the jobs are: {known}.")

    async def once() -> int:
        async with command.services() as held:
            return await worker.run_now(held, wanted)

    print(f"{name}: {asyncio.run(once())} done.")


@app.command(name="migrate")
def migrate_() -> None:
    """Bring the database forward to this version. `serve` does so too.

    Example: `lernbatch migrate`
    """
    with database.opened(command.settings()) as dsn:
        applied = asyncio.run(migrate(dsn))
    print("\n".join([*applied, f"{len(applied)} migrations applied."]) if applied else "Nothing to migrate.")


@db.command(name="url")
def db_url() -> None:
    """Print the DSN of the database in use, its password included. The embedded server listens while a command uses it.

    Example: `psql "$(lernbatch db url)"`, while `lernbatch serve` runs
    """
    with database.opened(command.settings()) as dsn:
        print(dsn)


@app.command(name="config")
def config_(*, as_json: Annotated[bool, Parameter(name="--json", negative="")] = False) -> None:
    """Print every setting, its value, and the variable that supplied it. Secrets are masked.

    Example: `lernbatch config --json`

    Args:
        as_json: one JSON object instead of a table
    """
    rows = config.shown(command.settings())
    if as_json:
        print(json.dumps({row.name: {"value": row.value, "source": row.source} for row in rows}, indent=2))
        return
    table = Table("setting", "value", "source", box=None)
    for row in rows:
        table.add_row(row.name, row.value, row.source)
    Console(soft_wrap=True).print(table)


@app.command
def check() -> None:
    """Look whether this installation is healthy: database, migrations, keys, folders, neighbours, clock, disk.

    Example: `lernbatch check`
    """
    findings = asyncio.run(checkup.run(command.settings()))
    for finding in findings:
        print(f"{'ok    ' if finding.ok else 'failed'}  {finding.name}: {finding.sentence}")
    failed = sum(not finding.ok for finding in findings)
    if failed:
        raise Unusable(f"{failed} of {len(findings)} checks failed.")
