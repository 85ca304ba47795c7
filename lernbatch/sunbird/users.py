"""The user service: who people are, where they belong, and what they let others see."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import quote

from lernbatch import log
from lernbatch.config import Config
from lernbatch.errors import Upstream
from lernbatch.sunbird.http import TOKEN_HEADER, Remote, bearer, chunks, mapping, mappings, text

PARALLEL_READS = 16
IDS_PER_CALL = 500
_PARTS = "organisations,roles,locations,declarations,externalIds"
_MILLISECONDS = re.compile(r"(:\d\d):(\d{3})")  # 06:30:12:045, as the platform writes instants
_BLOCKED = "UOS_USRRED0006"
_LONG_OVER = datetime(1970, 1, 1, tzinfo=UTC)
Result = TypeVar("Result")

INACTIVE, ACTIVE, DELETED = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Profile:
    """A person. Texts that the user service does not know are "". `root_org_id`: the root organisation they belong to;
    `roles`: those they hold there.

    `status`: 0 inactive (a blocked person has nothing but an id), 1 active, 2 deleted. `fields`: the whole answer.
    """

    user_id: str
    first_name: str = ""
    last_name: str = ""
    root_org_id: str = ""
    org_name: str = ""
    status: int = ACTIVE
    is_deleted: bool = False
    roles: tuple[str, ...] = ()
    state: str = ""
    district: str = ""
    block: str = ""
    cluster: str = ""
    school_id: str = ""
    school_name: str = ""
    board: str = ""
    user_type: str = ""
    user_sub_type: str = ""
    email: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)
    masked_phone: str = field(default="", repr=False)
    fields: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def is_active(self) -> bool:
        """Neither blocked nor deleted."""
        return self.status == ACTIVE and not self.is_deleted

    @property
    def name(self) -> str:
        """First and last name, as certificates spell it (contract jobs §4.4)."""
        parts = (part for part in (self.first_name, self.last_name) if part != "null")
        return " ".join(parts).strip()


@dataclass(frozen=True, slots=True)
class Consent:
    """Whether one person lets one organisation see their data within one course."""

    user_id: str
    consent_id: str
    status: str
    updated_at: datetime | None
    expires_at: datetime | None

    def holds(self, now: datetime) -> bool:
        """Given, and not over (contract jobs §5.7; expiry is honoured)."""
        return self.status.lower() == "active" and (self.expires_at is None or self.expires_at > now)


@dataclass(frozen=True, slots=True)
class Lists:
    """Paths of calls that read of many people at once; "": the service has no such call, the platform's has not."""

    people: str
    consents: str


class Users:
    """Calls to the user service (contract batches §5.1, jobs §4.4, §5.7)."""

    def __init__(self, remote: Remote, config: Config, lists: Lists) -> None:
        self._remote, self._config, self._lists = remote, config, lists
        self._headers = bearer(config.platform_api_key)
        self._tell: Callable[[Profile], None] = lambda person: None

    def tell(self, hear: Callable[[Profile], None]) -> None:
        """Call `hear` with every person that is read."""
        self._tell = hear

    def readable(self, calls: int) -> int:
        """How many people so many calls can read."""
        return calls * IDS_PER_CALL if self._lists.people else calls

    async def profile(self, user_id: str, token: str | None = None) -> Profile | None:
        """One person; None when nobody has that id. `token`: the caller's, passed on."""
        headers = {**self._headers, TOKEN_HEADER: token} if token else self._headers
        path = f"{self._config.user_read_path}/{quote(user_id, safe='')}?{_PARTS}"
        reply = await self._remote.get(path, headers=headers, named=f"{self._config.user_read_path}/…")
        if reply.status == 404:
            return None
        if reply.reason == _BLOCKED:
            person = Profile(user_id, status=INACTIVE)
        else:
            person = read_profile(user_id, mapping(reply.result.get("response")))
        self._tell(person)
        return person

    def calls_for(self, count: int) -> int:
        """How many calls `profiles` makes for so many people."""
        return -(-count // IDS_PER_CALL) if self._lists.people else count

    async def profiles(self, user_ids: Iterable[str], token: str | None = None) -> dict[str, Profile]:
        """Those of `user_ids` who exist, by bounded parallel reads. Raises: Upstream, when any read fails."""
        ids = list(dict.fromkeys(user_ids))
        if self._lists.people:
            listed: dict[str, Profile] = {}
            for some in chunks(ids, IDS_PER_CALL):  # read call by call, so that others have their turn between
                for entry in await self._listed(self._lists.people, some, {}):
                    person = read_profile("", entry)
                    self._tell(person)
                    listed[person.user_id] = person
            return listed
        people = await _in_parallel(lambda user_id: self.profile(user_id, token), ids)
        return {person.user_id: person for person in people if person is not None}

    async def each(self, user_ids: Iterable[str]) -> tuple[dict[str, Profile], dict[str, str]]:
        """Those of `user_ids` who exist, and user id → why this one could not be read: one harms no other.

        Many in one call where the service has such a call and answers it, else by bounded parallel reads.
        """
        ids = list(dict.fromkeys(user_ids))
        if self._lists.people:
            try:
                return await self.profiles(ids), {}
            except Upstream as failed:
                log.warning("people are read one by one", error=failed.detail)
        failures: dict[str, str] = {}

        async def read(user_id: str) -> Profile | None:
            try:
                return await self.profile(user_id)
            except Upstream as failed:
                failures[user_id] = failed.detail
                return None

        people = await _in_parallel(read, ids)
        return {person.user_id: person for person in people if person is not None}, failures

    async def consents(self, user_ids: Collection[str], object_id: str, consumer_id: str) -> dict[str, Consent]:
        """User id → the latest consent towards `consumer_id` about the course `object_id`, for those who gave one."""
        ids = list(dict.fromkeys(user_ids))
        if self._lists.consents:
            said = {"consumerId": consumer_id, "objectId": object_id}
            entries = await self._listed(self._lists.consents, ids, said)
            latest_last = sorted((_read_consent("", entry) for entry in entries), key=_updated)
            return {consent.user_id: consent for consent in latest_last}

        async def read(user_id: str) -> Consent | None:
            filters = {"userId": user_id, "consumerId": consumer_id, "objectId": object_id}
            reply = await self._remote.search(
                self._config.consent_path, {"consent": {"filters": filters}}, headers=self._headers
            )
            if reply.status == 404:
                return None
            given = [_read_consent(user_id, entry) for entry in mappings(reply.result.get("consents"))]
            return max(given, key=_updated, default=None)

        consents = await _in_parallel(read, ids)
        return {consent.user_id: consent for consent in consents if consent is not None}

    async def _listed(self, path: str, user_ids: Sequence[str], filters: Mapping[str, str]) -> list[Mapping[str, Any]]:
        """What is known of `user_ids`, many in one call."""
        entries: list[Mapping[str, Any]] = []
        for ids in chunks(user_ids, IDS_PER_CALL):
            request = {"filters": {"userId": ids, **filters}, "limit": len(ids)}
            reply = await self._remote.search(path, request, headers=self._headers)
            entries += mappings(mapping(reply.result.get("response")).get("content"))
        return entries


def read_profile(user_id: str, person: Mapping[str, Any]) -> Profile:
    """A `Profile` from the user service's answer. A root organisation in `registeredOrg` wins over `rootOrgId`."""
    registered = mapping(person.get("registeredOrg"))
    own_root = registered.get("isRootOrg") is True
    places = {text(place.get("type")): place for place in mappings(person.get("userLocations"))}
    kind = mapping(person.get("profileUserType"))
    school = places.get("school", {})
    status = person.get("status")
    deleted = person.get("isDeleted") is True or status == DELETED
    board = mapping(person.get("framework")).get("board")  # a list's first (contract jobs §5.6, Declared Board)
    if isinstance(board, list):
        board = board[0] if board else ""
    root_org_id = text(registered.get("id") if own_root else person.get("rootOrgId"))

    def place(kind_of_place: str) -> str:
        return text(places.get(kind_of_place, {}).get("name"))

    return Profile(
        user_id=text(person.get("id") or person.get("identifier") or person.get("userId")) or user_id,
        first_name=text(person.get("firstName")),
        last_name=text(person.get("lastName")),
        root_org_id=root_org_id,
        org_name=text(mapping(person.get("rootOrg")).get("orgName") or registered.get("orgName")),
        status=DELETED if deleted else status if isinstance(status, int) else ACTIVE,
        is_deleted=deleted,
        roles=tuple(roles_in(root_org_id, person.get("roles"))),
        state=place("state"),
        district=place("district"),
        block=place("block"),
        cluster=place("cluster"),
        school_id=text(school.get("code")),
        school_name=text(school.get("name")),
        board=text(board),
        user_type=text(kind.get("type")),
        user_sub_type=text(kind.get("subType")),
        email=text(person.get("email")),
        phone=text(person.get("phone")),
        masked_phone=text(person.get("maskedPhone")),
        fields=person,
    )


def roles_in(root_org_id: str, roles: object) -> Iterable[str]:
    """The roles that hold in an organisation: those by name alone, those without a scope, and those it is a scope of.

    `roles`: as the user service has them, texts or {"role": …, "scope": [{"organisationId": …}]}.
    """
    for role in roles if isinstance(roles, list) else ():
        scope = mappings(role.get("scope")) if isinstance(role, dict) else []
        if not scope or root_org_id in [place.get("organisationId", root_org_id) for place in scope]:
            yield text(role.get("role")) if isinstance(role, dict) else text(role)


def _read_consent(user_id: str, entry: Mapping[str, Any]) -> Consent:
    return Consent(
        user_id=text(entry.get("userId")) or user_id,
        consent_id=text(entry.get("id") or entry.get("consentId")),
        status=text(entry.get("status")),
        updated_at=_instant(entry.get("lastUpdatedOn")),
        expires_at=_expiry(entry.get("expiry") or entry.get("consentExpiry")),
    )


def _updated(consent: Consent) -> datetime:
    return consent.updated_at or datetime.min.replace(tzinfo=UTC)


def _instant(value: object) -> datetime | None:
    """Epoch milliseconds or one of the platform's text forms; None for nothing and for what cannot be read."""
    try:
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value / 1000, UTC)
        if not isinstance(value, str) or not value.strip():
            return None
        read = datetime.fromisoformat(_MILLISECONDS.sub(r"\1.\2", value.strip()))
    except (ValueError, OverflowError, OSError):
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def _expiry(value: object) -> datetime | None:
    """When a consent is over; None: never. One that cannot be read is over: nobody knows that it still holds."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    return _instant(value) or _LONG_OVER


async def _in_parallel(read: Callable[[str], Awaitable[Result]], ids: list[str]) -> list[Result]:
    """`read` of every id, some at a time, in the order of `ids`. Raises what the first failure was."""
    outcomes: list[Result] = []
    for some in chunks(ids, PARALLEL_READS):
        # Waits for all of them, so that after a failure none goes on behind our back.
        for outcome in await asyncio.gather(*map(read, some), return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome
            outcomes.append(outcome)
    return outcomes
