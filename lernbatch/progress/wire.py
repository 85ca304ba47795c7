"""The JSON of progress: the contract's keys, defaults and the order in which it complains."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from lernbatch.assessment.model import Attempt, Submission
from lernbatch.assessment.wire import (
    BatchIdRequired,
    ContentIdRequired,
    CourseIdRequired,
    UserIdRequired,
    read_submission,
    show_attempts,
)
from lernbatch.errors import Malformed, Missing, Refused, WrongType
from lernbatch.progress import rules
from lernbatch.progress.model import (
    COMPLETED,
    ContentState,
    Foreign,
    GroupAsked,
    Metric,
    Outcome,
    Report,
    States,
    Sync,
    Update,
    Work,
)
from lernbatch.web.caller import Caller
from lernbatch.web.envelope import timestamp
from lernbatch.web.fields import END_OF_TIME_MS, UnreadableDate, blank, text

if TYPE_CHECKING:
    from lernbatch.sunbird.groups import GroupMember

_QUARTER_MS = 15 * 60 * 1000  # no zone changes its offset between two of these
_TWO = [f"{number:02d}" for number in range(60)]  # read sooner than formatted
_THREE = [f"{number:03d}" for number in range(1000)]
_LARGEST = 2**31 - 1
MAX_DETAILS_BYTES = 65_536


class StatusRequired(Refused):
    code = "CONTENT_STATUS_MISSING_ERROR"
    message = "content status is required ."


class TooManyContents(Refused):
    """An addition: an update has a bounded number of items."""

    code = "DATA_SIZE_EXCEEDED"

    def __init__(self, most: int) -> None:
        super().__init__(f"Maximum upload data size should be {most}")


class TooManyDetails(Refused):
    """An addition: what a player keeps of one content is bounded."""

    code = "DATA_SIZE_EXCEEDED"
    message = f"Maximum size of progressdetails should be {MAX_DETAILS_BYTES} bytes"


# Reading an update


def read_update(request: Mapping[str, Any], caller: Caller, subject: str, most: int) -> Update:
    """The works, one a learner and batch, in the order they first appear. Complains as E41 to E49.

    {"contents": [{"contentId": "do_11", "courseId": "do_1", "batchId": "0137", "status": 2,
     "lastAccessTime": "2026-02-03 10:20:30:456+0530"}], "assessments": [{…}]}
    `subject`: whose items are that name nobody; `most`: items of one update.
    """
    contents, assessments = _items(request, "contents"), _items(request, "assessments")
    if not contents and not assessments:
        return Update((), sync=_read_sync(request, caller))
    if len(contents) + len(assessments) > most:
        raise TooManyContents(most)
    items = _read_items(contents)
    submissions = [read_submission(item, subject) for item in assessments]
    return _by_learner(items, submissions, caller, subject)


def _items(request: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    found = request.get(key)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise Malformed
    return found


def _read_sync(request: Mapping[str, Any], caller: Caller) -> Sync:
    fields = {"courseId": request.get("courseId") or request.get("collectionId")}
    fields |= {key: request.get(key) for key in ("batchId", "userId")}
    course_id, batch_id, user_id = (text(fields, key) for key in ("courseId", "batchId", "userId"))
    if course_id is None or blank(course_id):
        raise CourseIdRequired
    if batch_id is None or blank(batch_id):
        raise BatchIdRequired
    if user_id is None or blank(user_id):
        raise UserIdRequired
    mine = not caller.authentication_enabled or caller.speaks_for(user_id)
    return Sync(user_id, course_id, batch_id, is_callers=mine)


class _Item(msgspec.Struct, gc=False):
    """One of the `contents`. Unknown keys are passed over; the reference takes them for columns and fails."""

    contentId: str | None = None  # noqa: N815 - the contract's spelling
    courseId: str | None = None  # noqa: N815
    collectionId: str | None = None  # noqa: N815
    batchId: str | None = None  # noqa: N815
    userId: str | None = None  # noqa: N815
    status: float | None = None
    progress: float | None = None
    lastAccessTime: str | None = None  # noqa: N815
    lastCompletedTime: str | None = None  # noqa: N815
    lastUpdatedTime: str | None = None  # noqa: N815
    viewCount: float | None = None  # noqa: N815
    completedCount: float | None = None  # noqa: N815
    progressdetails: Any = None


def _read_items(contents: Sequence[Mapping[str, Any]]) -> list[_Item]:
    """Raises: E41 to E44, in the contract's order; Malformed, when one has a wrong type and none lacks any."""
    try:
        items = msgspec.convert(contents, list[_Item])
    except msgspec.ValidationError as wrong:
        _check_items(contents)
        raise Malformed from wrong
    if not all(map(_is_plain, items)):
        _check_items(contents)
    return items


def _is_plain(item: _Item) -> bool:
    """Whether nothing of `item` needs a closer look."""
    return bool(
        item.courseId
        and not item.courseId.isspace()
        and item.contentId is not None
        and item.status is not None
        and item.lastUpdatedTime is None
        and item.lastCompletedTime is None
    )


def _check_items(contents: Sequence[Mapping[str, Any]]) -> None:
    """E41 to E44 of each, in the contract's order."""
    for fields in contents:
        for key in ("lastUpdatedTime", "lastCompletedTime"):
            if fields.get(key) is not None and _read_date(fields[key]) is None:
                raise UnreadableDate
        if blank(fields.get("courseId")) and blank(fields.get("collectionId")):
            raise CourseIdRequired
        if fields.get("contentId") is None:
            raise ContentIdRequired
        if fields.get("status") is None:
            raise StatusRequired
        _read_accessed(fields.get("lastAccessTime"))


def _by_learner(items: Sequence[_Item], submissions: Sequence[Submission], caller: Caller, subject: str) -> Update:
    """Items without a batch are passed over, as the contract has it; those of strangers are set apart."""
    reports: dict[tuple[str, str], list[Report]] = {}
    speaks_for = caller.user_id, caller.on_behalf_of
    foreign = []
    for item in items:
        user_id, report = item.userId or subject, _read_report(item)
        if item.batchId is None or not item.batchId.strip():
            continue
        if user_id in speaks_for or not caller.authentication_enabled:
            reports.setdefault((user_id, item.batchId), []).append(report)
        else:
            foreign.append(_sent(item))
    sent: dict[tuple[str, str], list[Submission]] = {}
    for submission in submissions:
        key = subject, submission.batch_id
        sent.setdefault(key, []).append(submission)
        reports.setdefault(key, []).append(_completed_by(submission))
    works = tuple(
        Work(user_id, batch_id, tuple(listed), tuple(sent.get((user_id, batch_id), ())))
        for (user_id, batch_id), listed in reports.items()
    )
    valid = tuple(user_id for user_id in speaks_for if user_id)
    return Update(works, Foreign(valid, tuple(foreign)) if foreign else None)


def _completed_by(submission: Submission) -> Report:
    """Submitting an assessment completes its content, whatever the score (contract §3.2.1)."""
    return Report(
        submission.content_id,
        submission.course_id,
        COMPLETED,
        accessed_ms=submission.attempted_ms,
        is_view=False,
    )


def _read_report(item: _Item) -> Report:
    completed = item.lastCompletedTime
    return Report(
        item.contentId or "",
        (item.collectionId if blank(item.courseId) else item.courseId) or "",
        _whole(item.status),
        _whole(item.progress),
        _read_accessed(item.lastAccessTime),
        None if completed is None else _read_date(completed),
        0 if item.viewCount is None else _whole(item.viewCount),
        0 if item.completedCount is None else _whole(item.completedCount),
        item.progressdetails,
        0 if item.progressdetails is None else _details_bytes(item.progressdetails),
    )


def _details_bytes(details: Any) -> int:
    """Of what a player keeps of its own. Raises: TooManyDetails, since it stands in the learner's row for ever."""
    size = len(msgspec.json.encode(details))
    if size > MAX_DETAILS_BYTES:
        raise TooManyDetails
    return size


def _sent(item: _Item) -> dict[str, Any]:
    return {key: value for key, value in msgspec.structs.asdict(item).items() if value is not None}


def _whole(number: float | None) -> int:
    """0 when it is missing or less. Raises: Malformed, when no column could hold it."""
    if number is None:
        return 0
    if not -_LARGEST <= number <= _LARGEST:
        raise Malformed
    return max(int(number), 0)


def _read_accessed(value: Any) -> int | None:
    """Epoch milliseconds; None where nothing was said. Raises: UnreadableDate, for any other form."""
    if value is None or value in ("", "null"):
        return None
    at_ms = _read_date(value)
    if at_ms is None:
        raise UnreadableDate
    return at_ms


def _read_date(value: Any) -> int | None:
    """Epoch milliseconds of `2026-02-03 10:20:30:456+0530`; None for any other form.

    Any offset will do; the reference only takes its own server's (defect B8).
    """
    if not isinstance(value, str) or len(value) != 28:  # before the cache, which must not keep what callers like
        return None
    return _read_moment(value)


@lru_cache(maxsize=4096)  # the items of an update mostly carry the same few moments
def _read_moment(value: str) -> int | None:
    if value[10] != " " or value[19] != ":" or value[23] not in "+-":
        return None
    return _moment(value)


@lru_cache(maxsize=4096)  # the items of an update mostly carry the same few moments
def _moment(value: str) -> int | None:
    try:
        at = datetime.fromisoformat(f"{value[:19]}.{value[20:26]}:{value[26:]}")
        at_ms = round(at.timestamp() * 1000)
    except (ValueError, OverflowError):
        return None
    return at_ms if 0 <= at_ms < END_OF_TIME_MS else None


def show_outcome(outcome: Outcome) -> dict[str, Any]:
    """{"do_11": "SUCCESS", "0137": "SUCCESS", "NOT_A_ON_GOING_BATCH": ["0136"], "BATCH_NOT_EXISTS": ["0135"]}

    `NOT_ENROLLED`, with content ids, is an addition: the reference stores them for nobody (docs/differences.md).
    """
    if outcome.synced:
        return {"response": "SUCCESS"}
    shown: dict[str, Any] = dict.fromkeys((*outcome.stored, *outcome.assessed_batch_ids), "SUCCESS")
    lists = {
        "NOT_A_ON_GOING_BATCH": outcome.not_ongoing,
        "BATCH_NOT_EXISTS": outcome.not_existing,
        "NOT_ENROLLED": outcome.not_enrolled,
    }
    return shown | {key: list(found) for key, found in lists.items() if found}


# Reading and showing states


@dataclass(frozen=True, slots=True)
class StatesAsked:
    """Whose states are asked for. `content_ids` empty: of all contents."""

    user_id: str
    course_id: str
    batch_id: str
    content_ids: tuple[str, ...]
    with_scores: bool


def read_states_asked(request: Mapping[str, Any], subject: str | None) -> StatesAsked:
    """{"courseId": "do_1", "batchId": "0137", "contentIds": ["do_11"], "fields": ["score"]}. Complains as E37 to E39.

    `subject` None: the request names the learner itself.
    """
    for key in ("courseIds", "contentIds"):
        if request.get(key) is not None and not isinstance(request[key], list):
            raise WrongType(key, "List")
    named = request
    if "courseId" not in request and "collectionId" not in request and request.get("courseIds"):
        named = {**request, "courseId": request["courseIds"][0]}
    course_key = "courseId" if "courseId" in named else "collectionId"
    user_id = text(request, "userId") if subject is None else subject
    course_id, batch_id = text(named, course_key), text(request, "batchId")
    if not user_id:
        raise Missing("userId")
    if not course_id:
        raise Missing("courseId")
    if not batch_id:
        raise Missing("batchId")
    content_ids, fields = request.get("contentIds") or (), request.get("fields") or ()
    if not isinstance(fields, list | tuple) or not all(isinstance(key, str) for key in (*content_ids, *fields)):
        raise Malformed
    return StatesAsked(user_id, course_id, batch_id, tuple(content_ids), "score" in fields)


class _Shown(msgspec.Struct, gc=False):
    """One of the `contentList`, in the contract's spelling and order. A struct: one read shows hundreds."""

    contentId: str  # noqa: N815
    courseId: str  # noqa: N815
    collectionId: str  # noqa: N815
    batchId: str  # noqa: N815
    status: int
    progress: int
    viewCount: int  # noqa: N815
    completedCount: int  # noqa: N815
    completionPercentage: None  # noqa: N815
    lastAccessTime: str  # noqa: N815
    lastCompletedTime: str | None  # noqa: N815
    progressdetails: Any
    score: Any = msgspec.UNSET


def show_states(
    asked: StatesAsked, states: States, attempts: Mapping[str, Sequence[Attempt]] | None, zone: tzinfo
) -> dict[str, Any]:
    """{"contentList": […]}, in the order of the ids. `attempts` None: scores were not asked for."""
    wanted: Iterable[str] = set(asked.content_ids) & states.keys() if asked.content_ids else states
    return {"contentList": [_show(asked, key, states[key], attempts, zone) for key in sorted(wanted)]}


def _show(
    asked: StatesAsked,
    content_id: str,
    state: ContentState,
    attempts: Mapping[str, Sequence[Attempt]] | None,
    zone: tzinfo,
) -> _Shown:
    accessed_ms, completed_ms = rules.accessed_ms(state), rules.completed_ms(state)
    accessed = show_time(accessed_ms, zone)
    if completed_ms is None:
        completed = accessed if state.status == COMPLETED else None
    else:
        completed = accessed if completed_ms == accessed_ms else show_time(completed_ms, zone)
    return _Shown(
        content_id,
        asked.course_id,
        asked.course_id,
        asked.batch_id,
        state.status,
        state.progress,
        state.views,
        state.completions,
        None,
        accessed,
        completed,
        None if state.details is None else state.details[1],
        msgspec.UNSET if attempts is None else show_attempts(attempts.get(content_id, ())),
    )


def show_time(at_ms: int, zone: tzinfo) -> str:
    """2026-01-27 12:43:10:000+0530, in `zone`."""
    quarter, rest = divmod(at_ms, _QUARTER_MS)
    hour, minute, offset = _quarter(quarter, zone)
    minutes, rest = divmod(rest, 60_000)
    seconds, rest = divmod(rest, 1000)
    return f"{hour}{_TWO[minute + minutes]}:{_TWO[seconds]}:{_THREE[rest]}{offset}"


@lru_cache(maxsize=16_384)
def _quarter(quarter: int, zone: tzinfo) -> tuple[str, int, str]:
    """What all times of a quarter of an hour share: formatting each anew is most of the work of a state read."""
    at = datetime.fromtimestamp(quarter * _QUARTER_MS // 1000, zone)
    shown = timestamp(at)
    return shown[:14], at.minute, shown[23:]


# What a group has done


def read_group_asked(request: Mapping[str, Any]) -> GroupAsked:
    """{"groupId": "g-1", "activityId": "do_1", "activityType": "Course"}. Complains as E56 to E58."""
    found = []
    missing: Sequence[tuple[str, type[Refused]]] = (
        ("groupId", rules.GroupIdMissing),
        ("activityId", rules.ActivityIdMissing),
        ("activityType", rules.ActivityTypeMissing),
    )
    for key, refusal in missing:
        value = text(request, key)
        if value is None or blank(value):
            raise refusal
        found.append(value)
    return GroupAsked(*found)


def show_group(
    asked: GroupAsked, members: Sequence[GroupMember], found: Sequence[tuple[str, Sequence[Metric]]], now: datetime
) -> dict[str, Any]:
    """{"groupId": …, "activity": {"id", "type", "agg": […]}, "members": […]}; who has no progress is left out."""
    by_id = {member.user_id: member for member in members}
    latest = max((metric.updated_at for _, metrics in found for metric in metrics), default=now)
    count = {
        "metric": "enrolmentCount",
        "lastUpdatedOn": _ms(latest),
        "value": len({user_id for user_id, _ in found}),
    }
    return {
        "groupId": asked.group_id,
        "activity": {"id": asked.activity_id, "type": asked.activity_type, "agg": [count]},
        "members": [{**_show_member(by_id[user_id]), "agg": _show_metrics(metrics)} for user_id, metrics in found],
    }


def _show_member(member: GroupMember) -> dict[str, Any]:
    fields = {
        "userId": member.user_id,
        "name": member.name,
        "role": member.role,
        "status": member.status,
        "createdBy": member.created_by,
    }
    return {key: value for key, value in fields.items() if value is not None}


def _show_metrics(metrics: Sequence[Metric]) -> list[dict[str, Any]]:
    return [
        {"metric": metric.name, "value": metric.value, "lastUpdatedOn": _ms(metric.updated_at)} for metric in metrics
    ]


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


# The successor's calls that aggregate directly (contract §3.6). Here nothing waits to be aggregated, so they record.


class NotMandatory(Refused):
    """A mandatory parameter is missing, in the successor's words."""

    code = "MANDATORY_PARAMETER_MISSING"


class InvalidStatus(Refused):
    code = "INVALID_REQUESTED_DATA"


class SubjectMissing(Refused):
    """An attempt of nobody, or in no course (E68)."""

    code = "MANDATORY_PARAMETER_MISSING"
    message = "Missing userId/courseId in Request Body"


def read_activity(request: Mapping[str, Any]) -> Work:
    """{"userId": "u-1", "courseId": "do_1", "batchId": "0137", "contents": [{"contentId": "do_11", "status": 2}]}

    Without `contents` the enrolment is reckoned again from what is stored. Complains as E61 to E67.
    """
    user_id, course_id, batch_id = (_stated(request, key) for key in ("userId", "courseId", "batchId"))
    contents = _items(request, "contents")
    return Work(user_id, batch_id, tuple(_read_activity_item(item, course_id) for item in contents))


def _stated(fields: Mapping[str, Any], key: str, where: str = "") -> str:
    found = text(fields, key)
    if found is None or blank(found):
        raise NotMandatory(f"{key} is mandatory{where}")
    return found


def _read_activity_item(item: Mapping[str, Any], course_id: str) -> Report:
    content_id = _stated(item, "contentId", " in contents")
    status = item.get("status")
    if status is None:
        raise NotMandatory("status is mandatory in contents")
    if not isinstance(status, int | float) or isinstance(status, bool):
        raise InvalidStatus("status must be a number")
    if status not in (0, 1, 2):
        raise InvalidStatus("status must be 0, 1, or 2")
    return Report(content_id, course_id, int(status))


def read_attempts(request: Mapping[str, Any], caller_id: str) -> tuple[str, list[Submission]]:
    """One attempt, or `assessments` with the request's values where an item says nothing. Complains as E68.

    The learner, by default the caller, and the attempts.
    """
    shared = {key: value for key, value in request.items() if key != "assessments"}
    user_id = text(shared, "userId") or caller_id
    if blank(user_id) or blank(text(shared, "courseId")):
        raise SubjectMissing
    items = _items(request, "assessments") or [shared]
    return user_id, [read_submission(_attempt(shared, item, user_id), user_id) for item in items]


def _attempt(shared: Mapping[str, Any], item: Mapping[str, Any], user_id: str) -> dict[str, Any]:
    merged = {**shared, **item, "userId": user_id}
    at_ms = merged.get("assessmentTs", merged.get("assessmentTimestamp"))
    named = merged.get("attemptId") or f"{user_id}_{merged.get('contentId')}_{at_ms}"
    return {**merged, "assessmentTs": at_ms, "attemptId": named, "events": merged.get("events") or []}


def works_of(user_id: str, submissions: Sequence[Submission]) -> tuple[Work, ...]:
    """The attempts as works, one a batch."""
    batches = dict.fromkeys(submission.batch_id for submission in submissions)
    return tuple(_work_of(user_id, batch_id, submissions) for batch_id in batches)


def _work_of(user_id: str, batch_id: str, submissions: Sequence[Submission]) -> Work:
    mine = tuple(submission for submission in submissions if submission.batch_id == batch_id)
    return Work(user_id, batch_id, tuple(_completed_by(submission) for submission in mine), mine)
