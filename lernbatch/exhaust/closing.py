"""Closing the files that must not be there any more: of people who withdrew their consent."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta

from lernbatch import log, metrics
from lernbatch.database import sql
from lernbatch.errors import Upstream
from lernbatch.exhaust import actions, rules
from lernbatch.exhaust.model import PERSONAL
from lernbatch.person import profiles
from lernbatch.services import Services

Q = sql.load("lernbatch.exhaust")


async def close_withdrawn(services: Services) -> int:
    """Ask again about consents on which files rest, and close the files of those that ended; how many requests.

    A run asks about `exhaust_consents_per_run` people at most, the longest unasked first. What the user service does
    not answer is asked again in the next run.
    """
    config, now = services.config, services.clock.now()
    older_than = now - timedelta(minutes=config.exhaust_consent_minutes)
    look = {"personal": PERSONAL, "older_than": older_than, "limit": config.exhaust_consents_per_run}
    rows = await services.pool.fetch(Q.consents_to_recheck.text, *Q.consents_to_recheck.arguments(look))
    waiting = defaultdict(list)
    for row in rows:
        waiting[row["course_id"], row["consumer_id"]].append(row["user_id"])
    for (course_id, consumer_id), user_ids in waiting.items():
        for start in range(0, len(user_ids), profiles.IDS_PER_SET):
            try:
                await profiles.read_consents(
                    services, user_ids[start : start + profiles.IDS_PER_SET], course_id, consumer_id
                )
            except Upstream as failure:
                log.warning("consents are not read again", course_id=course_id, detail=failure.detail)
    await services.pool.execute(Q.expire_consents.text, *Q.expire_consents.arguments({"now": now}))
    ended: dict[str, object] = {"personal": PERSONAL, "message": rules.CONSENT_WITHDRAWN}
    closed = await services.pool.fetch(Q.close_withdrawn.text, *Q.close_withdrawn.arguments(ended))
    for row in closed:
        log.info("an exhaust was closed: a consent was withdrawn", request_id=row["request_id"])
        await actions.delete_files(services, row["dataset"], row["request_id"])
    metrics.BUSINESS.labels("exhaust closed").inc(len(closed))
    return len(closed)
