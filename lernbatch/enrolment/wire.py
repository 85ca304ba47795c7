"""The JSON of enrolments: the contract's keys, defaults and the order in which it complains."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from lernbatch.batch.wire_fields import InvalidBatchValue
from lernbatch.course.filters import Filters, folded, matches
from lernbatch.course.model import Course
from lernbatch.enrolment import rules
from lernbatch.enrolment.model import STATUSES, Cursor, EnrolmentPage, JoinOffer, JoinState
from lernbatch.errors import LernbatchError, Malformed, Missing, Refused, Unmappable, WrongType
from lernbatch.web.fields import blank, course_id, mandatory, text
from lernbatch.web.schema import BatchId, CourseId, Day, Fields, Milliseconds, UserId

if TYPE_CHECKING:
    from lernbatch.sunbird.orgs import Organisation
    from lernbatch.web.fragments import Fragments

COURSE_FIELDS = ("name", "description", "leafNodesCount", "appIcon")
SEARCHED = {
    "status": "Live",
    "mimeType": "application/vnd.ekstep.content-collection",
    "trackable.enabled": "Yes",
}
_SEARCHED = folded(SEARCHED)
_NOTHING = msgspec.Raw(b"{}")
_LONGEST_CACHED = 500
MOST_USERS = 1000  # in one call
MOST_CHARACTERS = 4000  # of a list of fields; names beyond it are none of a course's
_ORGANISATION = {"orgName": "name", "email": "email"}  # what may be shown of a course's organisation, and our word


_Fragment: TypeAlias = Annotated[msgspec.Raw, Meta(extra_json_schema={"type": "object"})]
Limit: TypeAlias = Annotated[int, Meta(description="At most so many; never more than the setting.", ge=0)]
Offset: TypeAlias = Annotated[int, Meta(description="Passed over, newest first.", ge=0)]
NextCursor: TypeAlias = Annotated[str, Meta(description="`nextCursor` of the page before.")]


class TooManyUsers(Refused):
    """An addition: a call names a bounded number of people; more of them come as a file."""

    code = "DATA_SIZE_EXCEEDED"
    message = f"Maximum upload data size should be {MOST_USERS}"


class CourseBatch(Fields):
    """A batch and its course."""

    course_id: CourseId
    batch_id: BatchId


UserIds: TypeAlias = Annotated[list[UserId], Meta(description="Each gets an answer of their own, under their id.")]


class EnrolmentOfOthers(CourseBatch, kw_only=True):
    """A batch, and who shall be enrolled or removed."""

    user_id: UserId
    user_ids: UserIds | UnsetType = UNSET


class UserList(Fields):
    """People of the batch that the path names."""

    user_ids: UserIds


class ShownJoinOffer(Fields):
    """What a batch offers the caller."""

    state: Annotated[
        JoinState, Meta(description="join and sign-in: one may; enrolled and completed: one is in; else why not.")
    ]
    date: Annotated[Day | None, Meta(description="not-open: the first day; join, sign-in, closed, ended: the last.")]
    places_left: Annotated[int | None, Meta(description="Null: no bound, or it does not matter.")]


class JoinAnswer(Fields):
    """The answer to whether one may join."""

    response: ShownJoinOffer


@dataclass(frozen=True, slots=True)
class ListOptions:
    """What a list of enrolled courses holds.

    `course_fields` None: all that is known of a course; `batch_fields` None: no batches; `organisation_fields` empty:
    no organisations.
    """

    course_ids: tuple[str, ...] | None
    filters: Filters
    course_fields: tuple[str, ...] | None
    batch_fields: tuple[str, ...] | None
    organisation_fields: tuple[str, ...]
    limit: int
    offset: int
    cursor: Cursor | None


def read_batch(request: dict[str, Any]) -> CourseBatch:
    """{"courseId": "do_1", "batchId": "0137"}. Complains as E03, E04."""
    return CourseBatch(course_id(request), mandatory(request, "batchId"))


def read_batch_loosely(request: dict[str, Any]) -> CourseBatch:
    """As `read_batch`, with the lower-case keys of the old unenrol call too: {"courseid": …, "batchid": …}."""
    spelled = {"courseid": "courseId", "batchid": "batchId"}
    return read_batch({spelled.get(key, key): value for key, value in request.items()})


def read_users(request: dict[str, Any], *, several: bool = False) -> list[str]:
    """`userId`, or a list of `userIds` (each once). Complains as E05. `several`: only the list will do."""
    if several or (request.get("userIds") is not None and blank(request.get("userId"))):
        user_ids = request.get("userIds")
        if user_ids is None or user_ids == []:
            raise Missing("userIds")
        if not isinstance(user_ids, list):
            raise WrongType("userIds", "List")
        if not all(isinstance(user_id, str) and user_id.strip() for user_id in user_ids):
            raise Malformed
        if len(user_ids) > MOST_USERS:
            raise TooManyUsers
        return list(dict.fromkeys(user_ids))
    return [mandatory(request, "userId")]


def show_join_offer(offer: JoinOffer) -> JoinAnswer:
    """{"response": {"state": "join", "date": "2026-07-01", "placesLeft": 12}}"""
    day = None if offer.on is None else str(offer.on)
    return JoinAnswer(ShownJoinOffer(offer.state, day, offer.seats_left))


def show_results(user_ids: Sequence[str], refusals: Sequence[LernbatchError | None]) -> dict[str, Any]:
    """{"response": "SUCCESS", "u-1": "SUCCESS", "u-2": "User has already Enrolled this course ."}"""
    per_user = {
        user_id: "SUCCESS" if refusal is None else refusal.message
        for user_id, refusal in zip(user_ids, refusals, strict=True)
    }
    return {"response": "SUCCESS", **per_user}


class EnrolmentListRequest(Fields):
    """Which enrolments, and in which courses."""

    limit: Limit | UnsetType = UNSET
    offset: Offset | UnsetType = UNSET
    cursor: NextCursor | UnsetType = UNSET
    course_ids: list[CourseId] | None = None
    filters: Annotated[dict[str, str | list[str]], Meta(description="Of the course's metadata.")] | None = None


class EnrolmentListOfUser(EnrolmentListRequest, kw_only=True):
    """Which enrolments of whom."""

    user_id: UserId


class EnrolmentListQuery(Fields):
    """What is shown beside the enrolments."""

    limit: Limit | UnsetType = UNSET
    offset: Offset | UnsetType = UNSET
    cursor: NextCursor | UnsetType = UNSET
    fields: (
        Annotated[
            str,
            Meta(description="Of the course's metadata, commas between; all of it without.", examples=["name,appIcon"]),
        ]
        | UnsetType
    ) = UNSET
    orgdetails: (
        Annotated[str, Meta(description="Of the course's organisation: orgName, email.", examples=["orgName,email"])]
        | UnsetType
    ) = UNSET
    batch_details: (
        Annotated[str, Meta(description="Of the batch, commas between.", examples=["name,endDate"])] | UnsetType
    ) = UNSET


class EnrolledCourse(Fields):
    """One enrolment, with the course's metadata."""

    user_id: UserId
    course_id: CourseId
    batch_id: BatchId
    active: bool
    added_by: str | None
    enrolled_date: Milliseconds | None
    old_enrolled_date: None
    date_time: Milliseconds | None
    last_content_access_time: Milliseconds | None
    last_read_content_id: str | None
    last_read_content_status: int | None
    content_status: Annotated[dict[str, int], Meta(description="By content id.")]
    progress: Annotated[int, Meta(description="Leaf nodes completed.")]
    leaf_nodes_count: int | None
    completion_percentage: Annotated[int, Meta(ge=0, le=100)]
    status: Annotated[int, Meta(description="0 not started, 1 started, 2 completed.", ge=0, le=2)]
    completed_on: Milliseconds | None
    certstatus: None
    certificates: list[dict[str, Any]]
    issued_certificates: Sequence[Mapping[str, Any]]
    course_name: str | None
    description: str | None
    course_logo_url: str | None
    content_id: CourseId
    collection_id: CourseId
    content: _Fragment
    batch: _Fragment | UnsetType = UNSET


class EnrolmentList(Fields):
    """A page of enrolments."""

    courses: list[EnrolledCourse]
    count: Annotated[int, Meta(description="Of all pages, those in courses that are not shown too.")]
    next_cursor: Annotated[str, Meta(description="Where there is more: goes on from here.")] | UnsetType = UNSET


def read_list(request: dict[str, Any], query: Mapping[str, str], most: int) -> ListOptions:
    """The body of v2 and the query of both: fields=name,appIcon&batchDetails=name,endDate&orgdetails=orgName,email.

    `limit`, `offset` and `cursor` are ours, in either of them; at most `most` enrolments are given.
    """
    course_ids, filters = request.get("courseIds"), request.get("filters")
    if not isinstance(course_ids, list | None) or not isinstance(filters, dict | None):
        raise Malformed
    if course_ids is not None and not all(isinstance(identifier, str) for identifier in course_ids):
        raise Malformed
    window = {**query, **request}
    return ListOptions(
        course_ids=tuple(course_ids) if course_ids else None,
        filters=folded({**SEARCHED, **filters}) if filters else _SEARCHED,
        course_fields=_words(query["fields"], (*COURSE_FIELDS, "identifier")) if "fields" in query else None,
        batch_fields=_words(query["batchDetails"], ("batchId", "identifier")) if "batchDetails" in query else None,
        organisation_fields=tuple(name for name in _words(query.get("orgdetails", ""), ()) if name in _ORGANISATION),
        limit=min(_number(window, "limit", most), most),
        offset=_number(window, "offset", 0),
        cursor=read_cursor(window.get("cursor")),
    )


def _number(window: Mapping[str, Any], key: str, default: int) -> int:
    """Raises: InvalidBatchValue, for what is no whole number from 0 on."""
    value = window.get(key, default)
    digits = str(value)
    if isinstance(value, bool) or not (digits.isascii() and digits.isdigit() and len(digits) < 10):
        raise InvalidBatchValue(value, key)
    return int(digits)


def read_cursor(cursor: Any) -> Cursor | None:
    """`nextCursor` of the page before. Raises: InvalidBatchValue."""
    if not cursor:
        return None
    try:
        enrolled_at, batch_id = msgspec.json.decode(base64.urlsafe_b64decode(cursor), type=tuple[datetime, str])
    except (TypeError, ValueError) as wrong:
        raise InvalidBatchValue(cursor, "cursor") from wrong
    if enrolled_at.tzinfo is None:
        raise InvalidBatchValue(cursor, "cursor")
    return enrolled_at, batch_id


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
    page: EnrolmentPage,
    courses: Mapping[str, Course],
    measures: Mapping[tuple[str, str | None], Course],
    batches: Mapping[str, msgspec.Raw],
    organisations: Mapping[str, Organisation] | None,
    options: ListOptions,
    fragments: Fragments,
) -> EnrolmentList:
    """{"courses": […], "count": 1500, "nextCursor": "…"}: last opened first, the others as they came; enrolment §2.5.2.

    `courses`: those that were found; enrolments in others are left out, though they are counted. `measures`: the
    publications that batches measure by, where that is not the newest. `batches`: what is shown of the batches; empty
    when that was not asked for. `organisations` by channel; None: not asked for, or not known now. `count` and
    `nextCursor` are ours: a list has a bound, and says so.
    """
    matching = {course_id for course_id, course in courses.items() if matches(course.content, options.filters)}
    shown = [enrolment for enrolment in page.enrolments if enrolment.course_id in matching]
    opened = [enrolment for enrolment in shown if enrolment.last_access_at is not None]
    opened.sort(key=lambda enrolment: _ms(rules.accessed_at(enrolment)) or 0, reverse=True)
    beside = [name for name in COURSE_FIELDS if options.course_fields is None or name in options.course_fields]
    rows = []
    for enrolment in (*opened, *(enrolment for enrolment in shown if enrolment.last_access_at is None)):
        course_id, course = enrolment.course_id, courses[enrolment.course_id]
        measure = measures.get((course_id, enrolment.course_version)) or course
        leaf_nodes_count = rules.leaf_nodes_to_show(enrolment, measure)
        hit = {name: course.content[name] for name in beside if name in course.content}
        status = rules.shown_status(enrolment.status, enrolment.progress)
        states = STATUSES.decode(enrolment.states)
        rows.append(
            EnrolledCourse(
                user_id=enrolment.user_id,
                course_id=course_id,
                batch_id=enrolment.batch_id,
                active=enrolment.active,
                added_by=enrolment.added_by,
                enrolled_date=_ms(enrolment.enrolled_at),
                old_enrolled_date=None,
                date_time=_ms(enrolment.updated_at),
                last_content_access_time=_ms(rules.accessed_at(enrolment)),
                last_read_content_id=enrolment.last_read_content_id,
                last_read_content_status=enrolment.last_read_content_status,
                content_status={content_id: state.status for content_id, state in states.items()},
                progress=enrolment.progress,
                leaf_nodes_count=leaf_nodes_count if "leafNodesCount" in hit else None,
                completion_percentage=100 if status == 2 else enrolment.percentage,
                status=status,
                completed_on=_ms(enrolment.completed_at),
                certstatus=None,
                certificates=[],
                issued_certificates=enrolment.certificates,
                course_name=hit.get("name"),
                description=hit.get("description"),
                course_logo_url=hit.get("appIcon"),
                content_id=course_id,
                collection_id=course_id,
                content=_course_fragment(course, leaf_nodes_count, organisations, options, fragments),
                batch=batches.get(enrolment.batch_id, _NOTHING) if batches else UNSET,
            )
        )
    cursor: str | UnsetType = UNSET
    if page.cursor is not None:
        cursor = base64.urlsafe_b64encode(msgspec.json.encode(page.cursor)).decode("ascii")
    return EnrolmentList(rows, page.count, cursor)


def _course_fragment(
    course: Course,
    leaf_nodes_count: int,
    organisations: Mapping[str, Organisation] | None,
    options: ListOptions,
    fragments: Fragments,
) -> msgspec.Raw:
    """The course's metadata, as a search for courses shows it, with its organisation if that was asked for."""
    has_organisation = organisations is not None and bool(course.channel)
    organisation = organisations.get(course.channel) if organisations is not None else None
    content, fields, organisation_fields = course.content, options.course_fields, options.organisation_fields
    if fields is not None:  # what is none of the course's makes no difference, and no fragment of its own
        fields = tuple(name for name in fields if name in content)
    key = "course", course.identity, leaf_nodes_count, fields, has_organisation, organisation, organisation_fields
    fragment = fragments.get(key)
    if fragment is None:
        hit = dict(content) if fields is None else {name: content[name] for name in fields}
        if "leafNodesCount" in hit:
            hit["leafNodesCount"] = leaf_nodes_count
        if has_organisation:
            shown = organisation_fields if organisation else ()
            hit["orgDetails"] = {name: getattr(organisation, _ORGANISATION[name]) for name in shown}
        fragment = fragments.keep(key, hit)
    return fragment


def _ms(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp() * 1000)
