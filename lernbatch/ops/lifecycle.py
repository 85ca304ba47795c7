"""The lines of the log in which a process says that it starts, as what, and that it has stopped."""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from lernbatch import __version__, environment, log
from lernbatch.database import db
from lernbatch.ops.health import Q
from lernbatch.services import Services


@asynccontextmanager
async def noted(services: Services) -> AsyncIterator[None]:
    """One line when the process starts (its version, the newest migration, settings that differ), one when it ends."""
    differing = {row.name: row.value for row in environment.shown(services.config) if row.source != environment.DEFAULT}
    migration = await db.value(services.pool, Q.newest_migration)
    python = ".".join(map(str, sys.version_info[:3]))
    log.info("started", version=__version__, python=python, migration=migration, settings=differing)
    began = time.monotonic()
    try:
        yield
    finally:
        log.info("stopped", after_seconds=round(time.monotonic() - began))
