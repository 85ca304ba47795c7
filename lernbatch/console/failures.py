"""Every failure of every page becomes a page: one sentence, one way on, and the request's id."""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from lernbatch import log, metrics
from lernbatch.console import rendering
from lernbatch.console.visit import Visit
from lernbatch.database import db
from lernbatch.errors import Away, Busy, Forbidden, LernbatchError, NotFound, Refused, Unauthorized, Upstream
from lernbatch.web.rates import TooOften
from lernbatch.wording.words import N_

RETRY_SECONDS = 5


@dataclass(frozen=True, slots=True)
class _Said:
    """What a page of failure says. `retry`: its way on is the same page again, after so many seconds."""

    status: int
    title: str
    sentence: str
    retry: int | None = None


_NOT_FOUND = _Said(
    404,
    N_("There is no such page"),
    N_("It may have been removed, or its address was copied only in part."),
)
_FORBIDDEN = _Said(
    403,
    N_("This page is not yours to see"),
    N_("Your roles do not open it. Ask an administrator of your organisation, who can give you the role or the page."),
)
_TOO_OFTEN = _Said(
    429,
    N_("That was tried too often"),
    N_("Wait a minute, then try again. Nothing was changed."),
    TooOften.retry_after_seconds,
)
_AWAY = _Said(
    503,
    N_("The service cannot answer now"),
    N_("Its database does not answer. Nothing was changed; try again in a moment."),
    RETRY_SECONDS,
)
_BUSY = _Said(503, N_("Many are here at once"), N_("Nothing was changed; try again in a moment."), RETRY_SECONDS)
_NEIGHBOUR = _Said(
    502,
    N_("Another service does not answer"),
    N_("This page needs a service of the platform that is away. Nothing was changed; try again in a moment."),
    RETRY_SECONDS,
)
_BUG = _Said(
    500,
    N_("Something is wrong here"),
    N_("It is our fault, and it was written down. Who looks after this installation finds it by the number below."),
)


async def answer(visit: Visit, error: Exception) -> Response:
    """The page for `error`. What is no refusal is logged and counted."""
    if isinstance(error, ClientDisconnect):
        return Response(status_code=499)
    said = _said(error, visit.page.path)
    visit.status = said.status
    visit.problems = []
    own_sentence = error.message if isinstance(error, LernbatchError) else None
    sentence = visit.words._(said.sentence) if said.sentence else own_sentence or ""
    context = {"title": visit.words._(said.title), "sentence": sentence, "retry": said.retry}
    response = await rendering.page(visit, "templates/failure.html", context)
    if said.retry is not None:
        response.headers["Retry-After"] = str(said.retry)
    return response


def _said(error: Exception, route: str) -> _Said:
    if isinstance(error, TooOften):
        return _TOO_OFTEN
    if isinstance(error, Busy) and not isinstance(error, Away):
        return _BUSY
    if isinstance(error, NotFound):
        return _NOT_FOUND
    if isinstance(error, Forbidden | Unauthorized):
        return _FORBIDDEN
    if isinstance(error, Refused):
        return _Said(error.http_status, N_("That cannot be done"), "")
    if isinstance(error, Upstream):
        log.warning("upstream failed", detail=error.detail, route=route)
        metrics.UPSTREAM_FAILURES.inc()
        return _NEIGHBOUR
    if isinstance(error, (Away, *db.TROUBLES, *db.GONE, asyncpg.InterfaceError, asyncpg.InternalClientError)):
        log.warning("the database does not work", error=repr(error), route=route)
        metrics.DATABASE_FAILURES.inc()
        return _AWAY
    if isinstance(error, LernbatchError) and isinstance(error.__cause__, db.UNREACHABLE):
        return _AWAY
    log.exception("a bug", error=error, route=route)
    metrics.BUGS.inc()
    return _BUG
