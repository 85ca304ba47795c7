"""Calls that may be repeated: a POST with an `Idempotency-Key` does its work once, and answers the same every time."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeAlias, TypeVar

import msgspec

from lernbatch.database import db, sql
from lernbatch.database.db import Connection
from lernbatch.errors import LernbatchError, Refused
from lernbatch.services import Services
from lernbatch.web.request import Call

Q = sql.load("lernbatch.web")
LONGEST_KEY = 255
KEPT = timedelta(days=1)
FORGOTTEN_AT_ONCE = 1000


class InvalidKey(Refused):
    """The header is blank or longer than 255 characters."""

    code = "INVALID_PARAMETER_VALUE"
    message = "Invalid value for header Idempotency-Key. Please provide a valid value."


class KeyReused(LernbatchError):
    """The key came with another request before."""

    http_status = 422
    code = "IDEMPOTENCY_KEY_REUSED"
    message = "The Idempotency-Key was used for another request."


class Repeated(Exception):
    """The work was done by a twin meanwhile; what was begun here must be rolled back."""


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """`scope`: whose key it is and for which call, so that callers do not meet each other's keys."""

    scope: str
    key: str
    body_hash: str


Outcome = TypeVar("Outcome")  # what is kept of the work, as JSON has it: the id of what was made
Remember: TypeAlias = Callable[[Connection, Outcome], Awaitable[None]]
Work: TypeAlias = Callable[[Remember[Outcome]], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class _Remembered:
    body_hash: str
    answer: Any


async def once(call: Call, work: Work[Outcome]) -> Outcome:
    """Do `work` and return its outcome, or return the outcome of the first call with the same key.

    `work` is given a function that it calls with its outcome, inside its transaction. The handler shows the outcome, so
    that the first call and its repetitions get the same answer. Without the header the work is just done.
    Raises: InvalidKey, KeyReused.
    """
    services, header = call.services, call.headers.get("idempotency-key")
    if header is None:
        return await work(_forget)
    if not 0 < len(header.strip()) <= LONGEST_KEY:
        raise InvalidKey
    body = msgspec.json.encode(call.request, order="deterministic")
    scope = f"{call.http.scope['lernbatch.path']} {call.caller.user_id or ''}"
    key = IdempotencyKey(scope, header.strip(), hashlib.sha256(body).hexdigest())

    async def remember(conn: Connection, outcome: Outcome) -> None:
        named = {"scope": key.scope, "key": key.key, "body_hash": key.body_hash}
        if not await db.run(conn, Q.remember_answer, **named, answer=outcome, now=services.clock.now()):
            raise Repeated

    first: Outcome | None = await _answered(services, key)
    if first is not None:
        return first
    try:
        return await work(remember)
    except Repeated:
        first = await _answered(services, key)
        assert first is not None, "the twin has committed"
        return first


async def forget_old(services: Services) -> int:
    """Forget answers older than a day; how many."""
    before = services.clock.now() - KEPT
    return await db.run(services.pool, Q.forget_answers, before=before, limit=FORGOTTEN_AT_ONCE)


async def _forget(conn: Connection, outcome: object) -> None:
    """Nothing is remembered of a call without a key."""


async def _answered(services: Services, key: IdempotencyKey) -> Any:
    row = await db.one(services.pool, _Remembered, Q.remembered_answer, scope=key.scope, key=key.key)
    if row is None:
        return None
    if row.body_hash != key.body_hash:
        raise KeyReused
    return row.answer
