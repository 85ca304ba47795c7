"""Fetching what is missing or old of the learners of a batch from the user service, a bounded set at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from lernbatch import log
from lernbatch.database.sql import Statement
from lernbatch.errors import Upstream
from lernbatch.services import Services

IDS_PER_SET = 500  # of one call of the user service
IDS_PER_STATEMENT = 10_000  # of one statement, which goes through the whole batch

AfterSet = Callable[[], Awaitable[None]]


async def fetch_in_sets(
    services: Services,
    statement: Statement,
    parameters: Mapping[str, object],
    fetch: Callable[[list[str]], Awaitable[None]],
    after_set: AfterSet,
) -> None:
    """Call `fetch` with the user ids that `statement` selects, at most IDS_PER_SET at a time; then `after_set`.

    `statement` takes `after` and `limit` beside `parameters` and gives rows (user_id, missing) in the order of
    user_id. `missing`: nothing is kept of that learner, so a failure cannot be passed over.
    Raises: Upstream, when `fetch` fails for a set in which somebody is missing.
    """
    after = ""
    while True:
        page = {**parameters, "after": after, "limit": IDS_PER_STATEMENT}
        rows = await services.pool.fetch(statement.text, *statement.arguments(page))
        for start in range(0, len(rows), IDS_PER_SET):
            learners = rows[start : start + IDS_PER_SET]
            try:
                await fetch([row["user_id"] for row in learners])
            except Upstream as failure:
                if any(row["missing"] for row in learners):
                    raise
                log.warning("profiles are not refreshed", detail=failure.detail)
            await after_set()
        if len(rows) < IDS_PER_STATEMENT:
            return
        after = rows[-1]["user_id"]
