"""The audit trail: who did what to whom, when, from where. For acts on others, bulk reads of people, and refusals.

An act is noted as begun before it is done. What has one transaction says there that it is done (`end`), so that the act
and its note stand or fall together, whatever dies in between; of what has several the outcome is noted after the last.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from lernbatch import log
from lernbatch.database import db, sql
from lernbatch.database.db import Connection, Pool
from lernbatch.errors import LernbatchError, Upstream
from lernbatch.services import Services
from lernbatch.web.headers import headers_of
from lernbatch.web.private import address_of

if TYPE_CHECKING:  # they are above: what answers a request notes it here
    from lernbatch.web.request import Call
    from lernbatch.web.routing import Route

Q = sql.load("lernbatch.web")
Done = TypeVar("Done")
MANY_PEOPLE = 100  # from how many on a list of people is a read in bulk
MOST_PEOPLE = 100  # of a note
LONGEST = 200  # characters of a text in a note
REFUSALS_PER_KIND, REFUSALS_PER_MINUTE = 20, 100  # of a process that get a note each; the others are counted
FORGOTTEN_AT_ONCE = 1000
OTHERS = "several routes"
REFUSALS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS)

# Acts, and reads of many people, by the path of their route.
AUDITED: Mapping[str, str] = MappingProxyType(
    {
        "/v1/course/admin/enroll": "enrolment.enrol",
        "/v1/course/admin/unenroll": "enrolment.unenrol",
        "/v1/course/batch/users/add/{batch_id}": "enrolment.enrol",
        "/v1/course/batch/users/remove/{batch_id}": "enrolment.unenrol",
        "/v1/batch/bulk/enrollment": "bulk.file",
        "/v1/batch/bulk/unenrollment": "bulk.file",
        "/v1/batch/roster/apply": "bulk.apply",
        "/v1/batch/roster/undo": "bulk.undo",
        "/v1/course/batch/ownership/transfer": "batch.transfer",
        "/v1/course/batch/cert/template/add": "certificate.attach",
        "/v1/course/batch/cert/template/remove": "certificate.detach",
        "/v1/course/batch/cert/issue": "certificate.award",
        "/v1/course/batch/cert/status": "certificate.change",
        "/v1/course/batch/cert/download/{batch_id}": "certificate.zip",
        "/v1/jobrequest/submit": "exhaust.submit",
        "/dataset/v1/request/submit": "exhaust.submit",
    }
)


@dataclass(frozen=True, slots=True)
class By:
    """Whose doing it is, and from where."""

    who: str | None
    from_address: str | None
    request_id: str | None


OPERATOR = By("operator", None, None)  # of a command


@dataclass(frozen=True, slots=True)
class Note:
    """One row of the trail."""

    audit_id: int
    noted_at: datetime
    what: str
    outcome: str
    who: str | None
    whom: Sequence[str]
    about: str | None
    from_address: str | None
    request_id: str | None
    times: int


@dataclass(slots=True)
class Act:
    """The act of AUDITED that a request is at: its note, and whom it names."""

    audit_id: int
    at: datetime
    by: By
    what: str
    about: str | None
    whom: Sequence[str]
    is_ended: bool = False


_act: ContextVar[Act | None] = ContextVar("act", default=None)  # None: a job or command, or no act of AUDITED


@dataclass(slots=True)
class Refusals:
    """What this process has refused in the running minute: how many have notes, and how often the others came."""

    written: Counter[str] = field(default_factory=Counter)
    counted: Counter[str] = field(default_factory=Counter)

    def is_told(self, what: str, *, is_known: bool) -> bool:
        """Whether this one gets a note of its own; else it is counted. One by nobody who is known never does."""
        if is_known and self.written[what] < REFUSALS_PER_KIND and self.written.total() < REFUSALS_PER_MINUTE:
            self.written[what] += 1
            return True
        known_kind = what in self.counted or len(self.counted) < REFUSALS_PER_MINUTE
        self.counted[what if known_kind else OTHERS] += 1
        return False


def by(call: Call) -> By:
    """Who asks."""
    who = call.caller.user_id or call.headers.get("x-consumer-id")
    return By(who, _from(call.http, call.services), call.message_id)


async def write(
    conn: Connection | Pool,
    now: datetime,
    by: By,
    what: str,
    *,
    whom: Iterable[str] = (),
    about: str | None = None,
    outcome: str = "done",
    times: int = 1,
) -> int:
    """Write a note, in the caller's transaction where there is one; its number."""
    audit_id: int = await db.value(
        conn,
        Q.write_note,
        now=now,
        what=what[:LONGEST],
        outcome=outcome,
        who=_bounded(by.who),
        whom=_bounded_people(whom),
        about=_bounded(about),
        from_address=_bounded(by.from_address),
        request_id=_bounded(by.request_id),
        times=times,
    )
    return audit_id


async def note(call: Call, what: str, *, whom: Iterable[str] = (), about: str | None = None) -> None:
    """Write down a read of people's data before it is answered."""
    await write(call.services.pool, call.services.clock.now(), by(call), what, whom=whom, about=about)


async def note_list(call: Call, what: str, people: int, about: str) -> None:
    """Write down that a list of so many people is read, in whatever pages, when they are MANY_PEOPLE or more."""
    if people >= MANY_PEOPLE:
        await note(call, what, about=about)


async def end(conn: Connection, *, refused: Collection[str] = ()) -> None:
    """Note in the transaction of the running request's act that it is done; does nothing for a job.

    `refused`: those of the people named for whom it was not done; they have a note of their own.
    """
    act = _act.get()
    if act is None:
        return
    refused = set(refused)
    left_out = [user_id for user_id in act.whom if user_id in refused]
    done = [user_id for user_id in act.whom if user_id not in refused]
    if left_out and done:
        await write(conn, act.at, act.by, act.what, whom=left_out, about=act.about, outcome="refused")
    outcome = "refused" if left_out and not done else "done"
    await _end(conn, act, outcome, done or left_out)
    act.is_ended = True


async def noting(call: Call, what: str, handle: Callable[[Call], Awaitable[Done]]) -> Done:
    """The answer of an act, with its note. `what`: the act's name, as in AUDITED."""
    services, now = call.services, call.services.clock.now()
    about, whom = _about(call.request, call.parameters), _people(call.request)
    audit_id = await write(services.pool, now, by(call), what, whom=whom, about=about, outcome="begun")
    act = Act(audit_id, now, by(call), what, about, whom)
    _act.set(act)
    status: int = HTTPStatus.INTERNAL_SERVER_ERROR
    try:
        answer = await handle(call)
        status = answer.status_code if isinstance(answer, Response) else HTTPStatus.OK
    except LernbatchError as error:
        if not isinstance(error, Upstream):
            status = error.http_status
        raise
    finally:
        if status >= HTTPStatus.BAD_REQUEST or not act.is_ended:
            outcome = "done" if status < 400 else "refused" if status < 500 else "failed"
            try:
                await _end(services.pool, act, outcome, whom)
            except db.UNREACHABLE as unreachable:  # the note says that it was begun, which is true
                log.warning("the end of an act was not noted", error=repr(unreachable))
    return answer


async def _end(conn: Connection | Pool, act: Act, outcome: str, whom: Iterable[str]) -> None:
    await db.run(conn, Q.end_note, audit_id=act.audit_id, outcome=outcome, whom=_bounded_people(whom))


async def refused(request: Request, route: Route, services: Services, status: int) -> None:
    """Log that a call was not admitted, and note or count it. Never fails: the refusal stands."""
    try:
        who = services.tokens.caller(headers_of(request.scope), required=False, accept_expired=True).user_id
    except LernbatchError:  # a token or key that is none
        who = None
    what = f"{route.method} {route.path}"
    log.info("a call was refused", route=what, status=status, known=who is not None)
    if not services.refusals.is_told(what, is_known=who is not None):
        return
    by_whom = By(who, _from(request, services), request.scope["lernbatch.message_id"])
    try:
        await write(services.pool, services.clock.now(), by_whom, what, outcome="refused")
    except db.UNREACHABLE as unreachable:
        log.warning("a refusal was not noted", error=repr(unreachable))


@asynccontextmanager
async def counting(services: Services) -> AsyncIterator[None]:
    """Refusals that are only counted are noted once a minute, one note a kind, and when the block ends."""

    async def keep() -> None:
        while True:
            await asyncio.sleep(60)
            await note_counted(services)

    task = asyncio.create_task(keep())
    try:
        yield
    finally:
        task.cancel()
        await note_counted(services)


async def note_counted(services: Services) -> None:
    """Write down what was counted in this minute, and begin another. Never fails."""
    counted = dict(services.refusals.counted)
    services.refusals.counted.clear()
    services.refusals.written.clear()
    try:
        for what, times in counted.items():
            nobody = By(None, None, None)
            await write(services.pool, services.clock.now(), nobody, what, outcome="refused", times=times)
    except db.UNREACHABLE as unreachable:
        log.warning("refusals were not noted", error=repr(unreachable))


async def forget_old(services: Services) -> int:
    """Forget a bounded set of the notes older than `audit_days`; how many."""
    before = services.clock.now() - timedelta(days=services.config.audit_days)
    return await db.run(services.pool, Q.forget_notes, before=before, limit=FORGOTTEN_AT_ONCE)


def _bounded_people(whom: Iterable[str]) -> list[str]:
    return [user_id[:LONGEST] for user_id in list(dict.fromkeys(whom))[:MOST_PEOPLE]]


def _people(body: Mapping[str, Any]) -> list[str]:
    """Whom a request names, wherever the calls of AUDITED do."""
    inner = [value for value in body.values() if isinstance(value, dict)]
    named: list[Any] = []
    for part in (body, *inner):
        for key, value in part.items():
            if key in ("userId", "userIds", "fromUserId", "toUserId", "currentOwner", "newOwner"):
                named += value if isinstance(value, list) else [value]
    return [user_id for user_id in named if isinstance(user_id, str)]


def _about(body: Mapping[str, Any], parameters: Mapping[str, str]) -> str | None:
    inner = [value for value in body.values() if isinstance(value, dict)]
    keys = ("batchId", "identifier", "changeId", "tag")
    ids = (part.get(key) for key in keys for part in (body, *inner))
    named = next((value for value in ids if isinstance(value, str)), None)
    return named or parameters.get("batch_id")


def _from(request: Request, services: Services) -> str | None:
    address = address_of(request, services.config)
    return None if address is None else str(address)


def _bounded(text: str | None) -> str | None:
    return None if text is None else text.replace("\x00", "")[:LONGEST]
