"""Profiles: what the user service says of people, cached so that a report of a million rows is one statement.

Names, e-mail addresses, phone numbers and external ids are sealed; names are found by marks. Where people live and
work is not sealed, so that statements can filter by it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec

from lernbatch import log
from lernbatch.database import db, sql
from lernbatch.errors import Upstream
from lernbatch.person import names
from lernbatch.person.fetching import IDS_PER_SET, AfterSet, fetch_in_sets
from lernbatch.person.model import Lookup, Personal
from lernbatch.sealing import Seal, seal_of
from lernbatch.services import Services
from lernbatch.sunbird.users import Profile

Q = sql.load("lernbatch.person")
FETCHED_AT_ONCE = 100  # people, one by one, while somebody waits


async def fetch_profiles(services: Services, batch_id: str, after_set: AfterSet) -> None:
    """Cache the profile of every enrolled learner: fetch missing ones, refresh those older than
    `exhaust_profile_hours`. `after_set` is called after each call of the user service.

    A person whom the user service does not know is stored as such, so that reports show them by their id.
    Raises: Upstream, when a missing profile cannot be read; an old one is used where the service fails.
    """
    seal = seal_of(services.config)
    older_than = services.clock.now() - timedelta(hours=services.config.exhaust_profile_hours)

    async def fetch(user_ids: list[str]) -> None:
        await store_profiles(services, seal, user_ids, await services.sunbird.users.profiles(user_ids))

    parameters = {"batch_id": batch_id, "older_than": older_than}
    await fetch_in_sets(services, Q.profiles_to_fetch, parameters, fetch, after_set)


async def fetch_missing(services: Services) -> int:
    """Fetch up to IDS_PER_SET profiles that a summary by place lacked. Returns how many were tried, 0 when none is due.

    A profile that cannot be read now is skipped until the next summary asks. Raises: Upstream, when none can be read.
    """
    lookup = await db.one(services.pool, Lookup, Q.next_lookup)
    if lookup is None:
        return 0
    page = {"batch_id": lookup.batch_id, "after": lookup.after_user_id, "limit": IDS_PER_SET}
    rows = await services.pool.fetch(Q.missing_profiles.text, *Q.missing_profiles.arguments(page))
    if not rows:
        await db.run(services.pool, Q.end_lookup, batch_id=lookup.batch_id)
        return 1
    user_ids = [row["user_id"] for row in rows]
    profiles, failures = await services.sunbird.users.each(user_ids)
    if len(failures) == len(user_ids):
        raise Upstream(f"nobody of {len(user_ids)} people can be read: {next(iter(failures.values()))}")
    readable = [user_id for user_id in user_ids if user_id not in failures]
    await store_profiles(services, seal_of(services.config), readable, profiles)
    await db.run(services.pool, Q.advance_lookup, batch_id=lookup.batch_id, after=user_ids[-1])
    return len(user_ids)


async def store_profiles(services: Services, seal: Seal, user_ids: list[str], profiles: Mapping[str, Profile]) -> None:
    """Store a profile for each of `user_ids`, what names the person sealed. `profiles` by user id; unknown people lack.

    At most IDS_PER_SET at a time: it is one statement.
    """
    rows = [profiles.get(user_id) or Profile(user_id, status=-1) for user_id in user_ids]
    await db.run(
        services.pool,
        Q.put_profiles,
        user_ids=user_ids,
        statuses=[None if profile.status < 0 else profile.status for profile in rows],
        root_org_ids=[profile.root_org_id for profile in rows],
        org_names=[profile.org_name for profile in rows],
        states=[profile.state for profile in rows],
        districts=[profile.district for profile in rows],
        blocks=[profile.block for profile in rows],
        clusters=[profile.cluster for profile in rows],
        school_ids=[profile.school_id for profile in rows],
        school_names=[profile.school_name for profile in rows],
        boards=[profile.board for profile in rows],
        user_types=[profile.user_type for profile in rows],
        user_sub_types=[profile.user_sub_type for profile in rows],
        sealed=[_sealed(seal, profile) for profile in rows],
        name_marks=[db.json(names.marks(seal, profile.name)) for profile in rows],
        now=services.clock.now(),
    )


def _sealed(seal: Seal, profile: Profile) -> bytes | None:
    """Name, e-mail address, phone number and first external id, sealed; None when all are empty."""
    external_ids = profile.fields.get("externalIds")
    first = external_ids[0] if isinstance(external_ids, list) and external_ids else None
    external_id: Any = first.get("id") if isinstance(first, dict) else None
    personal = [profile.name, profile.email, profile.phone, external_id if isinstance(external_id, str) else ""]
    return seal.close(msgspec.json.encode(personal), profile.user_id) if any(personal) else None


def unseal(seal: Seal, user_id: str, sealed: bytes | None) -> Personal:
    """What is sealed of a person; empty where nothing is stored. Raises: Unusable, when no key opens it."""
    return Personal(*msgspec.json.decode(seal.open(sealed, user_id))) if sealed else Personal()


async def names_in(services: Services, batch_id: str, *, limit: int) -> list[str]:
    """The names of `limit` learners of a batch, as far as they are kept."""
    statement, seal = Q.sealed_names_in, seal_of(services.config)
    rows = await services.pool.fetch(statement.text, *statement.arguments({"batch_id": batch_id, "limit": limit}))
    people = await asyncio.to_thread(lambda: [unseal(seal, row["about"], row["sealed"]) for row in rows])
    return [person.name for person in people if person.name]


async def make_findable(services: Services, batch_id: str) -> bool:
    """Get the names of a batch's learners that are not kept; whether everybody can be found now.

    A few are read from the user service at once, more are left to a job, which needs some seconds for each thousand.
    """
    parameters = {"batch_id": batch_id, "limit": IDS_PER_SET + 1}
    statement = Q.learners_without_marks
    user_ids = [row["user_id"] for row in await services.pool.fetch(statement.text, *statement.arguments(parameters))]
    if not user_ids:
        return True
    if len(user_ids) <= min(services.sunbird.users.readable(FETCHED_AT_ONCE), IDS_PER_SET):
        try:
            people = await services.sunbird.users.profiles(user_ids)
        except Upstream as failure:
            log.warning("names are not known", batch_id=batch_id, error=failure.detail)
            return False
        await store_profiles(services, seal_of(services.config), user_ids, people)
        return True
    await request_profiles(services, batch_id)
    return False


async def request_profiles(services: Services, batch_id: str) -> None:
    """Have a job fetch the profiles of a batch's learners that are not kept."""
    await db.run(services.pool, Q.request_profiles, batch_id=batch_id, now=services.clock.now())
    services.wake.now()
