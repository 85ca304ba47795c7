"""Background work on people's data."""

from __future__ import annotations

from lernbatch.person import profiles
from lernbatch.services import Services


async def fetch_missing_profiles(services: Services) -> int:
    """Fetch a set of the profiles that a summary by place lacked; how many, or 0 when none is missing."""
    return await profiles.fetch_missing(services)
