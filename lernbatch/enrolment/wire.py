"""The JSON of enrolments: the contract's keys, defaults and the order in which it complains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec

from lernbatch.course.model import Course
from lernbatch.enrolment import rules
from lernbatch.enrolment.model import Enrolment
from lernbatch.errors import LernbatchError, Malformed, Missing, Refused, Unmappable, WrongType
from lernbatch.wire import blank, course_id, mandatory, text

COURSE_FIELDS = ("name", "description", "leafNodesCount", "appIcon")
SEARCHED = {
    "status": "Live",
    "mimeType": "application/vnd.ekstep.content-collection",
    "trackable.enabled": "Yes",
}
_SEARCHED = rules.folded(SEARCHED)
_LONGEST_CACHED = 500
MOST_USERS = 1000  # in one call


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
    """What the list of enrolled courses shall hold. `batch_fields` None: no batches."""

    course_ids: tuple[str, ...] | None
    filters: rules.Filters
    course_fields: tuple[str, ...]
    batch_fields: tuple[str, ...] | None


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


def read_list(request: dict[str, Any], query: Mapping[str, str]) -> ListAsked:
    """The body of v2 and the query of both: fields=name,appIcon&batchDetails=name,endDate."""
    course_ids, filters = request.get("courseIds"), request.get("filters")
    if not isinstance(course_ids, list | None) or not isinstance(filters, dict | None):
        raise Malformed
    if course_ids is not None and not all(isinstance(identifier, str) for identifier in course_ids):
        raise Malformed
    return ListAsked(
        course_ids=tuple(course_ids) if course_ids else None,
        filters=_folded(filters),
        course_fields=_words(query.get("fields", ""), (*COURSE_FIELDS, "identifier")),
        batch_fields=_words(query["batchDetails"], ("batchId", "identifier")) if "batchDetails" in query else None,
    )


def _folded(filters: Mapping[str, Any] | None) -> rules.Filters:
    return rules.folded({**SEARCHED, **filters}) if filters else _SEARCHED


def read_list_owner(request: dict[str, Any]) -> str:
    """Whose list an administrator asks for. Without an id the contract's answer has no code (E36)."""
    owner = text(request, "userId")
    if owner is None or blank(owner):
        raise Unmappable
    return owner


def _words(listed: str, always: tuple[str, ...]) -> tuple[str, ...]:
    return _split(listed, always) if len(listed) <= _LONGEST_CACHED else _split.__wrapped__(listed, always)


@lru_cache(maxsize=512)  # portals ask the same again and again
def _split(listed: str, always: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*(word.strip() for word in listed.split(",") if word.strip()), *always]))


def show_list(
    enrolments: Sequence[Enrolment],
    courses: Mapping[str, Course],
    batches: Mapping[str, Mapping[str, Any]],
    asked: ListAsked,
) -> dict[str, Any]:
    """{"courses": […]}: last opened first, the others as they came (contract §2.5.2).

    `courses`: those that were found; enrolments in others are left out. `batches`: what is shown of the batches; empty
    when that was not asked for.
    """
    hits = {
        identifier: {key: course.content[key] for key in asked.course_fields if key in course.content}
        for identifier, course in courses.items()
        if rules.matches(course.content, asked.filters)
    }
    shown = [enrolment for enrolment in enrolments if enrolment.course_id in hits]
    opened = [enrolment for enrolment in shown if enrolment.last_access_at is not None]
    opened.sort(key=lambda enrolment: _ms(enrolment.last_access_at) or 0, reverse=True)
    ordered = [*opened, *(enrolment for enrolment in shown if enrolment.last_access_at is None)]
    return {"courses": [_show(enrolment, hits, batches) for enrolment in ordered]}


def _show(
    enrolment: Enrolment,
    hits: Mapping[str, Mapping[str, Any]],
    batches: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    hit = hits[enrolment.course_id]
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
        "lastContentAccessTime": _ms(enrolment.last_access_at),
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
