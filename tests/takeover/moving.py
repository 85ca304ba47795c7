"""Moves the test world into a database, as `lernbatch sunbird` does, and looks at what came of it."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypeVar

import asyncpg

from lernbatch.app import services
from lernbatch.clock import Clock
from lernbatch.config import Config
from lernbatch.database import db
from lernbatch.environment import load
from lernbatch.services import Services
from lernbatch.sunbird_source.beside import open_archive, open_job_requests, open_registry
from lernbatch.sunbird_source.model import Options, SunbirdSource
from lernbatch.sunbird_source.opening import open_source
from lernbatch.takeover import actions, hand_back, hand_over, verify
from lernbatch.takeover.convert.model import HELD
from lernbatch.takeover.passes import BYTES_AT_ONCE, Watch
from sandbox import importing

T = TypeVar("T")
FORMS = ("dsbulk", "cqlsh", "cqlsh-py39")
PROVIDER = "fed-1"
NOBODY_WATCHES = lambda what, done, total: None  # noqa: E731
SQL = {
    "batches": "SELECT batch_id, course_id, name, description, enrolment_type, created_by, created_for, mentors,"
    " start_date, end_date, enrolment_end_date, status, templates, created_at FROM batch",
    "enrolments": "SELECT user_id, batch_id, course_id, active, added_by, added_how, enrolled_at, status, progress,"
    " percentage, completed_at, last_read_content_id, last_read_content_status, last_access_at,"
    " coalesce(states_text::jsonb, states) AS states, scores, certificates FROM enrolment",
    "attempts": "SELECT user_id, batch_id, content_id, attempt_id, course_id, attempted_ms, score, max_score, questions"
    " FROM attempt",
    "certificates": "SELECT certificate_id, user_id, batch_id, course_id, name, source, status, issued_at, template_id,"
    " token FROM imported_certificate",
}


@dataclass
class Installation:
    """A database of ours that a world is moved into."""

    dsn: str
    home: Path
    world: Path
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def config(self) -> Config:
        given = {"federation_provider_id": PROVIDER, "statement_timeout_seconds": 300, "jobs_enabled": False}
        return load(home=self.home, **{**given, **self.settings})

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[tuple[Services, asyncpg.Connection]]:
        async with services(self.config, self.dsn) as held:
            conn = await db.connect(self.dsn)
            try:
                yield held, conn
            finally:
                await conn.close()

    def run(self, work: Callable[[Services, asyncpg.Connection], Awaitable[T]]) -> T:
        async def inside() -> T:
            async with self.opened() as (held, conn):
                return await work(held, conn)

        return asyncio.run(inside())

    def import_courses(self) -> None:
        async def work(held: Services, conn: asyncpg.Connection) -> None:
            for path in sorted((self.world / "courses").glob("*.json")):
                await importing.course(conn, path, Clock(held.config.time_zone).now())

        self.run(work)

    def sources(self, form: str, **options: Any) -> list[SunbirdSource]:
        given = Options(**options)
        text = form if "://" in form else str(self.world / form)
        opened: list[SunbirdSource] = [open_source(text, given)]
        for name, opening in (("registry", open_registry), ("archive", open_archive)):
            if (self.world / name).exists():
                opened.append(opening(self.world / name, given))
        if (self.world / "postgres" / "job_request.csv").exists():
            opened.append(open_job_requests(self.world / "postgres" / "job_request.csv", given))
        return opened

    def copy(
        self,
        form: str = "dsbulk",
        *,
        catch_up: bool = False,
        watch: Watch | None = None,
        renames: Any = None,
        live: bool = False,
        remove_vanished: bool = False,
        bytes_at_once: int = BYTES_AT_ONCE,
        **options: Any,
    ) -> dict[str, Any]:
        sources = self.sources(form, **options)
        for source in sources:
            source.live = live

        async def work(held: Services, conn: asyncpg.Connection) -> dict[str, Any]:
            converting = actions.options_of(held, renames or {})
            return await actions.copy(
                held, conn, sources, converting, watch or NOBODY_WATCHES, catch_up=catch_up,
                remove_vanished=remove_vanished, bytes_at_once=bytes_at_once,
            )  # fmt: skip

        try:
            return self.run(work)
        finally:
            for source in sources:
                source.close()

    def plan(self, form: str = "dsbulk", **options: Any) -> dict[str, Any]:
        sources = self.sources(form, **options)

        async def work(held: Services, conn: asyncpg.Connection) -> dict[str, Any]:
            told, _ = await actions.plan(held, conn, sources, actions.options_of(held, {}), NOBODY_WATCHES)
            return told

        return self.run(work)

    def verify(self, form: str = "dsbulk", batch_id: str | None = None) -> dict[str, Any]:
        sources = self.sources(form)

        async def work(held: Services, conn: asyncpg.Connection) -> dict[str, Any]:
            converting = actions.options_of(held, {})
            told, _ = await verify.verify(held, conn, sources, converting, NOBODY_WATCHES, batch_id)
            return told

        return self.run(work)

    def hand_over(self, *accepted: str, clean: bool = False) -> dict[str, Any]:
        held_kinds = [kind for kind in accepted if kind in HELD]
        open_kinds = [kind for kind in accepted if kind not in HELD]
        return self.run(lambda held, conn: hand_over.hand_over(held, conn, held_kinds, open_kinds, clean=clean))

    def hand_back(self, folder: Path, *, everything: bool) -> dict[str, Any]:
        folder.mkdir(parents=True, exist_ok=True)
        return self.run(lambda held, conn: hand_back.hand_back(held, conn, folder, everything=everything))

    def sql(self, text: str, *arguments: object) -> list[asyncpg.Record]:
        async def work(_: Services, conn: asyncpg.Connection) -> list[asyncpg.Record]:
            rows: list[asyncpg.Record] = await conn.fetch(text, *arguments)
            return rows

        return self.run(work)

    def rows(self, what: str) -> list[dict[str, Any]]:
        """Rows in the shape of expected.json."""
        return [{name: shown(value, name) for name, value in row.items()} for row in self.sql(SQL[what])]

    def problems(self) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = {}
        for row in self.sql("SELECT kind, key, said FROM takeover.problem ORDER BY kind, key"):
            found.setdefault(row["kind"], []).append({"key": row["key"], **row["said"]})
        return found

    def everything(self) -> dict[str, list[Any]]:
        """All that a move writes, to the byte: for who compares two ends."""
        texts = {
            "batch": "SELECT * FROM batch ORDER BY batch_id",
            "enrolment": "SELECT * FROM enrolment ORDER BY user_id, batch_id",
            "attempt": "SELECT * FROM attempt ORDER BY user_id, batch_id, content_id, attempt_id",
            "certificate": "SELECT user_id, certificate_id, status, token, name FROM imported_certificate"
            " ORDER BY user_id, certificate_id",
            "problem": "SELECT kind, key, said FROM takeover.problem ORDER BY kind, key, said::text",
            "quarantine": "SELECT kind, source_table, key FROM takeover.quarantine ORDER BY kind, source_table, key",
        }
        return {name: [tuple(row) for row in self.sql(text)] for name, text in texts.items()}


def shown(value: Any, name: str = "") -> Any:
    """As expected.json has it, where a state ends with its last place that says something."""
    if name == "states":
        return {content_id: state[: 7 if state[7] is None else 8] for content_id, state in value.items()}
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else value


def same(one: Any, other: Any, *, rounded: bool) -> bool:
    """Whether two values are equal; numbers within the digits that an export keeps, where it lost some."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key], rounded=rounded) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        pairs = zip(one, other, strict=False)
        return len(one) == len(other) and all(same(*pair, rounded=rounded) for pair in pairs)
    if rounded and isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-5)
    return bool(one == other)


def expected_of(world: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((world / "expected.json").read_text(encoding="utf-8"))
    return told


def keyed(rows: Sequence[dict[str, Any]], *names: str) -> dict[tuple[Any, ...], dict[str, Any]]:
    return {tuple(row[name] for name in names): row for row in rows}
