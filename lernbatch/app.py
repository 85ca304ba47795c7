"""The ASGI application: what it is composed of, its start and stop."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from lernbatch import log, spans
from lernbatch.account import ended
from lernbatch.clock import Clock
from lernbatch.config import Config
from lernbatch.console import endpoint as console
from lernbatch.console.pages import PAGES
from lernbatch.console.visit import Console
from lernbatch.course.cache import CourseCache
from lernbatch.database import citus, db
from lernbatch.database.coalescer import Coalescers
from lernbatch.database.nodes import Nodes
from lernbatch.database.reports import Reports
from lernbatch.environment import load
from lernbatch.errors import Unusable
from lernbatch.inbox.consumer import Consumer
from lernbatch.jobs import worker
from lernbatch.jobs.outbox.kafka import Producer
from lernbatch.jobs.worker import Job
from lernbatch.ops import gauges, health, lifecycle
from lernbatch.routes import ROUTES
from lernbatch.schedule import JOBS
from lernbatch.services import JobSignal, Services
from lernbatch.session.provider import Provider
from lernbatch.sunbird import Sunbird
from lernbatch.sunbird.users import ACTIVE
from lernbatch.web import audit, failures, rates, server
from lernbatch.web.endpoint import starlette_routes
from lernbatch.web.envelope import Bodies
from lernbatch.web.fragments import Fragments
from lernbatch.web.middleware import Middleware, NoSuchRoute
from lernbatch.web.rates import Rates
from lernbatch.web.tokens import PublicKeys, TokenVerifier
from lernbatch.webhook.client import WebhookClient
from sandbox import app as sandbox
from sandbox import identity
from sandbox.sign_in import LocalPeople


@asynccontextmanager
async def services(config: Config, dsn: str, clock: Clock | None = None) -> AsyncIterator[Services]:
    """Everything a process holds, opened and closed in order."""
    clock = clock or Clock(config.time_zone)
    async with AsyncExitStack() as opened:
        await opened.enter_async_context(spans.exporting(config))
        shards = await citus.shards_of(dsn)
        pool = await opened.enter_async_context(
            db.pool(
                dsn,
                size=config.pool_size,
                statement_timeout_seconds=config.statement_timeout_seconds,
                wait_seconds=config.pool_wait_seconds,
                sharded=shards is not None,
            )
        )
        reports_url, standby = config.reports_database_url, None
        if reports_url is not None:
            standby = await opened.enter_async_context(
                db.pool(
                    reports_url.get_secret_value(),
                    size=config.pool_size,
                    statement_timeout_seconds=config.statement_timeout_seconds,
                    wait_seconds=config.pool_wait_seconds,
                    role="standby",
                    sharded=shards is not None,
                )
            )
        sunbird = await opened.enter_async_context(Sunbird.open(config, sandbox.application(pool, config, clock)))
        keys = PublicKeys(config.public_key_folder or identity.public_folder(config.home), config.key_reload_seconds)
        kafka = Producer(config)
        opened.push_async_callback(kafka.close)
        consumer = Consumer(config)
        opened.push_async_callback(consumer.close)
        webhooks = WebhookClient(config)
        opened.push_async_callback(webhooks.close)
        nodes = None
        if shards is not None:
            nodes = await opened.enter_async_context(Nodes.opened(config, dsn, shards, pool))
        # A flush serves many requests and has one time: each shadowed request has its own.
        coalescers = Coalescers(
            enabled=config.coalescing_enabled and config.takeover != "shadow",
            shard_of=None if nodes is None else nodes.shard_of,
        )
        tokens = TokenVerifier(config, clock, keys)
        sunbird.users.tell(lambda person: tokens.note(person.user_id, is_active=person.status == ACTIVE))
        yield Services(
            config,
            clock,
            pool,
            Reports(pool, standby, config.reports_lag_seconds),
            tokens,
            sunbird,
            kafka,
            consumer,
            webhooks,
            JobSignal(),
            coalescers,
            Bodies(config.bodies_at_once_bytes),
            CourseCache(),
            Fragments(),
            audit.Refusals(),
            Rates(),
            asyncio.Semaphore(1),
            nodes,
        )


def create(config: Config, dsn: str, clock: Clock | None = None, jobs: Sequence[Job] = JOBS) -> Middleware:
    """The application. `dsn` is a migrated database; `clock` is moved by tests; `jobs`: those it works on, if any."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with services(config, dsn, clock) as held:
            app.state.services = held
            people = LocalPeople(held.pool, config, held.clock)
            app.state.console = Console(
                PAGES,
                people,
                provider=Provider(config),
            )
            async with (
                lifecycle.noted(held),
                gauges.watching(held.pool),
                ended.watching(held),
                audit.counting(held),
                rates.shared(held),
                worker.running(held, jobs) if config.jobs_enabled else AsyncExitStack(),
            ):
                yield

    async def unknown(request: Request, _: Exception) -> Response:
        return failures.failed(request, NoSuchRoute())

    routes = [*starlette_routes(ROUTES), *console.starlette_routes(PAGES)]
    app = Starlette(routes=routes, lifespan=lifespan, exception_handlers={HTTPException: unknown})
    app.router.redirect_slashes = False
    app.state.routes = tuple(ROUTES)  # for /openapi.json and /docs
    app.state.operators_port = None  # the only one with what is for operators
    app.state.schema = health.SchemaWatch()
    app.state.leaving = app.state.unhealthy = False  # what /readyz and the health gate go by
    return Middleware(app, config)


def main() -> None:
    """One of several processes: `python -m lernbatch.app PARENT [SOCKET [SOCKET]]`, all descriptors.

    Without a socket it is the one that works on heavy jobs, which the others then leave to it.
    """
    parent, *descriptors = map(int, sys.argv[1:])
    try:
        settings = load()
        log.configure(settings.log_level)
        assert settings.database_url is not None
        dsn = settings.database_url.get_secret_value()
        if descriptors:
            jobs = [job for job in JOBS if not (job.heavy and settings.reports_apart)]
            socks = [socket.socket(fileno=descriptor) for descriptor in descriptors]
            server.serve(create(settings, dsn, jobs=jobs), settings, socks, parent)
        else:
            os.nice(settings.reports_niceness)
            asyncio.run(_work_on_heavy_jobs(settings, dsn, parent))
    except Unusable as wrong:
        sys.exit(f"lernbatch: {wrong}")
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as unreachable:
        sys.exit(f"lernbatch: The database cannot be reached: {unreachable}.")


async def _work_on_heavy_jobs(settings: Config, dsn: str, parent: int) -> None:
    async with services(settings, dsn) as held, lifecycle.noted(held):
        await worker.work(held, [job for job in JOBS if job.heavy], parent)


if __name__ == "__main__":
    main()
