"""`lernbatch token`: what a script runs for each of its people, so it loads little."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable
from typing import Annotated

from cyclopts import Parameter

from lernbatch import command
from lernbatch.clock import Clock
from lernbatch.database import db, sql
from lernbatch.web.caller import Role
from sandbox import identity
from sandbox.model import SandboxPerson

Q = sql.load("sandbox")


def token(
    user: str,
    /,
    *,
    expired: bool = False,
    child: Annotated[str | None, Parameter(name="--for")] = None,
    role: list[str] | None = None,
) -> None:
    """Print a token of USER for the header X-Authenticated-User-Token, with the roles that USER was imported with.

    Somebody who was not imported has the role of everybody, PUBLIC, and a line on standard error says so.

    Example: `lernbatch token vikram --role CONTENT_CREATOR`

    Args:
        user: the user id
        expired: one that was over an hour ago
        child: print the token for X-Authenticated-For instead, with which USER acts for this managed user
        role: give these roles, not the imported ones
    """
    print(asyncio.run(_token(user, expired, child, role)))


async def _token(user: str, expired: bool, child: str | None, names: list[str] | None) -> str:
    async with command.connection() as (settings, conn):
        person = None
        if settings.uses_sandbox:
            person = await db.one(conn, SandboxPerson, Q.people_by_ids, user_ids=[child or user])
            if person is None:
                _warn(f"Nobody with the id {child or user} was imported; the token has the given roles, or PUBLIC.")
        if settings.public_key_folder is not None:
            _warn("LERNBATCH_PUBLIC_KEY_FOLDER names other keys than the sandbox's: this token does not count here.")
        organisation = frozenset([person.org_id] if person and person.org_id else [])
        roles = read_roles((person.roles if person else ["PUBLIC"]) if names is None else names, organisation)
        return identity.mint(
            settings.home,
            settings,
            child or user,
            now=Clock(settings.time_zone).now(),
            roles=roles,
            expired=expired,
            parent_id=user if child else None,
        )


def _warn(sentence: str) -> None:
    print(f"lernbatch: {sentence}", file=sys.stderr)


def read_roles(names: Iterable[str], own: frozenset[str]) -> list[Role]:
    """The roles that `names` give: ROLE counts in the own organisation, ROLE@organisation in that one."""
    named = (name.partition("@") for name in names)
    return [Role(role, frozenset([elsewhere]) if elsewhere else own) for role, _, elsewhere in named]
