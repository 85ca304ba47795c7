"""The page that checks a certificate by its number or a file."""

from __future__ import annotations

from urllib.parse import quote

from starlette.responses import Response

from lernbatch.certificate import pictures, verification
from lernbatch.console import rendering
from lernbatch.console.visit import Visit, see_other
from lernbatch.credential.strict_json import Unverifiable

LONGEST_NUMBER = 200
LARGEST_FORM = verification.LARGEST_FILE + 64 * 1024  # with its other fields


async def show(visit: Visit, why_not: str = "") -> Response:
    """GET /console/check; `why_not`: the file that was sent is not genuine."""
    return await rendering.page(visit, "checking/page.html", {"why_not": why_not})


async def check(visit: Visit) -> Response:
    """POST /console/check: go to the page of the number, or of the file's certificate. Files are not kept.

    Raises: TooOften; queue.TooManyChecks.
    """
    file, number = visit.files.get("file"), visit.form.get("number", "").strip()
    if file is not None:
        client, services = pictures.client_of(visit.call), visit.services
        if not visit.call.is_private:
            services.rates.check("dear", client, services.config.dear_calls_per_minute, services.clock.now())
        try:
            number = await verification.number_in(services, file.content, client)
        except Unverifiable as why:
            visit.status = 422
            return await show(visit, str(why))
    # Whoever copies a number copies its address, too.
    number = number.partition("?")[0].rstrip("/").rpartition("/")[2]
    if not number or len(number) > LONGEST_NUMBER:
        visit.refuse(visit.words._("Type the number of a certificate, or choose its file."), "number")
        return await show(visit)
    return see_other(f"/certs/{quote(number, safe='')}")
