"""The people that reports speak of: profiles and consents, read from the user service and kept for a while.

A report of a million rows is one statement only if the people are in the database. Names, e-mail addresses, phone
numbers and external ids are sealed; where people live and work is not, so that statements can filter by it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec

from lernbatch import log
from lernbatch.database import db, sql
from lernbatch.errors import Upstream
from lernbatch.person.model import Personal
from lernbatch.report.model import ReportBatch
from lernbatch.sealing import Seal
from lernbatch.services import Services
from lernbatch.sunbird.users import Consent, Profile

Q = sql.load("lernbatch.exhaust")
IDS_PER_SET = 500  # of one call of the user service
IDS_PER_LOOK = 10_000  # of one statement, which goes through the whole batch

Tick = Callable[[], Awaitable[None]]


async def fetch_profiles(services: Services, seal: Seal, batch_id: str, tick: Tick) -> None:
    """Know everybody who is enrolled: read the missing ones, refresh the old ones. `tick` is called after each set.

    Somebody whom the user service does not know is kept as such, so that reports show them by their id.
    Raises: Upstream, when somebody is missing and cannot be read; an old profile is used where the service fails.
    """
    oldest = services.clock.now() - timedelta(hours=services.config.exhaust_profile_hours)

    async def fetch(user_ids: list[str]) -> None:
        await keep_profiles(services, seal, user_ids, await services.sunbird.users.profiles(user_ids))

    await _fetch(services, Q.people_to_fetch, {"batch_id": batch_id, "older_than": oldest}, fetch, tick)


async def fetch_missing(services: Services, seal: Seal) -> int:
    """Know a set of the people whom a summary could not place; how many were looked at. 0: nobody is missing.

    Whoever cannot be read now is passed over until the next summary asks. Raises: Upstream, when nobody can be read.
    """
    due = await db.one(services.pool, _Due, Q.people_due)
    if due is None:
        return 0
    rows = await services.pool.fetch(
        Q.people_missing.text,
        *Q.people_missing.arguments({"batch_id": due.batch_id, "after": due.after_user_id, "limit": IDS_PER_SET}),
    )
    if not rows:
        await db.run(services.pool, Q.forget_people_due, batch_id=due.batch_id)
        return 1
    user_ids = [row["user_id"] for row in rows]
    people, failures = await services.sunbird.users.each(user_ids)
    if len(failures) == len(user_ids):
        raise Upstream(f"nobody of {len(user_ids)} people can be read: {next(iter(failures.values()))}")
    read = [user_id for user_id in user_ids if user_id not in failures]
    await keep_profiles(services, seal, read, people)
    await db.run(services.pool, Q.note_people, batch_id=due.batch_id, after=user_ids[-1])
    return len(user_ids)


@dataclass(frozen=True, slots=True)
class _Due:
    batch_id: str
    after_user_id: str


async def fetch_consents(services: Services, batch: ReportBatch, consumer_id: str, tick: Tick) -> None:
    """Know what everybody who is enrolled lets `consumer_id` see of them in the batch's course.

    Raises: Upstream. An old consent is not used where the service fails: it may have been taken back.
    """
    oldest = services.clock.now() - timedelta(minutes=services.config.exhaust_consent_minutes)

    async def fetch(user_ids: list[str]) -> None:
        await read_consents(services, user_ids, batch.course_id, consumer_id)

    who = {"batch_id": batch.batch_id, "consumer_id": consumer_id, "older_than": oldest}
    await _fetch(services, Q.consents_to_fetch, who, fetch, tick)


async def _fetch(
    services: Services,
    statement: sql.Statement,
    who: Mapping[str, object],
    fetch: Callable[[list[str]], Awaitable[None]],
    tick: Tick,
) -> None:
    """Fetch whom `statement` finds, set by set. Raises: Upstream, unless nobody of a set is missing altogether."""
    after, look = "", {**who, "limit": IDS_PER_LOOK}
    while True:
        rows = await services.pool.fetch(statement.text, *statement.arguments({**look, "after": after}))
        for start in range(0, len(rows), IDS_PER_SET):
            await _fetch_set(rows[start : start + IDS_PER_SET], fetch)
            await tick()
        if len(rows) < IDS_PER_LOOK:
            return
        after = rows[-1]["user_id"]


async def _fetch_set(rows: Sequence[Mapping[str, Any]], fetch: Callable[[list[str]], Awaitable[None]]) -> None:
    try:
        await fetch([row["user_id"] for row in rows])
    except Upstream as failure:
        if any(row["missing"] for row in rows):
            raise
        log.warning("profiles are not refreshed", detail=failure.detail)


async def keep_profiles(services: Services, seal: Seal, user_ids: list[str], people: Mapping[str, Profile]) -> None:
    """Keep what is known of each of `user_ids`, what names them sealed."""
    found = [people.get(user_id) or Profile(user_id, status=-1) for user_id in user_ids]
    await db.run(
        services.pool,
        Q.put_profiles,
        user_ids=user_ids,
        statuses=[None if person.status < 0 else person.status for person in found],
        root_org_ids=[person.root_org_id for person in found],
        org_names=[person.org_name for person in found],
        states=[person.state for person in found],
        districts=[person.district for person in found],
        blocks=[person.block for person in found],
        clusters=[person.cluster for person in found],
        school_ids=[person.school_id for person in found],
        school_names=[person.school_name for person in found],
        boards=[person.board for person in found],
        user_types=[person.user_type for person in found],
        user_sub_types=[person.user_sub_type for person in found],
        sealed=[_sealed(seal, person) for person in found],
        now=services.clock.now(),
    )


async def read_consents(services: Services, user_ids: Sequence[str], course_id: str, consumer_id: str) -> None:
    """Keep what each of `user_ids` lets `consumer_id` see now, and since when they do no more. Raises: Upstream."""
    given = await services.sunbird.users.consents(user_ids, course_id, consumer_id)
    found = [given.get(user_id) or Consent(user_id, "", "", None, None) for user_id in user_ids]
    await db.run(
        services.pool,
        Q.put_consents,
        consumer_id=consumer_id,
        object_id=course_id,
        user_ids=user_ids,
        consent_ids=[consent.consent_id for consent in found],
        statuses=[consent.status or None for consent in found],
        updated_at=[consent.updated_at for consent in found],
        expires_at=[consent.expires_at for consent in found],
        now=services.clock.now(),
    )


def _sealed(seal: Seal, person: Profile) -> bytes | None:
    personal = [person.name, person.email, person.phone, _external_id(person.fields)]
    return seal.close(msgspec.json.encode(personal), person.user_id) if any(personal) else None


def unsealed(seal: Seal, user_id: str, sealed: bytes | None) -> Personal:
    """Name, e-mail address, phone number and external id of a person; empty where nothing is known."""
    return Personal(*msgspec.json.decode(seal.open(sealed, user_id))) if sealed else Personal()


def _external_id(fields: Mapping[str, Any]) -> str:
    given = fields.get("externalIds")
    first = given[0] if isinstance(given, list) and given else None
    found = first.get("id") if isinstance(first, dict) else None
    return found if isinstance(found, str) else ""
