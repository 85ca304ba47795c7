"""Background work on figures."""

from __future__ import annotations

from lernbatch.figures import actions
from lernbatch.services import Services


async def count(services: Services) -> int:
    """Count a batch that somebody looks at and that is too large to be counted meanwhile; 0, when there is none."""
    return await actions.count_next(services)
