"""`lernbatch demo`: starts the service, runs the journey through it, and shows what came out."""

from __future__ import annotations

import signal
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, partial
from typing import Annotated

import httpx
import uvloop
from cyclopts import Parameter, validators
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from lernbatch import command
from lernbatch.config import Config
from lernbatch.database import db, opening
from lernbatch.errors import Unusable
from lernbatch.screen import Screen
from lernbatch.web.caller import Role
from sandbox import identity, importing
from sandbox.demo import checking, expected, journey, report, service
from sandbox.demo.expected import ExpectedFigures
from sandbox.demo.journey import Client, Journey, Surprise
from sandbox.demo.report import Leftovers, Stage
from sandbox.demo.story import COMPLETING, PASS_PERCENT, PASSING, StoryContent, StoryLearner
from sandbox.generator import generate_people

CREATOR, MENTOR, ORGANISATION = "u-vikram", "u-meera", "org-lotus"
TEMPLATES = ("do_21400000000000900", "do_21400000000000901")  # of completion, of merit

_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # the service is on this machine; certificates take long to load


def demo(
    *,
    learners: Annotated[int, Parameter(validator=validators.Number(gte=20, lte=20_000))] = 500,
    once: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Run a batch from creation to certificates on bundled input, over real HTTP; the service then runs on.

    Example: `lernbatch demo --once`

    Args:
        learners: how many take part
        once: stop afterwards, and fail if any figure is not what the input implies
    """
    console = Screen()
    settings = command.settings()
    contents = expected.contents(importing.SAMPLE / "course.json")
    implied = expected.figures(contents, learners)
    with opening.opened(settings) as dsn, service.started(settings, dsn) as url:
        columns = (TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console) as bars:
            run = Run(bars, settings, url, dsn, contents)
            try:
                seen = uvloop.run(run.all_of_it(learners))
            except* (Surprise, httpx.TransportError) as wrong:
                raise Unusable(f"The demo went wrong: {wrong.exceptions[0]}.") from wrong
        report.show_stages(console, run.stages)
        report.show_figures(console, seen, implied)
        if seen != implied:
            raise Unusable("The demo's figures are not what its input implies.")
        if not once:
            report.show_leftovers(console, run.leftovers())
            with suppress(KeyboardInterrupt):
                signal.pause()


@dataclass(slots=True)
class Run:
    """One run of the demo: its stages one after the other, each with a bar."""

    bars: Progress
    settings: Config
    url: str
    dsn: str
    contents: list[StoryContent]
    stages: list[Stage] = field(default_factory=list)
    client: Client = field(init=False)
    journey: Journey = field(init=False)
    learners: list[StoryLearner] = field(init=False)

    async def all_of_it(self, count: int) -> ExpectedFigures:
        """The whole journey; what came out."""
        async with AsyncExitStack() as opened:
            pools = [
                httpx.AsyncClient(base_url=self.url, timeout=journey.PATIENCE_SECONDS, verify=_NO_TLS)
                for _ in range(journey.CONNECTIONS)
            ]
            for pool in pools:
                await opened.enter_async_context(pool)
            self.client = Client(pools, cache(self.token))
            await self._import(count)
            with self._stage("Creating the batch", 1) as advance:
                now = datetime.now(self.settings.time_zone)
                await self.journey.create_batch(f"Demo of {now:%d %B %Y, %H:%M}", now.date(), ORGANISATION)
                advance()
            with self._stage("Enrolling", len(self.learners)) as advance:
                enrol = partial(self.journey.enrol, contents=self.contents, now_ms=0)
                await journey.each(self.learners, enrol, advance)
            with self._stage("Learning", len(self.learners)) as advance:
                learn = partial(self.journey.learn, contents=self.contents, now_ms=int(time.time() * 1000))
                await journey.each(self.learners, learn, advance)
            await self._certificates()
            with self._stage("Drawing the progress exhaust", 1) as advance:
                rows = await self.journey.exhaust()
                advance()
            return ExpectedFigures(
                learners_enrolled=await self.journey.count_active(),
                updates_sent=self.journey.updates_sent,
                completed=journey.completed(rows),
                certificates=sum(len(ids) for ids in self.journey.certificates.values()),
                exhaust_rows=len(rows),
            )

    @contextmanager
    def _stage(self, name: str, total: int) -> Iterator[Callable[[], None]]:
        """Times a stage; yields what moves its bar by one."""
        bar = self.bars.add_task(name, total=total)
        began, requests = time.perf_counter(), self.client.requests
        yield partial(self.bars.advance, bar)
        self.stages.append(Stage(name, time.perf_counter() - began, self.client.requests - requests))

    async def _import(self, count: int) -> None:
        with self._stage("Importing course and people", 1) as advance:
            conn = await db.connect(self.dsn)
            try:
                course = await importing.sample(conn, datetime.now(UTC))
                people = list(generate_people(count, organisations=(ORGANISATION,)))
                await importing.put_people(conn, people)
            finally:
                await conn.close()
            self.learners = [StoryLearner(number, person.user_id) for number, person in enumerate(people)]
            self.journey = Journey(self.client, course.course_id, CREATOR, MENTOR, TEMPLATES, PASS_PERCENT)
            advance()

    async def _certificates(self) -> None:
        """Wait for every certificate that the criteria promise, and verify each with the published key alone."""
        earners = [learner for learner in self.learners if learner.way in COMPLETING]

        async def obtain(learner: StoryLearner) -> None:
            await self.journey.await_certificates(learner.user_id, 2 if learner.way in PASSING else 1)
            for certificate_id in self.journey.certificates[learner.user_id]:
                data = await self.client.get(f"/certs/{certificate_id}.json")
                checking.check(data, trusted, learner.number)

        with self._stage("Certificates, verified", len(earners)) as advance:
            trusted = checking.published_keys(await self.client.get("/.well-known/did.json"))
            await journey.each(earners, obtain, advance)

    def token(self, user_id: str) -> str:
        """A token as the identity provider would give; the creator's carries the roles that people.csv gives."""
        creates = user_id in (CREATOR, MENTOR)
        names = ("PUBLIC", "CONTENT_CREATOR") if creates else ("PUBLIC",)
        roles = [Role(name, frozenset({ORGANISATION})) for name in names]
        return identity.mint(self.settings.home, self.settings, user_id, now=datetime.now(UTC), roles=roles)

    def leftovers(self) -> Leftovers:
        learner_id, certificate_ids = next(iter(self.journey.certificates.items()))
        return Leftovers(
            self.url,
            self.journey.course_id,
            self.journey.batch_id,
            certificate_ids[0],
            self.token(CREATOR),
            learner_id,
            self.token(learner_id),
        )
