"""The JSON of progress: the contract's keys, defaults and the order in which it complains."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from lernbatch.errors import Malformed, Missing, Refused, WrongType
from lernbatch.progress import rules
from lernbatch.progress.attempts.model import Attempt, Submission
from lernbatch.progress.attempts.wire import (
    BatchIdRequired,
    ContentIdRequired,
    CourseIdRequired,
    ShownAttempt,
    UserIdRequired,
    read_submission,
    show_attempts,
)
from lernbatch.progress.model import (
    COMPLETED,
    NotPermitted,
    Outcome,
    Report,
    States,
    SyncRequest,
    Update,
    Work,
)
from lernbatch.web.caller import Caller
from lernbatch.web.envelope import timestamp
from lernbatch.web.fields import END_OF_TIME_MS, UnreadableDate, blank, text
from lernbatch.web.schema import BatchId, CourseId, Fields, UserId

if TYPE_CHECKING:
    pass

_QUARTER_MS = 15 * 60 * 1000  # no zone changes its offset between two of these
_TWO = [f"{number:02d}" for number in range(60)]  # read sooner than formatted
_THREE = [f"{number:03d}" for number in range(1000)]
_LARGEST = 2**31 - 1
MAX_DETAILS_BYTES = 65_536


ContentId: TypeAlias = Annotated[
    str, Meta(description="A content of the course.", examples=["do_31412345678901234562"])
]
ContentStatus: TypeAlias = Annotated[float, Meta(description="0 not started, 1 started, 2 completed.", examples=[2])]
TIME = Meta(examples=["2026-02-03 10:20:30:456+0530"])
AttemptedAt: TypeAlias = Annotated[int, Meta(description="Epoch milliseconds.", examples=[1_700_000_000_000])]
AssessEvents: TypeAlias = Annotated[list[dict[str, Any]], Meta(description="ASSESS events, one a question.")]
_CONTENT = {
    "contentId": "do_31412345678901234562",
    "courseId": "do_31412345678901234561",
    "batchId": "01412345678901234567",
    "status": 2,
}


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


class ReportedContent(Fields, kw_only=True):
    """How far a learner is in one content. Unknown keys are ignored.

    An item without a batch is ignored. `userId`: the caller when it is left out.
    """

    content_id: ContentId
    course_id: CourseId | None = None
    collection_id: CourseId | None = None
    batch_id: BatchId | None = None
    user_id: UserId | None = None
    status: ContentStatus
    progress: Annotated[float | None, Meta(description="Percent.")] = None
    last_access_time: Annotated[str, TIME] | None = None
    last_completed_time: Annotated[str, TIME] | None = None
    last_updated_time: Annotated[str, TIME] | None = None
    view_count: float | None = None
    completed_count: float | None = None
    progressdetails: Annotated[Any, Meta(description="Kept as it is.")] = None


class ReportedAttempt(Fields):
    """One try at a question set."""

    attempt_id: Annotated[
        str, Meta(description="Chosen by the client; the same attempt may be sent again.", examples=["a-1"])
    ]
    content_id: ContentId
    course_id: CourseId
    batch_id: BatchId
    assessment_ts: AttemptedAt
    user_id: UserId | UnsetType = UNSET
    events: AssessEvents | UnsetType = UNSET


class ContentStateUpdate(Fields):
    """What players report."""

    contents: Annotated[list[ReportedContent], Meta(examples=[[_CONTENT]])] | None = None
    assessments: list[ReportedAttempt] | None = None


EXAMPLE_UPDATE = {"contents": [_CONTENT]}
UpdateOutcome: TypeAlias = Annotated[
    dict[str, str | list[str]],
    Meta(description="`SUCCESS` under each content and batch; ids under what was wrong."),
]


def read_update(request: Mapping[str, Any], caller: Caller, subject: str, most: int) -> Update:
    """The works, one a learner and batch, in the order they first appear. Complains as E41 to E49.

    {"contents": [{"contentId": "do_11", "courseId": "do_1", "batchId": "0137", "status": 2,
     "lastAccessTime": "2026-02-03 10:20:30:456+0530"}], "assessments": [{…}]}
    `subject`: whose items are that name nobody; `most`: items of one update.
    """
    contents, assessments = items_of(request, "contents"), items_of(request, "assessments")
    if not contents and not assessments:
        return Update((), sync=read_sync(request, caller))
    if len(contents) + len(assessments) > most:
        raise TooManyContents(most)
    items = _read_items(contents)
    submissions = [read_submission(item, subject) for item in assessments]
    # Items without a batch are passed over, as the contract has it; those of other learners are set apart.
    reports: dict[tuple[str, str], list[Report]] = {}
    speaks_for = caller.user_id, caller.on_behalf_of
    not_permitted = []
    for item in items:
        user_id, report = item.user_id or subject, read_report(item)
        if item.batch_id is None or not item.batch_id.strip():
            continue
        if user_id in speaks_for or not caller.authentication_enabled:
            reports.setdefault((user_id, item.batch_id), []).append(report)
        else:
            sent = {key: value for key, value in msgspec.to_builtins(item).items() if value is not None}
            not_permitted.append(sent)
    attempts: dict[tuple[str, str], list[Submission]] = {}
    for submission in submissions:
        key = subject, submission.batch_id
        attempts.setdefault(key, []).append(submission)
        reports.setdefault(key, []).append(completion_by(submission))
    works = tuple(
        Work(user_id, batch_id, tuple(listed), tuple(attempts.get((user_id, batch_id), ())))
        for (user_id, batch_id), listed in reports.items()
    )
    valid = tuple(user_id for user_id in speaks_for if user_id)
    return Update(works, NotPermitted(valid, tuple(not_permitted)) if not_permitted else None)


def items_of(request: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """The objects of a list, none when it is left out. Raises: Malformed."""
    items = request.get(key)
    if items is None:
        return []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise Malformed
    return items


def read_sync(request: Mapping[str, Any], caller: Caller) -> SyncRequest:
    """An update without items, which asks to recompute. Complains as E49.

    {"courseId": "do_1", "batchId": "0137", "userId": "u-1"}
    """
    fields = {"courseId": request.get("courseId") or request.get("collectionId")}
    fields |= {key: request.get(key) for key in ("batchId", "userId")}
    course_id, batch_id, user_id = (text(fields, key) for key in ("courseId", "batchId", "userId"))
    if course_id is None or blank(course_id):
        raise CourseIdRequired
    if batch_id is None or blank(batch_id):
        raise BatchIdRequired
    if user_id is None or blank(user_id):
        raise UserIdRequired
    is_permitted = not caller.authentication_enabled or caller.speaks_for(user_id)
    return SyncRequest(user_id, course_id, batch_id, is_permitted)


def _read_items(contents: Sequence[Mapping[str, Any]]) -> list[ReportedContent]:
    """Raises: E41 to E44, in the contract's order; Malformed, when one has a wrong type and none lacks any."""
    try:
        items = msgspec.convert(contents, list[ReportedContent])
    except msgspec.ValidationError as wrong:
        _check_items(contents)
        raise Malformed from wrong
    # Most items need no closer look.
    if not all(
        item.course_id
        and not item.course_id.isspace()
        and item.last_updated_time is None
        and item.last_completed_time is None
        for item in items
    ):
        _check_items(contents)
    return items


def _check_items(contents: Sequence[Mapping[str, Any]]) -> None:
    """E41 to E44 of each, in the contract's order.

    An empty lastAccessTime is none, an empty lastCompletedTime or lastUpdatedTime a wrong date: so the contract has it.
    """
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


def completion_by(submission: Submission) -> Report:
    """Submitting an assessment completes its content, whatever the score (contract enrolment §3.2.1)."""
    return Report(
        submission.content_id,
        submission.course_id,
        COMPLETED,
        accessed_ms=submission.attempted_ms,
        is_view=False,
    )


def read_report(item: ReportedContent) -> Report:
    """How far a learner is in a content. Raises: Malformed, UnreadableDate, TooManyDetails."""
    status, progress, accessed_ms = _whole(item.status), _whole(item.progress), _read_accessed(item.last_access_time)
    completed_ms = None if item.last_completed_time is None else _read_date(item.last_completed_time)
    views, completions = _whole(item.view_count), _whole(item.completed_count)
    details_bytes = 0
    if item.progressdetails is not None:  # what a player keeps of its own stands in the learner's row for ever
        details_bytes = len(msgspec.json.encode(item.progressdetails))
        if details_bytes > MAX_DETAILS_BYTES:
            raise TooManyDetails
    return Report(
        item.content_id,
        (item.collection_id if blank(item.course_id) else item.course_id) or "",
        status,
        progress,
        accessed_ms,
        completed_ms,
        views,
        completions,
        item.progressdetails,
        details_bytes,
    )


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
    return shown | {key: list(ids) for key, ids in lists.items() if ids}


# Reading and showing states


class StatesRequest(Fields):
    """How far a learner is."""

    course_id: CourseId
    batch_id: BatchId
    content_ids: Annotated[list[ContentId] | None, Meta(description="None: of all contents.")] = None
    fields: Annotated[list[str] | None, Meta(description="`score` adds attempts.", examples=[["score"]])] = None


class PrivateStatesRequest(StatesRequest, kw_only=True):
    """How far any learner is."""

    user_id: UserId


@dataclass(frozen=True, slots=True)
class StatesQuery:
    """Whose states are read. `content_ids` empty: of all contents."""

    user_id: str
    course_id: str
    batch_id: str
    content_ids: tuple[str, ...]
    with_scores: bool


def read_states_query(request: Mapping[str, Any], subject: str | None) -> StatesQuery:
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
    return StatesQuery(user_id, course_id, batch_id, tuple(content_ids), "score" in fields)


class ShownState(Fields):
    """How far a learner is in one content."""

    # A structure and no dict, for speed: one read shows hundreds.
    content_id: ContentId
    course_id: CourseId
    collection_id: CourseId
    batch_id: BatchId
    status: int
    progress: int
    view_count: int
    completed_count: int
    completion_percentage: None
    last_access_time: Annotated[str, TIME]
    last_completed_time: Annotated[str, TIME] | None
    progressdetails: Annotated[Any, Meta(description="As the player reported it.")]
    score: Annotated[list[ShownAttempt], Meta(description="The attempts.")] | UnsetType = UNSET


class StateList(Fields):
    """Contents and how far a learner is in them."""

    content_list: list[ShownState]


def show_states(
    query: StatesQuery, states: States, attempts: Mapping[str, Sequence[Attempt]] | None, zone: tzinfo
) -> StateList:
    """{"contentList": […]}, in the order of the ids. `attempts` None: scores were not asked for."""
    course_id, batch_id, shown = query.course_id, query.batch_id, []
    content_ids: Iterable[str] = set(query.content_ids) & states.keys() if query.content_ids else states
    for content_id in sorted(content_ids):
        state = states[content_id]
        accessed_ms, completed_ms = rules.accessed_ms(state), rules.completed_ms(state)
        accessed = show_time(accessed_ms, zone)
        if completed_ms is None:
            completed = accessed if state.status == COMPLETED else None
        else:
            completed = accessed if completed_ms == accessed_ms else show_time(completed_ms, zone)
        shown.append(
            ShownState(
                content_id,
                course_id,
                course_id,
                batch_id,
                state.status,
                state.progress,
                state.views,
                state.completions,
                None,
                accessed,
                completed,
                None if state.details is None else state.details[1],
                UNSET if attempts is None else show_attempts(attempts.get(content_id, ())),
            )
        )
    return StateList(shown)


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
