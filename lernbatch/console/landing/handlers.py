"""The addresses that lead on."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from lernbatch.console import rendering, rules
from lernbatch.console.visit import Visit, see_other
from lernbatch.errors import NotFound


async def enter(visit: Visit) -> Response:
    """GET / and /console: the console's address."""
    return RedirectResponse(rules.HOME, 302)


async def lead(visit: Visit) -> Response:
    """GET /console/: the first page of the navigation that is the reader's; who has none is told whom to ask."""
    navigation = rendering.navigation(visit)
    if navigation:
        return see_other(navigation[0][0].path)
    return await rendering.page(visit, "landing/nothing.html", {})


async def nowhere(visit: Visit) -> Response:
    """Any other path below /console/."""
    raise NotFound
