"""The rules of progress: how reports become states, and states a completion. All of it is order-free.

States form a lattice: merging takes the higher status, the higher progress, the later times and the union of the
views. So the same reports in any order, any number of times, in any grouping, end in the same row.

Views are told apart as long as they are among the newest VIEWS_REMEMBERED of a content; older ones are only counted. So
of views the law holds for every report that comes before VIEWS_REMEMBERED later ones; one that comes later still is
taken for one that is counted already.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

import msgspec
from msgspec.structs import replace

from lernbatch.batch import rules as batch
from lernbatch.batch.model import BatchStatus
from lernbatch.course.model import Course
from lernbatch.enrolment.model import Progress
from lernbatch.errors import LernbatchError, NotAuthenticated, Refused
from lernbatch.progress.model import (
    COMPLETED,
    Completion,
    ContentState,
    EnrolledLearner,
    LastRead,
    OlderViews,
    Outcome,
    Recorded,
    Report,
    States,
    Update,
    WithoutEnrolment,
    Work,
)

VIEWS_REMEMBERED = 8  # of one content by one learner; older ones are counted, and not told apart
UNKNOWN_CONTENTS = 1000  # that are not in the course: players report what was taken out of it, and a row has an end
MAX_STATES_BYTES = 1_048_576  # of a row, which every update of the learner writes anew
_BYTES_OF_A_STATE = 120
_encode = msgspec.json.Encoder(order="sorted").encode
_NOTHING = ContentState(0, 0, 0, 0, None, None, 0, None, ())


class NoEnrolmentFound(Refused):
    code = "INVALID_REQUESTED_DATA"

    def __init__(self, user_id: str, batch_id: str, course_id: str) -> None:
        super().__init__(f"No Enrolment found for userId: {user_id}, batchId: {batch_id}, courseId: {course_id}")


class GroupIdMissing(Refused):
    code = "GROUP_ID_MISSING"
    message = "GroupId is mandatory."


class ActivityIdMissing(Refused):
    code = "ACTIVITY_ID_MISSING"
    message = "ActivityId is mandatory."


class ActivityTypeMissing(Refused):
    code = "ACTIVITY_TYPE_MISSING"
    message = "ActivityType is mandatory."


class GroupUnread(LernbatchError):
    """The group service failed, or knows no such group."""

    message = "Error while fetching group members record."


def check_before(update: Update, until_ms: int) -> None:
    """A token that has ended tells of what was done before, by its own time. Raises: NotAuthenticated."""
    reports = [report for work in update.works for report in work.reports]
    times = [time for report in reports for time in (report.accessed_ms, report.completed_ms) if time is not None]
    dated = all(report.accessed_ms is not None or report.completed_ms is not None for report in reports)
    if update.sync is not None or not dated or any(time > until_ms for time in times):
        raise NotAuthenticated


def merge(stored: ContentState | None, report: Report, now_ms: int) -> ContentState:
    """The state after `report`; the very `stored` object when it says nothing new.

    Source: contract enrolment §3.2.1, without its losses: a first partial report keeps its progress,
    and nothing goes back under races.
    """
    old = _NOTHING if stored is None else stored
    reported = min(max(report.status, 0), COMPLETED)
    status = max(old.status, reported)
    before = _seen(old)
    seen, older = with_view(before, old.older, report)
    completions = max(old.completions, report.completions, status // COMPLETED)
    if seen is not before and reported == COMPLETED:  # of what was seen before they are counted already
        completions = max(completions, sum([view & 1 for view in seen]) + (older.completions if older else 0))
    accessed_ms = _later(old.last_access_ms, report.accessed_ms)
    completed_ms = old.last_completed_ms
    if reported == COMPLETED:
        completed_ms = _later(completed_ms, report.completed_ms or report.accessed_ms)
    merged = ContentState(
        status,
        100 if status == COMPLETED else max(old.progress, min(max(report.progress, 0), 100)),
        max(old.views, report.views, len(seen) + (older.views if older else 0), 1 if status else 0),
        completions,
        accessed_ms,
        completed_ms,
        old.last_updated_ms,
        old.details if report.details is None else newest_details(old.details, report, now_ms),
        None if len(seen) < 2 and seen == _usual_views(accessed_ms, completions) else seen,
        older,
    )
    if stored is not None and merged == stored:
        return stored
    return replace(merged, last_updated_ms=now_ms)


def join(first: ContentState | None, second: ContentState) -> ContentState:
    """What two accounts of one person have done with one content. The older views of both are added up."""
    if first is None:
        return second
    views = {*_seen(first), *_seen(second)}
    latest = {view for view in views if view & 1 or view | 1 not in views}  # a moment once, completing if any says so
    kept, older = sorted(latest, reverse=True), _older(first.older, second.older)
    remembered = [view for view in kept[:VIEWS_REMEMBERED] if older is None or view >> 1 > older.until_ms]
    seen, older = tuple(remembered), _folded(older, kept[len(remembered) :])
    accessed_ms = _later(first.last_access_ms, second.last_access_ms)
    counted = older or OlderViews(0, 0, 0)
    completions = max(first.completions, second.completions, sum(view & 1 for view in seen) + counted.completions)
    details = [each for each in (first.details, second.details) if each is not None]
    return ContentState(
        max(first.status, second.status),
        max(first.progress, second.progress),
        max(first.views, second.views, len(seen) + counted.views),
        completions,
        accessed_ms,
        _later(first.last_completed_ms, second.last_completed_ms),
        max(first.last_updated_ms, second.last_updated_ms),
        max(details, key=_by_time, default=None),
        None if seen == _usual_views(accessed_ms, completions) else seen,
        older,
    )


def join_all(states: States, others: States) -> States:
    """Every content of either."""
    return {**states, **{content_id: join(states.get(content_id), state) for content_id, state in others.items()}}


def _by_time(details: tuple[int, Any]) -> tuple[int, bytes]:
    return details[0], _encode(details[1])


def _later(first: int | None, other: int | None) -> int | None:
    if first is None or other is None:
        return first if other is None else other
    return max(first, other)


def with_view(
    seen: tuple[int, ...], older: OlderViews | None, report: Report
) -> tuple[tuple[int, ...], OlderViews | None]:
    """The newest views, newest first, and the older ones. A moment is one view, completing if any report says so."""
    accessed_ms = report.accessed_ms
    if not report.is_view or accessed_ms is None or report.status <= 0:
        return seen, older
    if older is not None and accessed_ms <= older.until_ms:
        return seen, older
    view = accessed_ms * 2 + (1 if report.status >= COMPLETED else 0)
    if not seen or view > seen[0] | 1:  # later than all, as nearly every view is when it is reported
        seen = (view, *seen)
    elif view in seen or (view ^ 1 in seen and not view & 1):
        return seen, older
    else:
        seen = tuple(sorted({*seen, view} - ({view ^ 1} if view & 1 else set()), reverse=True))
    if len(seen) <= VIEWS_REMEMBERED:
        return seen, older
    return seen[:VIEWS_REMEMBERED], _folded(older, seen[VIEWS_REMEMBERED:])


def _folded(older: OlderViews | None, views: Sequence[int]) -> OlderViews | None:
    """`older` with `views`, newest first, which are counted from now on and not told apart."""
    if not views:
        return older
    before = older or OlderViews(0, 0, 0)
    return OlderViews(
        before.views + len(views),
        before.completions + sum([view & 1 for view in views]),
        max(before.until_ms, views[0] >> 1),
    )


def _older(first: OlderViews | None, second: OlderViews | None) -> OlderViews | None:
    """The older views of two accounts together; the very same ones are one person's, joined before."""
    if first is None or second is None or first == second:
        return first or second
    return OlderViews(
        first.views + second.views,
        first.completions + second.completions,
        max(first.until_ms, second.until_ms),
    )


def _seen(state: ContentState) -> tuple[int, ...]:
    return _usual_views(state.last_access_ms, state.completions) if state.seen is None else state.seen


def _usual_views(accessed_ms: int | None, completions: int) -> tuple[int, ...]:
    """What `seen` is for most contents, opened once: it says nothing that the other fields do not."""
    return () if accessed_ms is None else (accessed_ms * 2 + min(completions, 1),)


def newest_details(old: tuple[int, Any] | None, report: Report, now_ms: int) -> tuple[int, Any]:
    """What a player keeps of a content, with its instant: of two the later counts. `old` None: there is none yet."""
    new = (now_ms if report.accessed_ms is None else report.accessed_ms, report.details)
    if old is None:
        return new
    return max(old, new, key=_by_time)


def completion(course: Course, states: Mapping[str, ContentState], before: Completion, now: datetime) -> Completion:
    """What `states` mean for the enrolment. Completed stays completed, with the time it first was.

    A course of optional contents alone is completed with the first of them (contract jobs §2.3).
    """
    done = {content_id for content_id, state in states.items() if state.status == COMPLETED}
    required = course.required_ids
    count = len(required & done)
    complete = count == len(required) if required else bool(course.leaf_node_ids & done)
    if complete or before.status == Progress.COMPLETED:
        return Completion(Progress.COMPLETED, count, 100, before.completed_at or now)
    started = before.status == Progress.STARTED or any(state.status for state in states.values())
    status = Progress.STARTED if started else Progress.NOT_STARTED
    return Completion(status, count, count * 100 // len(required) if required else 0, None)


def accessed_ms(state: ContentState) -> int:
    """When the content was last opened: as a report said, but not after it was told of it (a phone's clock)."""
    told_ms, said_ms = state.last_updated_ms, state.last_access_ms
    return told_ms if said_ms is None or said_ms > told_ms else said_ms


def completed_ms(state: ContentState) -> int | None:
    """When the content was last completed, in the same way; None where no report said."""
    said_ms = state.last_completed_ms
    return None if said_ms is None else min(said_ms, state.last_updated_ms)


def last_read(states: Mapping[str, ContentState]) -> LastRead:
    """The content with the latest access; of two at once, the greater id. As reported, so that the order is free."""
    latest, at_ms = "", -1
    for content_id, state in states.items():
        accessed = state.last_access_ms
        if accessed is None:
            accessed = state.last_updated_ms
        if accessed > at_ms or (accessed == at_ms and content_id > latest):
            latest, at_ms = content_id, accessed
    if at_ms < 0:
        return LastRead(None, None, None)
    return LastRead(latest, states[latest].status, datetime.fromtimestamp(at_ms / 1000, UTC))


def timely(work: Work, learner: WithoutEnrolment | EnrolledLearner, today: date, zone: tzinfo, grace_days: int) -> Work:
    """`work` without the reports and attempts that the batch's dates refuse; the same object when they take all.

    `zone`: the batch's. `grace_days`: how long after the batch what was done in it is still taken.
    """
    start, end = learner.start_date, learner.end_date
    if batch.status_on(today, start, end) is BatchStatus.ONGOING:
        return work

    def is_late_but_honest(at_ms: int | None) -> bool:
        accessed = None if at_ms is None else datetime.fromtimestamp(at_ms / 1000, zone).date()
        return accepts_late(today, start, end, accessed, grace_days)

    return replace(
        work,
        reports=tuple(report for report in work.reports if is_late_but_honest(report.accessed_ms)),
        submissions=tuple(sent for sent in work.submissions if is_late_but_honest(sent.attempted_ms)),
    )


def accepts_late(today: date, start: date, end: date | None, accessed: date | None, grace_days: int) -> bool:
    """Whether a report that comes after the batch is taken: its own time lies inside, and the grace is not over."""
    if end is None or accessed is None or today <= end:
        return False
    return start <= accessed <= end and today <= end + timedelta(days=grace_days)


def surplus_contents(course: Course, states: States, reports: Sequence[Report]) -> Collection[str]:
    """Reported contents, known to neither the course nor the row, for which the row has no room any more."""
    if len(states) + len(reports) <= UNKNOWN_CONTENTS:
        return ()
    kept_ids = course.leaf_node_ids | states.keys()
    room = max(len(course.leaf_node_ids) + UNKNOWN_CONTENTS - len(states), 0)
    return list(dict.fromkeys(report.content_id for report in reports if report.content_id not in kept_ids))[room:]


def is_too_large(stored_bytes: int, states: States, reports: Sequence[Report]) -> bool:
    """Whether `reports`, merged into `states`, make the row larger than a row may be.

    `stored_bytes`: of the row before. It is measured only where a guess says that they might.
    """
    guess = stored_bytes + sum(
        [report.details_bytes + len(report.content_id) + _BYTES_OF_A_STATE for report in reports]
    )
    return guess > MAX_STATES_BYTES and len(msgspec.json.encode(states)) > MAX_STATES_BYTES


def outcome(works: Sequence[Work], results: Sequence[Recorded]) -> Outcome:
    """What became of an update, of what became of its works."""
    pairs = list(zip(works, results, strict=True))
    return Outcome(
        stored=tuple(content_id for _, result in pairs for content_id in result.stored),
        assessed_batch_ids=tuple(work.batch_id for work, result in pairs if result.assessed),
        not_ongoing=tuple(dict.fromkeys(work.batch_id for work, result in pairs if not result.ongoing)),
        not_existing=tuple(dict.fromkeys(work.batch_id for work, result in pairs if not result.batch_exists)),
        not_enrolled=tuple(dict.fromkeys(content_id for _, result in pairs for content_id in result.not_enrolled)),
    )


def unit_progress(course: Course, states: Mapping[str, ContentState]) -> dict[str, int]:
    """Unit id → required leaf nodes completed in it, for units with an opened content (contract jobs §2.4)."""
    done = {content_id for content_id, state in states.items() if state.status == COMPLETED}
    opened = set(states)
    return {
        unit.unit_id: len(course.required_ids & done & set(unit.leaf_node_ids))
        for unit in course.units
        if opened & set(unit.leaf_node_ids)
    }


def missing(course: Course, states: Mapping[str, ContentState]) -> list[str]:
    """The required leaf nodes that are not completed, in the course's order."""
    return [
        leaf.content_id
        for leaf in course.leaf_nodes
        if not leaf.optional and (leaf.content_id not in states or states[leaf.content_id].status != COMPLETED)
    ]


def because(status: int | None, done: int, required: int) -> str:
    """Why an enrolment has its percentage, in a sentence that does not contradict it."""
    if status == COMPLETED and done < required:
        return f"completed, which it stays: the course has {required - done} more required contents since then"
    return f"{done} of {required} required contents are completed"


def merge_all(states: States, reports: Iterable[Report], now_ms: int) -> States:
    """All `reports` merged into `states`; the same object when they say nothing new."""
    merged = states
    for report in reports:
        old = merged.get(report.content_id)
        new = merge(old, report, now_ms)
        if new is not old:
            if merged is states:
                merged = dict(states)
            merged[report.content_id] = new
    return merged
