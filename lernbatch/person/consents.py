"""Consents: what people let an organisation see of them in a course, as the user service last said."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

from lernbatch import log
from lernbatch.database import db, sql
from lernbatch.errors import Upstream
from lernbatch.person.fetching import IDS_PER_SET, AfterSet, fetch_in_sets
from lernbatch.person.model import SharedContact
from lernbatch.services import Services
from lernbatch.sunbird.users import Consent

Q = sql.load("lernbatch.person")


async def fetch_consents(
    services: Services, batch_id: str, course_id: str, consumer_id: str, after_set: AfterSet
) -> None:
    """Refresh the consents of a batch's learners to the organisation `consumer_id` that are older than
    `exhaust_consent_minutes`. `after_set` is called after each call of the user service.

    Raises: Upstream. An old consent is not used where the service fails: it may have been withdrawn.
    """
    older_than = services.clock.now() - timedelta(minutes=services.config.exhaust_consent_minutes)

    async def fetch(user_ids: list[str]) -> None:
        await store_consents(services, user_ids, course_id, consumer_id)

    parameters = {"batch_id": batch_id, "consumer_id": consumer_id, "older_than": older_than}
    await fetch_in_sets(services, Q.consents_to_fetch, parameters, fetch, after_set)


async def recheck_consents(services: Services, uses: Sequence[tuple[str, str]]) -> None:
    """Ask again about active consents that are in use, and mark those that expired as withdrawn.

    `uses`: (organisation id, course id) for which files lie in the store. One call asks about
    `exhaust_consents_per_run` people at most, those first that were not asked about for the longest time. What the
    user service does not answer is asked again by the next call.
    """
    config, now = services.config, services.clock.now()
    parameters: dict[str, object] = {
        "consumer_ids": [consumer_id for consumer_id, _ in uses],
        "course_ids": [course_id for _, course_id in uses],
        "older_than": now - timedelta(minutes=config.exhaust_consent_minutes),
        "limit": config.exhaust_consents_per_run,
    }
    learners = defaultdict(list)
    for row in await services.pool.fetch(Q.consents_to_recheck.text, *Q.consents_to_recheck.arguments(parameters)):
        learners[row["course_id"], row["consumer_id"]].append(row["user_id"])
    for (course_id, consumer_id), user_ids in learners.items():
        for start in range(0, len(user_ids), IDS_PER_SET):
            try:
                await store_consents(services, user_ids[start : start + IDS_PER_SET], course_id, consumer_id)
            except Upstream as failure:
                log.warning("consents are not read again", course_id=course_id, detail=failure.detail)
    await db.run(services.pool, Q.expire_consents, now=now)


async def shared_contact(services: Services, user_id: str, course_id: str, consumer_id: str) -> SharedContact | None:
    """The phone number and e-mail address that somebody lets the organisation see in a course, as of this moment.

    None: they share nothing. Raises: Upstream.
    """
    consent = (await services.sunbird.users.consents([user_id], course_id, consumer_id)).get(user_id)
    if consent is None or not consent.holds(services.clock.now()):
        return None
    profile = await services.sunbird.users.profile(user_id)
    return None if profile is None else SharedContact(profile.phone, profile.email, consent.updated_at)


async def store_consents(services: Services, user_ids: Sequence[str], course_id: str, consumer_id: str) -> None:
    """Fetch and store what each of `user_ids` lets `consumer_id` see now; a consent that ended gets its `withdrawn_at`.

    At most IDS_PER_SET at a time. Raises: Upstream.
    """
    consents = await services.sunbird.users.consents(user_ids, course_id, consumer_id)
    rows = [consents.get(user_id) or Consent(user_id, "", "", None, None) for user_id in user_ids]
    await db.run(
        services.pool,
        Q.put_consents,
        consumer_id=consumer_id,
        object_id=course_id,
        user_ids=user_ids,
        consent_ids=[consent.consent_id for consent in rows],
        statuses=[consent.status or None for consent in rows],
        updated_at=[consent.updated_at for consent in rows],
        expires_at=[consent.expires_at for consent in rows],
        now=services.clock.now(),
    )
