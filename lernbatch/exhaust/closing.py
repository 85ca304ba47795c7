"""Closing the files that must not be there any more: of people who withdrew their consent."""

from __future__ import annotations

from lernbatch import log, metrics
from lernbatch.database import sql
from lernbatch.exhaust import actions, rules
from lernbatch.exhaust.model import PERSONAL
from lernbatch.person.consents import recheck_consents
from lernbatch.services import Services

Q = sql.load("lernbatch.exhaust")


async def close_withdrawn(services: Services) -> int:
    """Ask again about the consents on which files rest, and close the requests whose consents ended.

    Returns how many requests were closed. Bounds: see person.consents.recheck_consents.
    """
    rows = await services.pool.fetch(Q.consents_in_use.text, PERSONAL)
    await recheck_consents(services, [(row["consumer_id"], row["course_id"]) for row in rows])
    parameters: dict[str, object] = {"personal": PERSONAL, "message": rules.CONSENT_WITHDRAWN}
    closed = await services.pool.fetch(Q.close_withdrawn.text, *Q.close_withdrawn.arguments(parameters))
    for row in closed:
        log.info("an exhaust was closed: a consent was withdrawn", request_id=row["request_id"])
        await actions.delete_files(services, row["dataset"], row["request_id"])
    metrics.BUSINESS.labels("exhaust closed").inc(len(closed))
    return len(closed)
