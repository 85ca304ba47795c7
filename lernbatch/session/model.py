"""The nouns of signing in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import msgspec


class Pending(msgspec.Struct, frozen=True):
    """A sign-in under way at the provider: what must come back, and the page that it leads to."""

    state: str
    nonce: str
    verifier: str
    next: str


class Grant(msgspec.Struct, frozen=True):
    """Tokens of somebody who signed in. `ends_at`: of the access token, epoch seconds; 0: not known."""

    access_token: str
    refresh_token: str = ""
    id_token: str = ""
    ends_at: float = 0


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in. `csrf`: the secret under the tokens of this session's forms."""

    session_id: bytes = field(repr=False)  # SHA-256 of the cookie's value
    user_id: str
    name: str
    grant: Grant = field(repr=False)
    csrf: bytes = field(repr=False)
    created_at: datetime
    used_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class KeptForm:
    """A form that was sent after the session had ended: shown again, filled in, after signing in."""

    path: str
    values: dict[str, str]


@dataclass(frozen=True, slots=True)
class LocalPerson:
    """One of the bundled people, whom anybody may be in a demo. `roles`: names of their roles, without PUBLIC."""

    user_id: str
    name: str
    roles: tuple[str, ...]
    organisation: str


class PeopleToChoose(Protocol):
    """The bundled identity provider, as far as signing in needs it."""

    async def listed(self) -> Sequence[LocalPerson]:
        """The people who may be chosen: at most eight, some of each role."""

    async def token(self, user_id: str) -> tuple[LocalPerson, str] | None:
        """That person and a token of theirs; None: there is no such person."""
