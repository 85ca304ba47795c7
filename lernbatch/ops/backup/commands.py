"""`lernbatch backup` and `lernbatch restore`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from lernbatch import command
from lernbatch.clock import Clock
from lernbatch.database import opening
from lernbatch.ops.backup import actions
from lernbatch.ops.backup.model import Manifest


def backup(folder: Path, /, *, recipient: Annotated[list[str] | None, Parameter(negative="")] = None) -> None:
    """Back up the database, the keys and the files into a new folder, while the service runs.

    Example: `lernbatch backup backups/2026-12-01`

    Args:
        folder: it must be new, or empty
        recipient: encrypt for this public key of age (age1…); may be given several times
    """
    settings = command.settings()
    with opening.opened(settings) as dsn:
        asyncio.run(command.migrate(settings, dsn))
        now = Clock(settings.time_zone).now()
        manifest = asyncio.run(actions.make(settings, dsn, folder, now, recipient or ()))
    print(f"{folder}: {_described(manifest)} backed up{', encrypted' if manifest.encrypted else ''}.")
    for sentence in manifest.kept_elsewhere:
        print(f"Not in the backup: {sentence}")


def restore(
    folder: Path, /, *, check: Annotated[bool, Parameter(negative="")] = False, identity: Path | None = None
) -> None:
    """Restore a backup into an empty database and a home without keys and files.

    Example: `lernbatch restore backups/2026-12-01 --check`

    Args:
        folder: where `lernbatch backup` has put it
        check: read every byte of the backup, and change nothing
        identity: the file with age's secret key, for a backup that is encrypted
    """
    settings = command.settings()
    if check:
        manifest = actions.check(settings, folder, identity)
        said = " Its dump was not read: --identity names the key." if manifest.encrypted and identity is None else ""
        print(f"{folder}: {_described(manifest)}, from {manifest.made_at:%Y-%m-%d %H:%M %Z}, are whole.{said}")
        return
    with opening.opened(settings) as dsn:
        manifest = asyncio.run(actions.restore(settings, dsn, folder, identity))
        applied = asyncio.run(command.migrate(settings, dsn))
    print(f"{folder}: {_described(manifest)} restored; {len(applied)} migrations applied.")
    for sentence in manifest.kept_elsewhere:
        print(f"Not in the backup: {sentence}")


def _described(manifest: Manifest) -> str:
    return f"{sum(manifest.tables.values())} rows of {len(manifest.tables)} tables and {len(manifest.files)} files"
