"""Addresses of the lists that figures lead to, so that a figure and its list agree. None: there is no such page."""

from __future__ import annotations

from urllib.parse import urlencode

from lernbatch.console.visit import Visit

LEARNERS = "/console/batches/{batch_id}/learners"
CERTIFICATES = "/console/batches/{batch_id}/certificates"
RULES = "/console/batches/{batch_id}/rules"


def learners(visit: Visit, batch_id: str, **filters: str | int) -> str | None:
    """The learners of a batch whom the filters leave; they are called as the API's, in the query:

    standings=never-started, reached=started, notReached=half, certified=true, finishedUnit=3, seenWithinDays=7
    """
    return _address(visit, LEARNERS, batch_id, {name: str(value) for name, value in filters.items()})


def page(visit: Visit, path: str, batch_id: str) -> str | None:
    """That page of the batch."""
    return _address(visit, path, batch_id, {})


def _address(visit: Visit, path: str, batch_id: str, query: dict[str, str]) -> str | None:
    if not any(page.path == path for page in visit.console.pages):
        return None
    return path.format(batch_id=batch_id) + (f"?{urlencode(query)}" if query else "")
