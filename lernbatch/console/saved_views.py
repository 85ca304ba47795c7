"""Lists with a filter that people have kept under names of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from starlette.responses import Response

from lernbatch.console.visit import Visit, see_other
from lernbatch.database import db, sql

Q = sql.load("lernbatch.console")
MOST = 20  # of one person and list
LONGEST_NAME, LONGEST_QUERY = 60, 1000  # characters

List: TypeAlias = Literal["batches", "learners"]


@dataclass(frozen=True, slots=True)
class SavedView:
    """`query`: of the list's address, without the question mark."""

    name: str
    query: str


def shown(views: Sequence[SavedView], address: str) -> dict[str, Any]:
    """The reader's views for a page, and whether what is shown could be one more. `address`: the query of that."""
    return {
        "chips": [{"name": view.name, "link": f"?{view.query}", "is_current": view.query == address} for view in views],
        "can_save": bool(address) and all(view.query != address for view in views),
        "address": address,
    }


async def of_reader(visit: Visit, page: List) -> Sequence[SavedView]:
    """The reader's own, the oldest first."""
    parameters = {"user_id": visit.caller.user_id, "page": page, "limit": MOST}
    return await db.all(visit.services.pool, SavedView, Q.views_of, **parameters)


async def save(visit: Visit, page: List, query: str) -> Response | None:
    """Keep `query` under the name that the form has; where to go then. None: the form is refused."""
    name, _ = " ".join(visit.form.get("name", "").split()), visit.words._
    if not name or len(name) > LONGEST_NAME:
        visit.refuse(_("Give the view a name of at most %(num)s letters.", num=LONGEST_NAME), "name")
        return None
    parameters = {"user_id": visit.caller.user_id, "page": page, "name": name, "limit": MOST}
    saved = await db.run(
        visit.services.pool, Q.save_view, **parameters, query=query[:LONGEST_QUERY], now=visit.services.clock.now()
    )
    if not saved:
        visit.refuse(_("You have %(num)s views here. Forget one first.", num=MOST), "name")
        return None
    return see_other(f"{visit.path}?{query}")


async def forget(visit: Visit, page: List) -> Response:
    """Forget the reader's view of that name."""
    name = visit.form.get("name", "")
    await db.run(visit.services.pool, Q.forget_view, user_id=visit.caller.user_id, page=page, name=name)
    return see_other(visit.path)
