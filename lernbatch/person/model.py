"""The nouns of people: what is sealed of them, and the lookup of missing profiles."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Personal:
    """What is sealed of a person."""

    name: str = ""
    email: str = ""
    phone: str = ""
    external_id: str = ""


@dataclass(frozen=True, slots=True)
class SharedContact:
    """How somebody can be reached, as they let an organisation see it. `consented_at`: when they last said so."""

    phone: str
    email: str
    consented_at: datetime | None


@dataclass(frozen=True, slots=True)
class Lookup:
    """A batch whose missing profiles are being fetched, and the last user id that was tried."""

    batch_id: str
    after_user_id: str
