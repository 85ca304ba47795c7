"""The command line: one command, one thing; it owns no rule. What goes wrong is one sentence and a non-zero exit.

What a command needs is loaded by the command, so that none waits for the libraries of the others.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Annotated, Any

from cyclopts import App, CycloptsError, Parameter

from lernbatch import __version__
from lernbatch.errors import LernbatchError, Unusable

app = App()
db = App(name="db", help="The database.")
app.command(db)

# The commands of the rooms: where each is, and its line in the list of all. Only the one that is called is loaded,
# for all of them, and the libraries behind them, take seconds.
ELSEWHERE = {
    "demo": (
        "sandbox.demo.command:demo",
        "Run a batch from creation to certificates on bundled input, over real HTTP; the service then runs on.",
    ),
    "exhaust": ("lernbatch.exhaust.commands:app", "Make reports of batches."),
    "certificate": (
        "lernbatch.certificate.commands:app",
        "Certificates: explain, retry, revoke, download those of a batch, make new keys.",
    ),
    "verify": (
        "lernbatch.certificate.commands:verify",
        "Check a certificate (.pdf, .png or .svg with its credential in it, or .json or .jwt) "
        "without server or network.",
    ),
    "batch": ("lernbatch.batch.commands:batch", "Batches."),
    "account": ("lernbatch.account.commands:app", "Accounts: merge two, delete or erase one."),
    "reconcile": (
        "lernbatch.progress.commands:reconcile",
        "Recompute enrolments from what is stored and print the differences. Exits with 1 if there are any.",
    ),
    "explain": (
        "lernbatch.summary.commands:explain",
        "Explain a learner's status and percentage, what is missing, and whether a certificate follows.",
    ),
    "shadow": (
        "lernbatch.shadow.commands:app",
        "Run beside the old service: it answers, ours is asked too, and the answers are compared.",
    ),
    "import": (
        "sandbox.commands:imports",
        "Fill the sandbox from files; of each file the good rows go in, or nothing.",
    ),
    "sandbox": (
        "sandbox.commands:serve",
        "Serve the sandbox over TCP, for other programs or for a service elsewhere, until SIGTERM.",
    ),
    "neighbours": ("sandbox.commands:neighbours", "The old name of `sandbox`; it goes in the next version."),
    "token": (
        "sandbox.token:token",
        "Print a token of USER for the header X-Authenticated-User-Token, with the roles that USER was imported with.",
    ),
    "audit": ("lernbatch.ops.commands:audit", "Print who did what to whom, when and from where, the newest first."),
    "sunbird": (
        "lernbatch.takeover.commands:app",
        "Move over from a running Sunbird: plan, copy, catch up, verify, hand over, and back.",
    ),
    "backup": (
        "lernbatch.ops.backup.commands:backup",
        "Back up the database, the keys and the files into a new folder, while the service runs.",
    ),
    "restore": (
        "lernbatch.ops.backup.commands:restore",
        "Restore a backup into an empty database and a home without keys and files.",
    ),
    "inbox": ("lernbatch.inbox.commands:app", "What was heard from the platform's topics and given up: list, replay."),
    "replay": (
        "lernbatch.jobs.outbox.commands:replay",
        "Send the parked events of the outbox again, each as it was written.",
    ),
}


def command_line(words: Sequence[str]) -> App:
    """All commands, to be called with `words`: the command that they name tells all of itself, the others a line."""
    whole = App(
        name="lernbatch",
        version=__version__,
        help="The batch service of a learning platform. Settings come from the environment: see `lernbatch config`.",
        help_format="markdown",
    )
    whole.command(app, name="*")
    for name, (path, line) in ELSEWHERE.items():
        whole.command(path, name=name, help=None if name in words[:1] else line)
    return whole


def main() -> None:
    """Run the command of `sys.argv`; 0: done, 1: it failed, 2: wrong arguments, 130: interrupted."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what a command opened is closed
    try:
        command_line(sys.argv[1:])(sys.argv[1:], exit_on_error=False, print_error=False, result_action="return_value")
        sys.stdout.flush()  # what is still in the buffer may fail, too
    except CycloptsError as wrong:
        _fail(f"{wrong} See `{' '.join(['lernbatch', *(wrong.command_chain or ())])} --help`.", 2)
    except (Unusable, LernbatchError) as wrong:
        _fail(str(wrong), 1)
    except KeyboardInterrupt:
        _fail("Interrupted.", 130)
    except BrokenPipeError:  # of the output, or of a server that went away: nothing ends without a sentence
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python would write the rest when it ends
        _fail("Whoever read the output, or a server that was being asked, has left (BrokenPipeError).", 1)
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
    from lernbatch import command, environment
    from lernbatch.database import opening
    from lernbatch.web import server
    from lernbatch.web import workers as parent

    settings = command.settings()
    settings = settings.model_copy(update={"host": host or settings.host})
    command.refuse_sandbox_keys(settings)
    sock = server.listening(settings.host, settings.port if port is None else port)
    socks = [sock]
    if settings.operators_port is not None:
        socks.append(server.listening(settings.host, settings.operators_port, "LERNBATCH_OPERATORS_PORT"))
    changed: dict[str, Any] = {"host": settings.host, "jobs_enabled": jobs and settings.jobs_enabled}
    if environment.source("public_url") is None:
        changed["public_url"] = server.url(sock)
    with ExitStack() as opened:
        for each in socks:
            opened.enter_context(each)
        dsn = opened.enter_context(opening.opened(settings))
        asyncio.run(command.migrate(settings, dsn))
        settings = asyncio.run(command.unmuted(settings, dsn))
        changed["takeover"] = settings.takeover
        described = server.url(socks[-1])
        print(f"Lernbatch serves {server.url(sock)}, its API is described at {described}/docs", flush=True)
        if workers == 1:
            from lernbatch.app import create  # with all that requests need; who only watches over others does without

            settings = settings.model_copy(update=changed)
            server.serve(create(settings, dsn), settings, socks)
        else:
            variables = {f"LERNBATCH_{name.upper()}": str(value) for name, value in changed.items()}
            apart = changed["jobs_enabled"] and settings.reports_apart
            database = None if settings.database_url else parent.hold_database(settings)
            descriptors = [each.fileno() for each in socks]
            kept = parent.Workers("lernbatch.app", workers, apart, descriptors, settings.log_level, database)
            parent.become(kept, dsn, variables)


def _at_least_one(number: int) -> None:
    if number < 1:
        raise ValueError("there must be at least one process.")


@app.command(name="worker")
def work() -> None:
    """Work on jobs alone, until SIGTERM: as many of these as you like, on as many machines.

    Example: `lernbatch worker`
    """

    from lernbatch import command, service_manager
    from lernbatch.jobs import worker
    from lernbatch.ops import lifecycle
    from lernbatch.schedule import JOBS

    async def until_stopped() -> None:
        async with command.services() as held, lifecycle.noted(held), service_manager.watched():
            service_manager.notify(service_manager.READY)
            print("Lernbatch works on jobs.", flush=True)
            await worker.work(held, JOBS)

    asyncio.run(until_stopped())


@app.command
def job(name: str) -> None:
    """Run one kind of job now, until nothing of it is due; beside a running service too.

    Example: `lernbatch job batch.move_statuses`

    Args:
        name: the kind, as schedule.py names it
    """
    from lernbatch import command
    from lernbatch.jobs import worker
    from lernbatch.schedule import JOBS, RENAMED

    if name in RENAMED:
        print(
            f"lernbatch: {name} is now called {RENAMED[name]}; the old name goes in the next version.", file=sys.stderr
        )
        name = RENAMED[name]
    job = next((job for job in JOBS if job.kind == name), None)
    if job is None:
        kinds = ", ".join(sorted(job.kind for job in JOBS))
        raise Unusable(f"There is no job {name}; the jobs are: {kinds}.")

    async def once() -> int:
        async with command.services() as held:
            return await worker.run_now(held, job)

    print(f"{name}: {asyncio.run(once())} done.")


@app.command(name="migrate")
def migrate_(
    *,
    citus: Annotated[bool, Parameter(negative="")] = False,
    shards: Annotated[int, Parameter(validator=lambda _, n: _at_least_one(n))] = 32,
) -> None:
    """Bring the database forward to this version. `serve` does so too.

    Example: `lernbatch migrate`

    Args:
        citus: distribute the tables over the nodes of Citus as well; once and again after nodes or versions changed
        shards: how many shards, where nothing is distributed yet: two to four times as many as there will be workers
    """
    from lernbatch import command
    from lernbatch.database import citus as cluster
    from lernbatch.database import opening

    settings = command.settings()
    with opening.opened(settings) as dsn:
        applied = asyncio.run(command.migrate(settings, dsn))
        print("\n".join([*applied, f"{len(applied)} migrations applied."]) if applied else "Nothing to migrate.")
        if citus:
            distributed = asyncio.run(cluster.distribute(dsn, shards))
            print("\n".join(distributed) if distributed else "Nothing to distribute.")


@db.command(name="url")
def db_url() -> None:
    """Print the DSN of the database in use, its password included. The embedded server listens while a command uses it.

    Example: `psql "$(lernbatch db url)"`, while `lernbatch serve` runs
    """
    from lernbatch import command
    from lernbatch.database import opening

    with opening.opened(command.settings()) as dsn:
        print(dsn)


@db.command(name="partition")
def db_partition(*, parts: int = 8, abandon: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Cut the tables `enrolment` and `attempt` into parts by learner, while the service runs; docs/scale.md says when.

    A run that ends in the middle, whatever the reason, is gone on with by the next one.

    Example: `lernbatch db partition --parts 32`

    Args:
        parts: into how many; it cannot be changed later
        abandon: delete the copies of an unfinished run instead
    """
    from lernbatch import command
    from lernbatch.database import opening, partitioning

    def say(line: str) -> None:
        print(line, flush=True)

    with opening.opened(command.settings()) as dsn:
        asyncio.run(partitioning.abandon(dsn, say) if abandon else partitioning.partition(dsn, parts, say))


@app.command(name="config")
def config_(*, as_json: Annotated[bool, Parameter(name="--json", negative="")] = False) -> None:
    """Print every setting, its value, and the variable that supplied it. Secrets are masked.

    Example: `lernbatch config --json`

    Args:
        as_json: one JSON object instead of a table
    """
    from rich.table import Table

    from lernbatch import command, environment
    from lernbatch.screen import Screen

    rows = environment.shown(command.settings())
    if as_json:
        print(json.dumps({row.name: {"value": row.value, "source": row.source} for row in rows}, indent=2))
        return
    table = Table("setting", "value", "source", box=None)
    for row in rows:
        table.add_row(row.name, row.value, row.source)
    Screen(soft_wrap=True).print(table)


@app.command
def check() -> None:
    """Check whether this installation is healthy: database, migrations, keys, folders, other services, clock, disk.

    Example: `lernbatch check`
    """
    from lernbatch import command
    from lernbatch.ops import checkup

    findings = asyncio.run(checkup.run(command.settings()))
    for finding in findings:
        print(f"{'ok    ' if finding.ok else 'failed'}  {finding.name}: {finding.sentence}")
    failed = sum(not finding.ok for finding in findings)
    if failed:
        raise Unusable(f"{failed} of {len(findings)} checks failed.")
