"""The sandbox as one ASGI application: every path it answers, on one page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import chain
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Route

from lernbatch.clock import Clock
from lernbatch.config import Config
from lernbatch.database import db
from lernbatch.database.db import Pool
from sandbox import answer, contents, people
from sandbox.answer import Handler


def application(pool: Pool, config: Config, clock: Clock) -> Starlette:
    """The sandbox on a pool that somebody else closes."""
    app = _application(config, clock)
    app.state.pool = pool
    return app


def standalone(config: Config, dsn: str) -> Starlette:
    """The sandbox for a server of its own: its pool opens and closes with it."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with db.pool(dsn, size=config.pool_size) as app.state.pool:
            yield

    return _application(config, Clock(config.time_zone), lifespan)


def _application(config: Config, clock: Clock, lifespan: Any = None) -> Starlette:
    handlers = {HTTPException: answer.unknown_path}
    app = Starlette(routes=list(_routes(config)), exception_handlers=handlers, lifespan=lifespan)
    app.state.clock, app.state.max_body_bytes = clock, config.max_file_bytes
    return app


def _routes(config: Config) -> Iterator[Route]:
    """The configured paths, and those by which the platform knows the same calls. After "/" an id follows.

    Paths under /neighbours/ are those of the version before, and stay for this one.
    """
    c = config
    yield from chain(
        _row("GET", contents.read, c.content_read_path, "/content/v3/read/", "/content/v4/read/"),
        _row("GET", contents.hierarchy, c.hierarchy_path, "/collection/v4/hierarchy/"),
        _row("PATCH", contents.update, c.content_update_path, "/content/v4/system/update/"),
        _row("POST", contents.create, c.content_create_path),
        _row("POST", contents.copy, c.content_copy_path),
        _row("PATCH", contents.update_hierarchy, c.hierarchy_update_path),
        _row("POST", contents.search, c.search_path, c.composite_search_path, "/composite/v3/search"),
        _row("GET", contents.question_set, c.questionset_read_path, "/questionset/v1/read/"),
        _row("GET", contents.questions, "/questionset/v2/hierarchy/", "/questionset/v1/hierarchy/"),
        _row("GET", contents.template, f"{c.template_read_path}/"),
        _row("GET", contents.certificate_template, f"{c.certificate_template_read_path}/"),
        _row("GET", contents.picture, contents.PICTURES, "/neighbours/template/"),
        _row("GET", people.read, f"{c.user_read_path}/", "/v1/user/read/", "/v5/user/read/"),
        _row("POST", people.listed, "/sandbox/people", "/neighbours/people"),
        _row("POST", people.consents_listed, "/sandbox/consents", "/neighbours/consents"),
        _row("POST", people.organisations, c.org_search_path),
        _row("POST", people.consents, c.consent_path, "/v2/user/consent/read"),
        _row("GET", people.group, c.group_read_path, "/v1/group/read/"),
        _row("POST", people.email, c.email_path),
        _row("POST", people.notification, c.notification_path),
        _row("POST", people.feed, c.feed_path),
        _row("GET", people.messages, "/sandbox/messages", "/neighbours/messages"),
    )


def _row(method: str, handler: Handler, *paths: str) -> Iterator[Route]:
    for path in dict.fromkeys(paths):
        yield Route(f"{path}{{identifier}}" if path.endswith("/") else path, answer.endpoint(handler), methods=[method])
