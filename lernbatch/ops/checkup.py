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

import sandbox
from lernbatch.config import Config
from lernbatch.credential import keys as certificates
from lernbatch.database import citus, db, hosts, opening, schema, shards
from lernbatch.database.db import Connection
from lernbatch.database.migrate import pending
from lernbatch.erasure import actions as erasure
from lernbatch.errors import Unusable
from lernbatch.web.tokens import PublicKeys
from sandbox import identity

OLDEST_POSTGRES = 15
CLOCK_SKEW_SECONDS = 5
FREE_DISK_BYTES = 512 * 1024 * 1024
TIMEOUT_SECONDS = 5
MOST_LACKING = 5
LONGEST_ERASURE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check found; `sentence` says what is, and what to do if it is not well."""

    name: str
    ok: bool
    sentence: str


async def run(config: Config) -> list[CheckResult]:
    """Every check, in the order in which an operator would mend what failed."""
    results = [_writable("home", config.home)]
    try:
        with opening.opened(config) as dsn:
            results += [result async for result in check_database(config, dsn)]
    except Unusable as wrong:
        results.append(CheckResult("database", False, str(wrong)))
    results += [
        check_trust(config),
        check_defaults(config),
        check_token_keys(config),
        check_certificate_keys(config),
        check_files(config),
    ]
    results += [result async for result in check_services(config)]
    results.append(check_disk(config))
    return results


async def check_database(config: Config, dsn: str) -> AsyncIterator[CheckResult]:
    """The database: its answer, its version, its migrations, waiting erasures, its clock."""
    try:
        conn = await hosts.connect(dsn, timeout_seconds=TIMEOUT_SECONDS)
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as wrong:
        yield CheckResult("database", False, f"It cannot be reached ({wrong or type(wrong).__name__}).")
        return
    try:
        version: str = await conn.fetchval("SHOW server_version")
        sentence = f"PostgreSQL {version.partition(' ')[0]}"
        new_enough = conn.get_server_version().major >= OLDEST_POSTGRES
        yield CheckResult(
            "database", new_enough, f"{sentence}." if new_enough else f"{sentence} is older than {OLDEST_POSTGRES}."
        )
        missing = await pending(dsn)
        if config.uses_sandbox:
            missing += await pending(dsn, sandbox.MIGRATIONS)
        sentence = f"It lacks {', '.join(missing)}: run `lernbatch migrate`." if missing else "None is missing."
        yield CheckResult("migrations", not missing, sentence)
        if not missing:
            if (installed := await citus.version(conn)) is not None:
                yield await check_citus(conn, installed)
            lacking = await schema.missing(conn)
            yield CheckResult("schema", not lacking, schema_sentence(lacking))
            yield check_erasures(await db.value(conn, erasure.Q.waiting_since))
        theirs: datetime = await conn.fetchval("SELECT clock_timestamp()")
        skew = abs((datetime.now(UTC) - theirs).total_seconds())
        yield CheckResult("clock", skew < CLOCK_SKEW_SECONDS, f"{skew:.1f} seconds apart from the database's.")
    finally:
        await conn.close()


async def check_citus(conn: Connection, installed: str) -> CheckResult:
    """Citus, of this version: its nodes, and whether each table is kept as it should be."""
    if await shards.read(conn) is None:
        return CheckResult("citus", True, f"Citus {installed}; nothing is distributed: `lernbatch migrate --citus`.")
    nodes = await citus.nodes(conn)
    lines = [f"{node.address} {node.shards}{'' if node.active else ' (not active)'}" for node in nodes]
    wrong = await citus.misplaced(conn)
    sentence = f"Citus {installed}; shards of each node: {', '.join(lines)}."
    if wrong:
        sentence += f" {'; '.join(wrong[:MOST_LACKING])}: run `lernbatch migrate --citus`."
    return CheckResult("citus", not wrong and all(node.active for node in nodes), sentence)


def schema_sentence(lacking: list[str]) -> str:
    """What the database lacks, and what to do."""
    if not lacking:
        return "Every table has its constraints and indexes."
    more = f" and {len(lacking) - MOST_LACKING} more" if len(lacking) > MOST_LACKING else ""
    return f"It lacks {', '.join(lacking[:MOST_LACKING])}{more}: restore a backup that is whole."


def check_erasures(since: datetime | None) -> CheckResult:
    """Erasures of accounts; `since`: when the oldest that waits was asked for, None for none."""
    is_late = since is not None and datetime.now(UTC) - since > LONGEST_ERASURE
    sentence = "None waits." if since is None else f"The oldest was asked for at {since:%Y-%m-%d %H:%M} UTC."
    return CheckResult("erasures", not is_late, f"{sentence} Do the jobs run?" if is_late else sentence)


def check_trust(config: Config) -> CheckResult:
    """What lets callers do more than they may, where others can reach this installation."""
    if not config.exposure:
        return CheckResult("trust", True, "Nobody reaches it from another machine.")
    unfit = {
        "LERNBATCH_AUTHENTICATION_ENABLED=false takes every call for anybody's": not config.authentication_enabled,
        "without LERNBATCH_PUBLIC_KEY_FOLDER the tokens of `lernbatch token` count": config.public_key_folder is None,
        "LERNBATCH_ROLES_ENFORCED=nowhere asks for no role": config.roles_enforced == "nowhere",
        "LERNBATCH_OWNERSHIP_ENFORCED=false gives everybody every batch": not config.ownership_enforced,
        "LERNBATCH_PRIVATE_NETWORKS opens /private/… to all": any(
            network.prefixlen == 0 for network in config.private_networks
        ),
        "LERNBATCH_DEMO_SIGN_IN lets anybody be anybody": config.demo_sign_in,
        "the sandbox answers for services of the platform that no URL names": config.uses_sandbox,
        "LERNBATCH_PUBLIC_URL is plain HTTP": urlsplit(config.public_url).scheme != "https",
    }
    reasons = "; ".join(sentence for sentence, holds in unfit.items() if holds)
    if not reasons:
        return CheckResult("trust", True, "Tokens, roles and ownership are asked for.")
    if config.sandbox:
        return CheckResult("trust", True, f"For trying out alone (LERNBATCH_SANDBOX=true): {reasons}.")
    return CheckResult("trust", False, f"Not fit for others ({config.exposure}): {reasons}.")


def check_defaults(config: Config) -> CheckResult:
    """Settings that nobody has chosen yet and that matter where others reach this installation. Never a failure."""
    unchosen = {
        "LERNBATCH_TOKEN_AUDIENCES and LERNBATCH_TOKEN_CLIENTS (a token for any application of the realm counts)": not (
            config.token_audiences or config.token_clients
        ),
        "LERNBATCH_OPERATORS_PORT (metrics and the API's description are on the port of all)": (
            config.operators_port is None
        ),
        "LERNBATCH_TRUSTED_PROXIES (a proxy's word on where a call comes from does not count)": (
            not config.trusted_proxies
        ),
    }
    names = "; ".join(name for name, holds in unchosen.items() if holds)
    if not config.exposure or not names:
        return CheckResult("defaults", True, "None is left that matters.")
    return CheckResult("defaults", True, f"Worth a look: {names}.")


def check_certificate_keys(config: Config) -> CheckResult:
    """The keys that sign certificates."""
    try:
        keys = certificates.read_good_keys(certificates.folder_of(config))
        signs = bool(keys) and certificates.KeySet("", keys).signing is not None
    except Unusable as wrong:
        return CheckResult("certificate keys", False, str(wrong))
    return CheckResult("certificate keys", True, f"{len(keys)} of them." if signs else "One is made at the first use.")


def check_files(config: Config) -> CheckResult:
    """Where finished exhausts lie."""
    store = config.file_store
    if store and "://" in store:
        return CheckResult("files", True, f"Exhausts go to {store.partition('?')[0]}.")
    return _writable("files", Path(store) if store else config.home / "files", mode=0o700)


def _writable(name: str, folder: Path, mode: int = 0o777) -> CheckResult:
    try:
        folder.mkdir(mode=mode, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return CheckResult(name, True, f"{folder} is writable.")
    except OSError as wrong:
        return CheckResult(name, False, f"{folder} is not writable ({wrong.strerror}).")


def check_token_keys(config: Config) -> CheckResult:
    """The public keys that callers' tokens are verified by."""
    folder = config.public_key_folder or identity.public_folder(config.home)
    try:
        keys = PublicKeys(folder, config.key_reload_seconds)
        keys.load()
        count = len(keys.current())
    except (OSError, Unusable) as wrong:
        return CheckResult("keys", False, f"The public keys cannot be read: {wrong}")
    sentence = f"{count} public keys in {folder}." if count else f"No public key in {folder}: no token can be verified."
    return CheckResult("keys", count > 0, sentence)


async def check_services(config: Config) -> AsyncIterator[CheckResult]:
    """One result for each of the platform's services: whether its address answers at all."""
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
                yield CheckResult(f"{name} service", True, "The sandbox answers for it.")
                continue
            try:
                answer = await client.get(address)
                yield CheckResult(f"{name} service", True, f"{address} answers ({answer.status_code}).")
            except (httpx.HTTPError, httpx.InvalidURL) as wrong:
                yield CheckResult(
                    f"{name} service", False, f"{address} does not answer ({wrong or type(wrong).__name__})."
                )


def check_disk(config: Config) -> CheckResult:
    """Free space under the home."""
    free = shutil.disk_usage(config.home if config.home.exists() else os.curdir).free
    return CheckResult("disk", free >= FREE_DISK_BYTES, f"{free / 1024**3:.1f} GiB free under {config.home}.")
