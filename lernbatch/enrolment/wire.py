"""The JSON of enrolments: the contract's keys, defaults and the order in which it complains."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from lernbatch.batch.wire_fields import InvalidValue
from lernbatch.course.model import Course
from lernbatch.enrolment import rules
from lernbatch.enrolment.model import Cursor, Enrolment, Enrolments
from lernbatch.errors import LernbatchError, Malformed, Missing, Refused, Unmappable, WrongType
from lernbatch.web.fields import blank, course_id, mandatory, text

if TYPE_CHECKING:
    from lernbatch.sunbird.orgs import Organisation

COURSE_FIELDS = ("name", "description", "leafNodesCount", "appIcon")
SEARCHED = {
    "status": "Live",
    "mimeType": "application/vnd.ekstep.content-collection",
    "trackable.enabled": "Yes",
}
_SEARCHED = rules.folded(SEARCHED)
_LONGEST_CACHED = 500
MOST_USERS = 1000  # in one call
MOST_CHARACTERS = 4000  # of a list of fields; names beyond it are none of a course's
_ORGANISATION = {"orgName": "name", "email": "email"}  # what may be shown of a course's organisation, and our word


class TooManyUsers(Refused):
    """An addition: a call names a bounded number of people; more of them come as a file."""

    code = "DATA_SIZE_EXCEEDED"
    message = f"Maximum upload data size should be {MOST_USERS}"


class _Status(msgspec.Struct, array_like=True, gc=False):
    """What the list shows of a content's state: the first of its fields (progress.model.ContentState)."""

    status: int


_STATUSES = msgspec.json.Decoder(dict[str, _Status])


@dataclass(frozen=True, slots=True)
class Asked:
    """Which batch a call is about; `course_id` None: whatever course it is of."""

    batch_id: str
    course_id: str | None


@dataclass(frozen=True, slots=True)
class ListAsked:
    """What the list of enrolled courses shall hold.

    `course_fields` None: all that is known of a course; `batch_fields` None: no batches; `organisation_fields` empty:
    no organisations.
    """

    course_ids: tuple[str, ...] | None
    filters: rules.Filters
    course_fields: tuple[str, ...] | None
    batch_fields: tuple[str, ...] | None
    organisation_fields: tuple[str, ...]
    limit: int
    offset: int
    cursor: Cursor | None


def read_asked(request: dict[str, Any]) -> Asked:
    """{"courseId": "do_1", "batchId": "0137"}. Complains as E03, E04."""
    course = course_id(request)
    return Asked(mandatory(request, "batchId"), course)


def read_asked_loosely(request: dict[str, Any]) -> Asked:
    """As `read_asked`, with the lower-case keys of the old unenrol call too: {"courseid": …, "batchid": …}."""
    spelled = {"courseid": "courseId", "batchid": "batchId"}
    return read_asked({spelled.get(key, key): value for key, value in request.items()})


def read_users(request: dict[str, Any], *, several: bool = False) -> list[str]:
    """`userId`, or a list of `userIds` (each once). Complains as E05. `several`: only the list will do."""
    if several or (request.get("userIds") is not None and blank(request.get("userId"))):
        found = request.get("userIds")
        if found is None or found == []:
            raise Missing("userIds")
        if not isinstance(found, list):
            raise WrongType("userIds", "List")
        if not all(isinstance(user_id, str) and user_id.strip() for user_id in found):
            raise Malformed
        if len(found) > MOST_USERS:
            raise TooManyUsers
        return list(dict.fromkeys(found))
    return [mandatory(request, "userId")]


def show_results(user_ids: Sequence[str], refusals: Sequence[LernbatchError | None]) -> dict[str, Any]:
    """{"response": "SUCCESS", "u-1": "SUCCESS", "u-2": "User has already Enrolled this course ."}"""
    per_user = {
        user_id: "SUCCESS" if refusal is None else refusal.message
        for user_id, refusal in zip(user_ids, refusals, strict=True)
    }
    return {"response": "SUCCESS", **per_user}


def read_list(request: dict[str, Any], query: Mapping[str, str], most: int) -> ListAsked:
    """The body of v2 and the query of both: fields=name,appIcon&batchDetails=name,endDate&orgdetails=orgName,email.

    `limit`, `offset` and `cursor` are ours, in either of them; at most `most` enrolments are given.
    """
    course_ids, filters = request.get("courseIds"), request.get("filters")
    if not isinstance(course_ids, list | None) or not isinstance(filters, dict | None):
        raise Malformed
    if course_ids is not None and not all(isinstance(identifier, str) for identifier in course_ids):
        raise Malformed
    window = {**query, **request}
    return ListAsked(
        course_ids=tuple(course_ids) if course_ids else None,
        filters=_folded(filters),
        course_fields=_words(query["fields"], (*COURSE_FIELDS, "identifier")) if "fields" in query else None,
        batch_fields=_words(query["batchDetails"], ("batchId", "identifier")) if "batchDetails" in query else None,
        organisation_fields=tuple(name for name in _words(query.get("orgdetails", ""), ()) if name in _ORGANISATION),
        limit=min(_number(window, "limit", most), most),
        offset=_number(window, "offset", 0),
        cursor=_read_cursor(window.get("cursor")),
    )


def _number(window: Mapping[str, Any], key: str, default: int) -> int:
    """Raises: InvalidValue, for what is no whole number from 0 on."""
    value = window.get(key, default)
    digits = str(value)
    if isinstance(value, bool) or not (digits.isascii() and digits.isdigit() and len(digits) < 10):
        raise InvalidValue(value, key)
    return int(digits)


def _read_cursor(cursor: Any) -> Cursor | None:
    """`nextCursor` of the page before. Raises: InvalidValue."""
    if not cursor:
        return None
    try:
        enrolled_at, batch_id = msgspec.json.decode(base64.urlsafe_b64decode(cursor), type=tuple[datetime, str])
    except (TypeError, ValueError) as wrong:
        raise InvalidValue(cursor, "cursor") from wrong
    if enrolled_at.tzinfo is None:
        raise InvalidValue(cursor, "cursor")
    return enrolled_at, batch_id


def _show_cursor(cursor: Cursor) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).decode("ascii")


def _folded(filters: Mapping[str, Any] | None) -> rules.Filters:
    return rules.folded({**SEARCHED, **filters}) if filters else _SEARCHED


def read_list_owner(request: dict[str, Any]) -> str:
    """Whose list an administrator asks for. Without an id the contract's answer has no code (E36)."""
    owner = text(request, "userId")
    if owner is None or blank(owner):
        raise Unmappable
    return owner


def _words(listed: str, always: tuple[str, ...]) -> tuple[str, ...]:
    listed = listed[:MOST_CHARACTERS]
    return _split(listed, always) if len(listed) <= _LONGEST_CACHED else _split.__wrapped__(listed, always)


@lru_cache(maxsize=512)  # portals ask the same again and again
def _split(listed: str, always: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*(word.strip() for word in listed.split(",") if word.strip()), *always]))


def show_list(
    page: Enrolments,
    courses: Mapping[str, Course],
    measures: Mapping[tuple[str, str | None], Course],
    batches: Mapping[str, Mapping[str, Any]],
    organisations: Mapping[str, Organisation] | None,
    asked: ListAsked,
) -> dict[str, Any]:
    """{"courses": […], "count": 1500, "nextCursor": "…"}: last opened first, the others as they came (contract §2.5.2).

    `courses`: those that were found; enrolments in others are left out, though they are counted. `measures`: the
    publications that batches measure by, where that is not the newest. `batches`: what is shown of the batches; empty
    when that was not asked for. `organisations` by channel; None: not asked for, or not known now. `count` and
    `nextCursor` are ours: a list has a bound, and says so.
    """
    hits = {
        identifier: _hit(course, organisations, asked)
        for identifier, course in courses.items()
        if rules.matches(course.content, asked.filters)
    }
    shown = [enrolment for enrolment in page.enrolments if enrolment.course_id in hits]
    opened = [enrolment for enrolment in shown if enrolment.last_access_at is not None]
    opened.sort(key=lambda enrolment: _ms(rules.accessed_at(enrolment)) or 0, reverse=True)
    ordered = [*opened, *(enrolment for enrolment in shown if enrolment.last_access_at is None)]
    rows = []
    for enrolment in ordered:
        course_id = enrolment.course_id
        measure = measures.get((course_id, enrolment.course_version)) or courses[course_id]
        rows.append(_show(enrolment, hits[course_id], rules.leaf_nodes_to_show(enrolment, measure), batches))
    result: dict[str, Any] = {"courses": rows, "count": page.count}
    if page.cursor is not None:
        result["nextCursor"] = _show_cursor(page.cursor)
    return result


def _hit(course: Course, organisations: Mapping[str, Organisation] | None, asked: ListAsked) -> dict[str, Any]:
    """What the search for courses would have found: the course's metadata, with its organisation if that is wanted."""
    content, fields = course.content, asked.course_fields
    hit = dict(content) if fields is None else {key: content[key] for key in fields if key in content}
    if organisations is not None and course.channel:
        organisation = organisations.get(course.channel)
        shown = asked.organisation_fields if organisation else ()
        hit["orgDetails"] = {name: getattr(organisation, _ORGANISATION[name]) for name in shown}
    return hit


def _show(
    enrolment: Enrolment,
    hit: Mapping[str, Any],
    leaf_nodes_count: int,
    batches: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    if "leafNodesCount" in hit and hit["leafNodesCount"] != leaf_nodes_count:
        hit = {**hit, "leafNodesCount": leaf_nodes_count}
    status = rules.shown_status(enrolment.status, enrolment.progress)
    document = {
        "userId": enrolment.user_id,
        "courseId": enrolment.course_id,
        "batchId": enrolment.batch_id,
        "active": enrolment.active,
        "addedBy": enrolment.added_by,
        "enrolledDate": _ms(enrolment.enrolled_at),
        "oldEnrolledDate": None,
        "dateTime": _ms(enrolment.updated_at),
        "lastContentAccessTime": _ms(rules.accessed_at(enrolment)),
        "lastReadContentId": enrolment.last_read_content_id,
        "lastReadContentStatus": enrolment.last_read_content_status,
        "contentStatus": {content_id: state.status for content_id, state in _STATUSES.decode(enrolment.states).items()},
        "progress": enrolment.progress,
        "leafNodesCount": hit.get("leafNodesCount"),
        "completionPercentage": 100 if status == 2 else enrolment.percentage,
        "status": status,
        "completedOn": _ms(enrolment.completed_at),
        "certstatus": None,
        "certificates": [],
        "issuedCertificates": enrolment.certificates,
        "courseName": hit.get("name"),
        "description": hit.get("description"),
        "courseLogoUrl": hit.get("appIcon"),
        "contentId": enrolment.course_id,
        "collectionId": enrolment.course_id,
        "content": hit,
    }
    if batches:
        document["batch"] = batches.get(enrolment.batch_id, {})
    return document


def _ms(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp() * 1000)
