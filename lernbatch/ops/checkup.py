"""Is this installation healthy? What `lernbatch check` looks at, one sentence each, for the operator."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import httpx

from lernbatch.config import Config
from lernbatch.credential import keys as certificates
from lernbatch.database import db, opening
from lernbatch.database.migrate import pending
from lernbatch.erasure import actions as erasure
from lernbatch.errors import Unusable
from lernbatch.web.tokens import Keys
from sandbox import identity

OLDEST_POSTGRES = 15
CLOCK_SKEW_SECONDS = 5
FREE_DISK_BYTES = 512 * 1024 * 1024
TIMEOUT_SECONDS = 5
LONGEST_ERASURE = timedelta(days=1)
LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found; `sentence` says what is, and what to do if it is not well."""

    name: str
    ok: bool
    sentence: str


async def run(config: Config) -> list[Finding]:
    """Every check, in the order in which an operator would mend what failed."""
    found = [_home(config)]
    try:
        with opening.opened(config) as dsn:
            found += [finding async for finding in _database(dsn)]
    except Unusable as wrong:
        found.append(Finding("database", False, str(wrong)))
    found += [_trust(config), _keys(config), _certificate_keys(config), _files(config)]
    found += [finding async for finding in _neighbours(config)]
    found.append(_disk(config))
    return found


async def _database(dsn: str) -> AsyncIterator[Finding]:
    try:
        conn = await asyncpg.connect(dsn, timeout=TIMEOUT_SECONDS)
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as wrong:
        yield Finding("database", False, f"It cannot be reached ({wrong or type(wrong).__name__}).")
        return
    try:
        version: str = await conn.fetchval("SHOW server_version")
        told = f"PostgreSQL {version.partition(' ')[0]}"
        new_enough = conn.get_server_version().major >= OLDEST_POSTGRES
        yield Finding("database", new_enough, f"{told}." if new_enough else f"{told} is older than {OLDEST_POSTGRES}.")
        missing = await pending(dsn)
        told = f"It lacks {', '.join(missing)}: run `lernbatch migrate`." if missing else "None is missing."
        yield Finding("migrations", not missing, told)
        if not missing:
            yield _erasures(await db.value(conn, erasure.Q.waiting_since))
        theirs: datetime = await conn.fetchval("SELECT clock_timestamp()")
        skew = abs((datetime.now(UTC) - theirs).total_seconds())
        yield Finding("clock", skew < CLOCK_SKEW_SECONDS, f"{skew:.1f} seconds apart from the database's.")
    finally:
        await conn.close()


def _erasures(since: datetime | None) -> Finding:
    late = since is not None and datetime.now(UTC) - since > LONGEST_ERASURE
    told = "None waits." if since is None else f"The oldest was asked for at {since:%Y-%m-%d %H:%M} UTC."
    return Finding("erasures", not late, f"{told} Do the jobs run?" if late else told)


def _trust(config: Config) -> Finding:
    """What lets callers do more than they may, where others can reach this installation."""
    if config.host in LOOPBACK and urlsplit(config.public_url).hostname in LOOPBACK:
        return Finding("trust", True, "Nobody reaches it from another machine.")
    unfit = {
        "LERNBATCH_AUTHENTICATION_ENABLED=false takes every call for anybody's": not config.authentication_enabled,
        "without LERNBATCH_PUBLIC_KEY_FOLDER the tokens of `lernbatch token` count": config.public_key_folder is None,
        "LERNBATCH_ROLES_ENFORCED=nowhere asks for no role": config.roles_enforced == "nowhere",
        "LERNBATCH_OWNERSHIP_ENFORCED=false gives everybody every batch": not config.ownership_enforced,
        "LERNBATCH_PRIVATE_NETWORKS opens /private/… to all": any(
            network.prefixlen == 0 for network in config.private_networks
        ),
    }
    told = [sentence for sentence, holds in unfit.items() if holds]
    return Finding("trust", not told, f"{'; '.join(told)}." if told else "Tokens, roles and ownership are asked for.")


def _home(config: Config) -> Finding:
    return _writable("home", config.home)


def _certificate_keys(config: Config) -> Finding:
    try:
        found = certificates.read_ring(certificates.folder_of(config))
        signs = bool(found) and certificates.Ring("", found).signing is not None
    except Unusable as wrong:
        return Finding("certificate keys", False, str(wrong))
    return Finding("certificate keys", True, f"{len(found)} of them." if signs else "One is made at the first use.")


def _files(config: Config) -> Finding:
    store = config.file_store
    if store and "://" in store:
        return Finding("files", True, f"Exhausts go to {store.partition('?')[0]}.")
    return _writable("files", Path(store) if store else config.home / "files", mode=0o700)


def _writable(name: str, folder: Path, mode: int = 0o777) -> Finding:
    try:
        folder.mkdir(mode=mode, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return Finding(name, True, f"{folder} is writable.")
    except OSError as wrong:
        return Finding(name, False, f"{folder} is not writable ({wrong.strerror}).")


def _keys(config: Config) -> Finding:
    folder = config.public_key_folder or identity.public_folder(config.home)
    try:
        keys = Keys(folder, config.key_reload_seconds)
        keys.load()
        count = len(keys.current())
    except (OSError, Unusable) as wrong:
        return Finding("keys", False, f"The public keys cannot be read: {wrong}")
    told = f"{count} public keys in {folder}." if count else f"No public key in {folder}: no token can be verified."
    return Finding("keys", count > 0, told)


async def _neighbours(config: Config) -> AsyncIterator[Finding]:
    addresses = {
        "content": config.content_url,
        "search": config.search_url,
        "question set": config.questionset_url,
        "user and organisation": config.user_org_url,
        "group": config.group_url,
        "certificate": config.certificate_service_url,
    }
    async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS) as client:
        for name, address in addresses.items():
            if address is None:
                yield Finding(f"{name} service", True, "The bundled one.")
                continue
            try:
                answer = await client.get(address)
                yield Finding(f"{name} service", True, f"{address} answers ({answer.status_code}).")
            except (httpx.HTTPError, httpx.InvalidURL) as wrong:
                yield Finding(f"{name} service", False, f"{address} does not answer ({wrong or type(wrong).__name__}).")


def _disk(config: Config) -> Finding:
    free = shutil.disk_usage(config.home if config.home.exists() else os.curdir).free
    return Finding("disk", free >= FREE_DISK_BYTES, f"{free / 1024**3:.1f} GiB free under {config.home}.")
