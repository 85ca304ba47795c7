"""What the user, organisation, group and notification services answer, from the tables of imported people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lernbatch.database import db, sql
from lernbatch.errors import NotFound
from lernbatch.web import envelope
from sandbox.answer import Answer, Invalid, NoSuchNode, SandboxRequest
from sandbox.model import SandboxPerson

Q = sql.load("sandbox")
LARGEST_PAGE = 1000


@dataclass(frozen=True, slots=True)
class _Organisation:
    org_id: str
    name: str
    channel: str
    is_root: bool
    status: int
    total: int


@dataclass(frozen=True, slots=True)
class _Consent:
    user_id: str
    consumer_id: str
    object_id: str
    consent_id: str
    status: str
    updated_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Group:
    group_id: str
    name: str
    members: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class _Message:
    message_id: int
    kind: str
    request: dict[str, Any]
    sent_at: datetime


class NoSuchUser(NotFound):
    """Nobody has that id."""

    code = "USER_NOT_FOUND"
    message = "User does not exist."


class NoSuchConsent(NotFound):
    """The person has not said anything."""

    code = "USER_CONSENT_NOT_FOUND"
    message = "User consent not found."


async def read(call: SandboxRequest) -> Answer:
    """GET …/user/…/read/{id}: a person with places, roles and organisation."""
    person = await db.one(call.pool, SandboxPerson, Q.people_by_ids, user_ids=[call.identifier])
    if person is None:
        raise NoSuchUser
    return {"response": show_person(person)}


async def listed(call: SandboxRequest) -> Answer:
    """POST /sandbox/people with filter userId: many at once, which the platform's service has no call for."""
    people = await db.all(call.pool, SandboxPerson, Q.people_by_ids, user_ids=_people_ids(call))
    return {"response": {"count": len(people), "content": [show_person(person) for person in people]}}


async def consents_listed(call: SandboxRequest) -> Answer:
    """POST /sandbox/consents with filters userId, consumerId, objectId: of many at once."""
    filters = _filters(call.request)
    rows = await db.all(
        call.pool,
        _Consent,
        Q.consents,
        user_ids=_people_ids(call),
        consumer_id=str(filters.get("consumerId")),
        object_id=str(filters.get("objectId")),
    )
    return {"response": {"count": len(rows), "content": [_show_consent(consent) for consent in rows]}}


async def organisations(call: SandboxRequest) -> Answer:
    """POST …/org/search with filters id and channel."""
    filters = _filters(call.request)
    rows = await db.all(
        call.pool,
        _Organisation,
        Q.organisations_matching,
        org_ids=_texts(filters.get("id", filters.get("identifier"))),
        channels=_texts(filters.get("channel")),
        limit=min(_number(call.request.get("limit"), 100), LARGEST_PAGE),
        offset=_number(call.request.get("offset"), 0),
    )
    content = [
        {
            "id": org.org_id,
            "identifier": org.org_id,
            "orgName": org.name,
            "channel": org.channel,
            "isRootOrg": org.is_root,
            "isTenant": org.is_root,
            "rootOrgId": org.org_id if org.is_root else None,
            "status": org.status,
        }
        for org in rows
    ]
    return {"response": {"count": rows[0].total if rows else 0, "content": content}}


async def consents(call: SandboxRequest) -> Answer:
    """POST …/user/consent/read: what one person said to one organisation about one course."""
    consent = call.request.get("consent")
    filters = _filters(consent if isinstance(consent, dict) else {})
    ids = {key: filters.get(key) for key in ("userId", "consumerId", "objectId")}
    if not all(isinstance(value, str) and value for value in ids.values()):
        raise Invalid("userId, consumerId and objectId are needed.")
    rows = await db.all(
        call.pool,
        _Consent,
        Q.consents,
        user_ids=[ids["userId"]],
        consumer_id=ids["consumerId"],
        object_id=ids["objectId"],
    )
    if not rows:
        raise NoSuchConsent
    return {"consents": [_show_consent(row) for row in rows]}


async def group(call: SandboxRequest) -> Answer:
    """GET …/group/read/{id}: the group and its members."""
    row = await db.one(call.pool, _Group, Q.group_by_id, group_id=call.identifier)
    if row is None:
        raise NoSuchNode(call.identifier)
    return {"id": row.group_id, "name": row.name, "status": "active", "members": row.members}


async def email(call: SandboxRequest) -> Answer:
    """POST /v1/notification/email: kept, so that it can be looked at."""
    return await _keep(call, "email")


async def notification(call: SandboxRequest) -> Answer:
    """POST /v2/notification: kept."""
    return await _keep(call, "notification")


async def feed(call: SandboxRequest) -> Answer:
    """POST …/feed/v1/create: kept."""
    return await _keep(call, "feed")


async def messages(call: SandboxRequest) -> Answer:
    """GET /sandbox/messages?kind=…: the latest messages that were handed over."""
    rows = await db.all(call.pool, _Message, Q.messages, kind=call.query.get("kind"), limit=LARGEST_PAGE)
    return {
        "messages": [
            {"kind": row.kind, "request": row.request, "sentAt": envelope.timestamp(row.sent_at)} for row in rows
        ]
    }


async def _keep(call: SandboxRequest, kind: str) -> Answer:
    if not call.request:
        raise Invalid("The message is missing.")
    await db.run(call.pool, Q.keep_message, kind=kind, request=dict(call.request), now=call.clock.now())
    return {"response": "SUCCESS"}


def show_person(person: SandboxPerson) -> dict[str, Any]:
    """A person as the user service shows them."""
    return {
        "id": person.user_id,
        "identifier": person.user_id,
        "userId": person.user_id,
        "firstName": person.first_name,
        "lastName": person.last_name or None,
        "rootOrgId": person.org_id or None,
        "rootOrg": {"id": person.org_id, "orgName": person.org_name, "channel": person.channel},
        "channel": person.channel,
        "organisations": [{"organisationId": person.org_id, "orgName": person.org_name}] if person.org_id else [],
        "roles": [
            {"role": name, "scope": [{"organisationId": scope}] if (scope := organisation or person.org_id) else []}
            for name, _, organisation in (role.partition("@") for role in person.roles)
        ],
        "userLocations": [
            {"type": kind, "name": name, "code": code}
            for kind, name, code in (
                ("state", person.state, ""),
                ("district", person.district, ""),
                ("block", person.block, ""),
                ("cluster", person.cluster, ""),
                ("school", person.school_name, person.school_id),
            )
            if name or code
        ],
        "profileUserType": {"type": person.user_type, "subType": person.user_sub_type},
        "framework": {"board": [person.board] if person.board else []},
        "email": person.email or None,
        "phone": person.phone or None,
        "maskedPhone": f"{'*' * 6}{person.phone[-4:]}" if person.phone else None,
        "status": person.status,
        "isDeleted": person.status == 2,
        "managedBy": person.managed_by or None,
    }


def _show_consent(given: _Consent) -> dict[str, Any]:
    return {
        "id": given.consent_id,
        "userId": given.user_id,
        "consumerId": given.consumer_id,
        "objectId": given.object_id,
        "status": given.status,
        "lastUpdatedOn": envelope.timestamp(given.updated_at),
        "expiry": envelope.timestamp(given.expires_at) if given.expires_at else None,
    }


def _filters(request: Any) -> dict[str, Any]:
    filters = request.get("filters") or {}
    if not isinstance(filters, dict):
        raise Invalid("The filters are no object.")
    return filters


def _people_ids(call: SandboxRequest) -> list[str]:
    user_ids = _texts(_filters(call.request).get("userId")) or []
    if len(user_ids) > LARGEST_PAGE:
        raise Invalid(f"More than {LARGEST_PAGE} people are asked for.")
    return user_ids


def _texts(value: object) -> list[str] | None:
    if value is None:
        return None
    return [str(entry) for entry in value] if isinstance(value, list) else [str(value)]


def _number(value: object, default: int) -> int:
    return max(value, 0) if isinstance(value, int) else default
