"""Names of the people on the screen: fetched for the page, kept nowhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from lernbatch.console.visit import Visit
from lernbatch.errors import Upstream

MOST_NAMES = 100  # of one page: each may be a call of the user service


@dataclass(frozen=True, slots=True)
class Names:
    """User id → name, and → block and district. `are_missing`: the user service did not answer, so ids stand in for
    all names.
    """

    by_id: Mapping[str, str] = field(default_factory=dict)
    are_missing: bool = False
    places: Mapping[str, str] = field(default_factory=dict)

    def of(self, user_id: str) -> str:
        """The name; the id of somebody whose name is not known."""
        return self.by_id.get(user_id) or user_id


async def names(visit: Visit, user_ids: Iterable[str]) -> Names:
    """The names of the first MOST_NAMES of `user_ids`. Never fails: a page without names is a page."""
    asked_ids = list(dict.fromkeys(user_ids))[:MOST_NAMES]
    try:
        profiles = await visit.services.sunbird.users.profiles(asked_ids, visit.caller.token)
    except Upstream:
        return Names(are_missing=True)
    return Names(
        {user_id: profile.name for user_id, profile in profiles.items()},
        places={
            user_id: ", ".join(filter(None, [profile.block, profile.district])) for user_id, profile in profiles.items()
        },
    )
