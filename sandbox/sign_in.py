"""Choosing who one is: the imported people as the console's sign-in page offers them, and a token for one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from lernbatch.clock import Clock
from lernbatch.config import Config
from lernbatch.database import db, sql
from lernbatch.database.db import Pool
from lernbatch.session.model import LocalPerson
from lernbatch.web.caller import Role
from sandbox import identity

Q = sql.load("sandbox")
MOST_PEOPLE = 8
EVERYWHERE = "SYSTEM_ADMINISTRATION"  # the role that is held for no organisation of its own


@dataclass(frozen=True, slots=True)
class _Person:
    user_id: str
    first_name: str
    last_name: str
    org_id: str
    roles: list[str]
    org_name: str


class LocalPeople:
    """The imported people; what `lernbatch.console.model.PeopleToChoose` asks for."""

    def __init__(self, pool: Pool, config: Config, clock: Clock) -> None:
        self._pool, self._config, self._clock = pool, config, clock

    async def listed(self) -> Sequence[LocalPerson]:
        """At most eight people who are active, some of each set of roles; the bundled ones before generated ones."""
        rows = await db.all(self._pool, _Person, Q.people_to_choose, limit=MOST_PEOPLE)
        return [_shown(row) for row in rows]

    async def token(self, user_id: str) -> tuple[LocalPerson, str] | None:
        """An active person with a token that carries their roles; None: there is none with that id."""
        row = await db.one(self._pool, _Person, Q.person_to_choose, user_id=user_id)
        if row is None:
            return None
        roles = []  # ROLE holds in the own organisation, ROLE@organisation in that one, the platform's everywhere
        for text in row.roles:
            name, _, elsewhere = text.partition("@")
            organisation_ids = frozenset() if name == EVERYWHERE else frozenset({elsewhere or row.org_id} - {""})
            roles.append(Role(name, organisation_ids))
        now = self._clock.now()
        token = await asyncio.to_thread(identity.mint, self._config.home, self._config, user_id, now=now, roles=roles)
        return _shown(row), token


def _shown(row: _Person) -> LocalPerson:
    names = tuple(name for text in row.roles if (name := text.partition("@")[0]) != "PUBLIC")
    return LocalPerson(row.user_id, f"{row.first_name} {row.last_name}".strip(), names, row.org_name)
