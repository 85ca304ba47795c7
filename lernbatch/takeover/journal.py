"""Catching up from the journal of the shadow proxy: what it saw the old service take, is done here, too (M33).

The journal was begun before the export was: so every write is in the one or in the other, and of a learner the last
write of the journal is the last of all. A write that is done twice changes nothing the second time.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

import httpx
import msgspec
from joserfc.jwk import RSAKey
from pydantic import SecretStr

from lernbatch.config import Config
from lernbatch.database import db
from lernbatch.database.db import Connection
from lernbatch.errors import LernbatchError
from lernbatch.services import Services
from lernbatch.shadow import journal
from lernbatch.shadow.model import Entry
from lernbatch.shadow.resigning import Resigner
from lernbatch.shadow.rules import OTHER, Calls, is_about_many
from lernbatch.shadowing import Given, sign
from lernbatch.takeover import actions, lease
from lernbatch.takeover.database import Q, Tables
from lernbatch.takeover.passes import Watch

WRITES_AT_ONCE = 200  # of all learners; then they are remembered
KEY_ID = "journal"
Ask: TypeAlias = Callable[[Entry], Awaitable[httpx.Response]]


class NotCopied(LernbatchError):
    """A journal is no copy: it has what changed, and nothing of before."""

    message = "A journal is played after a copy that is done: run `lernbatch sunbird copy` to its end first."


@dataclass(frozen=True, slots=True)
class DoneWrite:
    """A write that was done already."""

    digest: bytes


@dataclass(slots=True)
class Played:
    """What became of the writes of a journal. `refused`: by route and our code, what the old service took and this one
    did not. `without_body`: by route, what the journal keeps no body of, for it may name people.

    `unseen`: exchanges that the proxy counted and did not record, and places where the journal is damaged.
    """

    done: int = 0
    done_before: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    without_body: Counter[str] = field(default_factory=Counter)
    unseen: int = 0

    @property
    def lacking(self) -> list[str]:
        """Why the journal does not stand for a full pass, as sentences; none: it does."""
        sentences = [f"{what}: the old service took {count}, this one did not." for what, count in self.refused.items()]
        sentences += [f"{route}: the journal has no bodies of {count}." for route, count in self.without_body.items()]
        if self.unseen:
            sentences.append(f"{self.unseen} exchanges are not in the journal, which counted them.")
        return sentences


@asynccontextmanager
async def muted(config: Config) -> AsyncIterator[tuple[Config, Resigner, bytes]]:
    """The settings of a service that is asked what a journal has, who signs its tokens, and the key of the proxy's
    headers: all of this one process alone. Nothing leaves such a service (M55).
    """
    key, secret = RSAKey.generate_key(2048), token_hex(32)
    with TemporaryDirectory() as folder:
        public = Path(folder) / KEY_ID
        public.write_bytes(key.as_pem(private=False))
        public.chmod(0o600)
        given = {
            "takeover": "shadow", "shadow_key": SecretStr(secret), "public_key_folder": Path(folder),
            "token_audiences": (), "token_clients": (), "jobs_enabled": False,
            "roles_enforced": "nowhere", "subject_enforced": False,  # the old service let them through
        }  # fmt: skip
        yield config.model_copy(update=given), Resigner(key, KEY_ID, config.token_issuer), secret.encode()


def asking(client: httpx.AsyncClient, resigner: Resigner, key: bytes) -> Ask:
    """Asks what an entry has, as of its time, and with the id that the old service gave to what it created."""

    async def ask(entry: Entry) -> httpx.Response:
        given = Given(datetime.fromtimestamp(entry.at, UTC), entry.created_id or None)
        signed = sign(key, entry.method, entry.target.encode("latin-1"), given, datetime.now(UTC))
        headers = {**entry.headers, **resigner.headers(entry.credentials, entry.at), **signed}
        body = entry.request.text if entry.request is not None else None
        return await client.request(entry.method, entry.target, headers=headers, content=(body or "").encode())

    return ask


async def catch_up(
    services: Services, conn: Connection, folder: Path, calls: Calls, ask: Ask, watch: Watch
) -> dict[str, Any]:
    """Do all writes of the journal in `folder` that are not done yet, those of a learner in their order.

    After a stop it goes on where it was. Returns what was done and what is lacking, as Played has it. Raises: Unusable,
    when there is no journal; NotCopied, actions.HandedOver, lease.AlreadyMoving.
    """
    tables = actions.permanent(conn)
    async with lease.held(services, actions.JOURNAL) as owner:
        if await actions.latest(tables, actions.HAND_OVER):
            raise actions.HandedOver
        last = await actions.latest(tables, actions.COPY, actions.CATCH_UP)
        if last is None or last.ended_at is None:
            raise NotCopied
        began_at, played, damage = services.clock.now(), Played(), journal.Damage()
        for writes in _blocks(folder, calls, played, damage):
            watch("writes of the journal", played.done + played.done_before, None)
            await _play(tables, owner, writes, ask, played)
        played.unseen += damage.frames + damage.lines
        told = {**msgspec.to_builtins(played), "lacking": played.lacking}
        async with conn.transaction():
            await lease.check(conn, owner)
            pass_id: int = await db.value(
                conn, Q.begin_pass, command=actions.JOURNAL, sources=[str(folder)], options={}, guessed=[], now=began_at
            )
            await tables.run(Q.end_pass, pass_id=pass_id, now=services.clock.now(), counts=told)
    return told


def _blocks(folder: Path, calls: Calls, played: Played, damage: journal.Damage) -> Iterator[list[Entry]]:
    """The writes that the old service took, in blocks that may be done at once; one about many people by itself."""
    block: list[Entry] = []
    for entry in journal.read(folder, damage):
        played.unseen += entry.skipped + entry.lost
        taken = entry.primary is not None and 200 <= entry.primary.status < 300
        if entry.is_read or entry.route in ("", OTHER) or not taken:
            continue
        if entry.request is not None and entry.request.shape is not None:
            played.without_body[entry.route] += 1
            continue
        body = ("" if entry.request is None else entry.request.text or "").encode()
        is_alone = is_about_many(calls.find(entry.method, entry.target.partition("?")[0]), body)
        if block and (is_alone or len(block) >= WRITES_AT_ONCE):
            yield block
            block = []
        block.append(entry)
        if is_alone:
            yield block
            block = []
    if block:
        yield block


async def _play(tables: Tables, owner: str, writes: list[Entry], ask: Ask, played: Played) -> None:
    """Do a block, each learner's writes one after the other, and remember it."""
    digests = {blake2b(msgspec.json.encode(entry), digest_size=16).digest(): entry for entry in writes}
    done = {row.digest for row in await tables.all(DoneWrite, Q.writes_done, digests=list(digests))}
    played.done_before += len(done)
    by_learner: dict[str, list[bytes]] = defaultdict(list)
    for digest, entry in digests.items():
        if digest not in done:
            by_learner[entry.learner].append(digest)
    new: list[bytes] = []

    async def one_after_the_other(of_learner: list[bytes]) -> None:
        for digest in of_learner:
            answer = await ask(digests[digest])
            if answer.status_code < 400:
                new.append(digest)
            else:  # and not remembered: the next run tries it again, or says it again
                played.refused[f"{digests[digest].route}: {_code(answer)}"] += 1

    await asyncio.gather(*(one_after_the_other(of_learner) for of_learner in by_learner.values()))
    played.done += len(new)
    async with tables.conn.transaction():
        await lease.check(tables.conn, owner)
        await tables.run(Q.remember_writes, digests=new)


def _code(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["params"]["err"])
    except (ValueError, KeyError, TypeError):
        return str(answer.status_code)
