"""What every command begins with: the settings, and what actions need on the migrated database."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import sandbox
from lernbatch import environment, log
from lernbatch.clock import Clock
from lernbatch.config import Config
from lernbatch.database import citus, db, opening
from lernbatch.database import migrate as migrations
from lernbatch.database.db import Connection
from lernbatch.errors import Unusable

if TYPE_CHECKING:
    import httpx

    from lernbatch.services import Services


def settings() -> Config:
    """The settings of this process, and its log as they say. Raises: Unusable."""
    read = environment.load()
    log.configure(read.log_level)
    for old, new in environment.outdated().items():
        log.warning("a setting has a new name; the old one goes in the next version", old=old, new=new)
    for name, nearest in environment.unknown().items():
        log.warning("there is no such setting; nothing reads this variable", variable=name, nearest=nearest or None)
    return read


def refuse_sandbox_keys(read: Config) -> None:
    """Let nobody serve others by accident with identity keys that make a token for anybody. Raises: Unusable."""
    if read.exposure and read.authentication_enabled and read.public_key_folder is None and not read.sandbox:
        raise Unusable(
            f"This installation is for others ({read.exposure}) and has the sandbox's identity keys, whose tokens "
            "`lernbatch token` makes for anybody: set LERNBATCH_PUBLIC_KEY_FOLDER to the keys of your identity "
            "provider, or LERNBATCH_SANDBOX=true where it is for trying out alone."
        )


async def migrate(read: Config, dsn: str, *, with_sandbox: bool = False) -> list[str]:
    """Apply what the product's tables lack, and the sandbox's where it answers; returns the migrations' names.

    Where the tables are distributed, new ones are too.
    """
    applied = await migrations.migrate(dsn)
    if applied and await citus.shards_of(dsn) is not None:
        await citus.distribute(dsn)
    if with_sandbox or read.uses_sandbox:
        applied += await migrations.migrate(dsn, sandbox.MIGRATIONS)
    return applied


async def unmuted(read: Config, dsn: str) -> Config:
    """The settings as they count on this database: after the hand-over nothing is muted, whatever is set (M43)."""
    if not read.is_muted:
        return read
    from lernbatch.takeover import hand_over  # the whole of moving over, which few installations need

    conn = await db.connect(dsn)
    try:
        handed_over = await hand_over.is_done(conn)
    finally:
        await conn.close()
    if handed_over:
        log.warning("LERNBATCH_TAKEOVER is set and does not count: this installation was handed over")
    return read.model_copy(update={"takeover": "off"}) if handed_over else read


@asynccontextmanager
async def services() -> AsyncIterator[Services]:
    """What actions need, on the migrated database of this installation."""
    async with services_and_dsn() as (held, _):
        yield held


@asynccontextmanager
async def services_and_dsn() -> AsyncIterator[tuple[Services, str]]:
    """The same, and the DSN, for who needs a connection of its own whose statements may take their time."""
    from lernbatch.app import services as opened  # the whole service, which not every command needs

    read = settings()
    with opening.opened(read) as dsn:
        await migrate(read, dsn)
        async with opened(await unmuted(read, dsn), dsn) as held:
            yield held, dsn


@asynccontextmanager
async def answering(read: Config, dsn: str) -> AsyncIterator[httpx.AsyncClient]:
    """The whole service in this process, on no port, and a client that asks it."""
    import httpx

    from lernbatch.app import create

    application = create(read, dsn, jobs=())
    async with (
        application.running(),
        httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://here") as client,
    ):
        yield client


@asynccontextmanager
async def connection(*, with_sandbox: bool = False) -> AsyncIterator[tuple[Config, Connection]]:
    """The settings, and a connection to the migrated database: enough for a command that calls no other service."""
    read = settings()
    with opening.opened(read) as dsn:
        await migrate(read, dsn, with_sandbox=with_sandbox)
        conn = await db.connect(dsn)
        try:
            yield read, conn
        finally:
            await conn.close()


def note(what: str, *, about: str | None = None) -> None:
    """Note in the audit trail what a command has done. Where that cannot be, it is said: the deed stands."""
    from lernbatch.web import audit

    async def work() -> None:
        async with connection() as (read, conn):
            await audit.write(conn, Clock(read.time_zone).now(), audit.OPERATOR, what, about=about)

    try:
        asyncio.run(work())
    except (Unusable, *db.UNREACHABLE) as wrong:
        print(f"lernbatch: {what} is not in the audit trail: {wrong}", file=sys.stderr)  # noqa: T201 - for the operator
