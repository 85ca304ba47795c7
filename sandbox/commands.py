"""Commands of the sandbox: fill it, serve it over TCP."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from cyclopts import App

from lernbatch import command
from lernbatch.clock import Clock
from lernbatch.database.db import Connection
from lernbatch.errors import Unusable
from sandbox import importing
from sandbox.importing import Imported
from sandbox.published import NotImportable

PROBLEMS_SHOWN = 20
Import: TypeAlias = Callable[[Connection, Path, datetime], Awaitable[str | Imported]]

imports = App(name="import", help="Fill the sandbox from files; of each file the good rows go in, or nothing.")


@imports.command
def course(files: list[Path], /, *, force_trackable: bool = False) -> None:
    """Import courses: what the platform's hierarchy call answers with, as JSON.

    Example: `lernbatch import course algebra.json`

    Args:
        files: one or more
        force_trackable: take a tree that does not say whether it is trackable
    """

    async def one(conn: Connection, file: Path, now: datetime) -> str:
        course = await importing.course(conn, file, now, force_trackable=force_trackable)
        return f"course {course.course_id} with {len(course.leaf_nodes)} leaf nodes"

    _import(files, one)


@imports.command
def users(files: list[Path], /) -> None:
    """Import people from CSV with the columns user_id, first_name, org_id, roles and more; see docs/operations.md.

    Example: `lernbatch import users teachers.csv learners.csv`

    Args:
        files: one or more
    """
    _import(files, lambda conn, file, _: importing.people(conn, file))


@imports.command
def orgs(files: list[Path], /) -> None:
    """Import organisations from CSV with the columns org_id, name, channel, is_root.

    Example: `lernbatch import orgs schools.csv`

    Args:
        files: one or more
    """
    _import(files, lambda conn, file, _: importing.organisations(conn, file))


@imports.command
def consents(files: list[Path], /) -> None:
    """Import consents from CSV with the columns user_id, consumer_id, object_id, status, updated_at, expires_at.

    Example: `lernbatch import consents june.csv`

    Args:
        files: one or more
    """
    _import(files, importing.consents)


@imports.command
def templates(files: list[Path], /) -> None:
    """Import certificate templates: JSON as the asset read answers with, an SVG of the same name beside it.

    Example: `lernbatch import templates merit.json`

    Args:
        files: one or more
    """

    async def one(conn: Connection, file: Path, _: datetime) -> str:
        return f"template {await importing.template(conn, file)}"

    _import(files, one)


@imports.command
def groups(files: list[Path], /) -> None:
    """Import groups: JSON as the group service answers with, one or a list.

    Example: `lernbatch import groups class-7b.json`

    Args:
        files: one or more
    """
    _import(files, lambda conn, file, _: importing.groups(conn, file))


def serve(*, host: str = "127.0.0.1", port: int = 8001) -> None:
    """Serve the sandbox over TCP, for other programs or for a service elsewhere, until SIGTERM.

    Example: `lernbatch sandbox --port 8001`

    Args:
        host: the address to listen on
        port: the port to listen on, 0 takes a free one
    """
    from lernbatch.database import opening
    from lernbatch.web import server
    from sandbox.app import standalone

    settings = command.settings()
    sock = server.listening(host, port)
    with sock, opening.opened(settings) as dsn:
        asyncio.run(command.migrate(settings, dsn, with_sandbox=True))
        print(f"The sandbox answers on {server.url(sock)}", flush=True)
        server.serve_alone(standalone(settings, dsn), settings, sock)


def neighbours(*, host: str = "127.0.0.1", port: int = 8001) -> None:
    """The old name of `sandbox`; it goes in the next version.

    Example: `lernbatch neighbours --port 8001`

    Args:
        host: the address to listen on
        port: the port to listen on, 0 takes a free one
    """
    print("lernbatch: `neighbours` is now called `sandbox`; the old name goes in the next version.", file=sys.stderr)
    serve(host=host, port=port)


def _import(files: list[Path], import_file: Import) -> None:
    """Import every file and say with numbers what went in. Raises: Unusable, when something did not."""

    async def work() -> list[bool]:
        async with command.connection(with_sandbox=True) as (settings, conn):
            now = Clock(settings.time_zone).now()
            return [await _report(file, import_file(conn, file, now)) for file in files]

    if not all(asyncio.run(work())):
        raise Unusable("Not everything was imported; the lines above say what was left out and why.")


async def _report(file: Path, importing_it: Awaitable[str | Imported]) -> bool:
    """Print with numbers what went in. Returns whether all of it did."""
    try:
        done = await importing_it
    except NotImportable as wrong:
        print(f"{file}: nothing imported. {wrong}", file=sys.stderr)
        return False
    if isinstance(done, str):
        print(f"{file}: {done} imported.")
        return True
    print(f"{file}: {done.count} imported, {len(done.problems)} left out.")
    for problem in done.problems[:PROBLEMS_SHOWN]:
        print(f"{file}, line {problem.line}: {problem.reason}", file=sys.stderr)
    if len(done.problems) > PROBLEMS_SHOWN:
        print(f"{file}: … and {len(done.problems) - PROBLEMS_SHOWN} more.", file=sys.stderr)
    return not done.problems
