"""Signing in and out: a session is a row, known to the browser by a random cookie."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache

import msgspec

from lernbatch.config import Config
from lernbatch.database import db, sql
from lernbatch.errors import Unusable
from lernbatch.sealing import Seal, seal_of
from lernbatch.services import Services
from lernbatch.session import rules
from lernbatch.session.model import Grant, KeptForm, Pending, Session

Q = sql.load("lernbatch.session")
_SECRET_BYTES = 32
FORGOTTEN_AT_ONCE = 1000
MOST_SESSIONS = 50  # of one person that are listed


@dataclass(frozen=True, slots=True)
class _SessionRow:
    session_id: bytes
    user_id: str
    sealed: bytes
    created_at: datetime
    used_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class _PendingRow:
    sealed: bytes
    kept: bytes | None


class _Secrets(msgspec.Struct):
    """What is sealed in a session's row."""

    name: str
    grant: Grant
    csrf: bytes


class _Kept(msgspec.Struct):
    """A form on its way through signing in. `until`: epoch seconds."""

    path: str
    values: dict[str, str]
    until: float


async def begin(
    services: Services, user_id: str, name: str, grant: Grant, kept: KeptForm | None = None
) -> tuple[str, Session]:
    """Sign `user_id` in; the cookie's value and the session. `kept`: a form that is to be shown again."""
    cookie, now = secrets.token_urlsafe(_SECRET_BYTES), services.clock.now()
    session_id = rules.session_id(cookie)
    session = Session(session_id, user_id, name, grant, os.urandom(_SECRET_BYTES), now, now, now + rules.LASTS)
    seal = seal_for(services.config)
    await db.run(
        services.pool,
        Q.open_session,
        session_id=session_id,
        user_id=user_id,
        sealed=_sealed(seal, session),
        kept=None if kept is None else _close_form(seal, kept, now, session_id.hex()),
        now=now,
        ends_at=session.ends_at,
    )
    return cookie, session


async def begin_pending(services: Services, pending: Pending, kept: KeptForm | None) -> str:
    """Remember a sign-in that goes on at the provider, for ten minutes; the cookie's value."""
    cookie, now = secrets.token_urlsafe(_SECRET_BYTES), services.clock.now()
    session_id, seal = rules.session_id(cookie), seal_for(services.config)
    await db.run(
        services.pool,
        Q.open_session,
        session_id=session_id,
        user_id=None,
        sealed=seal.close(msgspec.msgpack.encode(pending), session_id.hex()),
        kept=None if kept is None else _close_form(seal, kept, now, "sign-in"),
        now=now,
        ends_at=now + rules.FORM_KEPT,
    )
    return cookie


async def take_pending(services: Services, cookie: str) -> tuple[Pending, KeptForm | None] | None:
    """The sign-in of that cookie, once, with the form that waits for it; None: there is none, or it took too long."""
    session_id, now = rules.session_id(cookie), services.clock.now()
    row = await db.one(services.pool, _PendingRow, Q.take_pending, session_id=session_id, now=now)
    if row is None:
        return None
    seal = seal_for(services.config)
    pending = msgspec.msgpack.decode(seal.open(row.sealed, session_id.hex()), type=Pending)
    return pending, None if row.kept is None else _open_form(seal, row.kept, now, "sign-in")


async def renew(services: Services, session: Session, grant: Grant) -> Session:
    """The session with new tokens."""
    renewed = replace(session, grant=grant)
    sealed = _sealed(seal_for(services.config), renewed)
    await db.run(services.pool, Q.renew_session, session_id=session.session_id, sealed=sealed)
    return renewed


async def find(services: Services, cookie: str) -> Session | None:
    """The running session of a cookie, whose use is noted; None when there is none, or it is over."""
    session = await read(services, rules.session_id(cookie))
    now = services.clock.now()
    if session is None or rules.ended(session, now):
        return None
    if now >= session.used_at + rules.NOTED_EVERY:
        await db.run(services.pool, Q.note_use, session_id=session.session_id, now=now)
    return replace(session, used_at=now)


async def read(services: Services, session_id: bytes) -> Session | None:
    """That session as it is stored now; None: it has ended."""
    row = await db.one(services.pool, _SessionRow, Q.session_by_id, session_id=session_id)
    return None if row is None else _opened(seal_for(services.config), row)


async def all_of(services: Services, user_id: str) -> list[Session]:
    """The running sessions of a person, the last used first."""
    now, seal = services.clock.now(), seal_for(services.config)
    rows = await db.all(services.pool, _SessionRow, Q.sessions_of, user_id=user_id, now=now, limit=MOST_SESSIONS)
    sessions = (_opened(seal, row) for row in rows)
    return [session for session in sessions if session is not None and not rules.ended(session, now)]


async def end(services: Services, session_id: bytes, user_id: str) -> None:
    """End a session of that person."""
    await db.run(services.pool, Q.end_session, session_id=session_id, user_id=user_id)


async def take_kept_form(services: Services, session: Session) -> KeptForm | None:
    """The form that was kept while this session began, once."""
    sealed = await db.value(services.pool, Q.take_kept_form, session_id=session.session_id)
    if sealed is None:
        return None
    return _open_form(seal_for(services.config), sealed, services.clock.now(), session.session_id.hex())


def keep_form(services: Services, kept: KeptForm) -> str:
    """`kept`, sealed for ten minutes, as the sign-in page carries it."""
    return _close_form(seal_for(services.config), kept, services.clock.now(), "sign-in").hex()


def kept_form(services: Services, text: str) -> KeptForm | None:
    """What `keep_form` made; None for anything else, and after ten minutes."""
    try:
        return _open_form(seal_for(services.config), bytes.fromhex(text), services.clock.now(), "sign-in")
    except ValueError:
        return None


async def forget_old(services: Services) -> int:
    """Forget a bounded set of sessions that are over; how many."""
    now = services.clock.now()
    unused_since = now - rules.UNUSED_LASTS - timedelta(minutes=5)
    return await db.run(services.pool, Q.forget_sessions, now=now, unused_since=unused_since, limit=FORGOTTEN_AT_ONCE)


@cache
def seal_for(config: Config) -> Seal:
    """What seals sessions of this installation; its keys are read, or made, when somebody first signs in."""
    return seal_of(config)


def _sealed(seal: Seal, session: Session) -> bytes:
    held = _Secrets(session.name, session.grant, session.csrf)
    return seal.close(msgspec.msgpack.encode(held), session.session_id.hex())


def _opened(seal: Seal, row: _SessionRow) -> Session | None:
    """The session of a row; None when it was sealed by a key that is gone: who it was signs in again."""
    try:
        held = msgspec.msgpack.decode(seal.open(row.sealed, row.session_id.hex()), type=_Secrets)
    except Unusable:
        return None
    return Session(
        row.session_id, row.user_id, held.name, held.grant, held.csrf, row.created_at, row.used_at, row.ends_at
    )


def _close_form(seal: Seal, kept: KeptForm, now: datetime, about: str) -> bytes:
    until = (now + rules.FORM_KEPT).timestamp()
    return seal.close(msgspec.msgpack.encode(_Kept(kept.path, kept.values, until)), about)


def _open_form(seal: Seal, sealed: bytes, now: datetime, about: str) -> KeptForm | None:
    try:
        kept = msgspec.msgpack.decode(seal.open(sealed, about), type=_Kept)
    except (Unusable, IndexError, msgspec.DecodeError):
        return None
    return KeptForm(kept.path, kept.values) if kept.until > now.timestamp() else None
