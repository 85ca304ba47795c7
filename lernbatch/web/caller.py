"""Who asks: the person or system of a request, in whose name, and with which roles."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Role:
    """A role of the token; `organisation_ids` empty: everywhere."""

    name: str
    organisation_ids: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks (`user_id`, None: nobody known), on whose behalf, and with which roles."""

    user_id: str | None = None
    on_behalf_of: str | None = None
    roles: tuple[Role, ...] = ()
    token: str | None = field(default=None, repr=False)
    authentication_enabled: bool = True
    until: int | None = None  # epoch seconds: when the token ended that is shown late; None: it has not ended

    @property
    def subject(self) -> str | None:
        """Whose data a call about oneself concerns: the managed user, else the caller."""
        return self.on_behalf_of or self.user_id

    @property
    def is_user(self) -> bool:
        """Whether a user's token was shown. Nobody, and a system that calls under its own name, have none."""
        return self.token is not None

    @property
    def organisation_ids(self) -> frozenset[str]:
        """The organisations in which the caller holds any role."""
        return frozenset().union(*(role.organisation_ids for role in self.roles))

    @property
    def user_ids(self) -> list[str]:
        """The caller, and the child in whose name they ask."""
        return [user_id for user_id in (self.user_id, self.on_behalf_of) if user_id is not None]

    def speaks_for(self, user_id: str | None) -> bool:
        """Whether `user_id` is the caller, or the child in whose name they ask."""
        return user_id in self.user_ids

    def has_role(self, names: Iterable[str]) -> bool:
        wanted = frozenset(names)
        return any(role.name in wanted for role in self.roles)

    def administers(self, organisation_ids: Iterable[str], names: Iterable[str]) -> bool:
        """Whether one of the roles `names` is held for one of the organisations, or for all: then `()` will do."""
        held_in = self.organisations_with(names)
        return held_in is None or not held_in.isdisjoint(organisation_ids)

    def organisations_with(self, names: Iterable[str]) -> frozenset[str] | None:
        """The organisations for which one of the roles `names` is held; None: for all."""
        wanted = frozenset(names)
        held = [role.organisation_ids for role in self.roles if role.name in wanted]
        return frozenset().union(*held) if all(held) else None


NOBODY = Caller()
