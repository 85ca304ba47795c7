"""The JSON of assessments (contract enrolment §3.2, jobs §3.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from lernbatch.errors import Malformed, Refused
from lernbatch.progress.attempts import rules
from lernbatch.progress.attempts.model import Attempt, Question, Submission
from lernbatch.web.fields import END_OF_TIME_MS, UnreadableDate, blank, text
from lernbatch.web.schema import Fields, Milliseconds

MAX_QUESTION_BYTES, MAX_ATTEMPT_BYTES = 65_536, 262_144


class AttemptedDateRequired(Refused):
    code = "ATTEMPTED_DATE_REQUIRED"
    message = "Attempted data is required."


class CourseIdRequired(Refused):
    code = "COURSE_ID_REQUIRED_ERROR"
    message = "Course id is mandatory."


class ContentIdRequired(Refused):
    code = "CONTENT_ID_REQUIRED_ERROR"
    message = "Content id is mandatory."


class BatchIdRequired(Refused):
    code = "COURSE_BATCH_ID_MISSING"
    message = "Course batch Id required"


class UserIdRequired(Refused):
    code = "USERID_MISSING"
    message = "UserId is mandatory."


class AttemptIdRequired(Refused):
    code = "ATTEMPT_ID_REQUIRED_ERROR"
    message = "Please provide attempt id."


class EventsRequired(Refused):
    code = "EVENTS_DATA_MISSING"
    message = "Events array is mandatory"


class TooLargeAttempt(Refused):
    """An addition: an attempt is kept with its questions, so both have a bound."""

    code = "DATA_SIZE_EXCEEDED"
    message = (
        f"Maximum size of an assessment should be {MAX_ATTEMPT_BYTES} bytes, of each of its events {MAX_QUESTION_BYTES}"
    )


_REQUIRED: tuple[tuple[str, type[Refused]], ...] = (
    ("courseId", CourseIdRequired),
    ("contentId", ContentIdRequired),
    ("batchId", BatchIdRequired),
    ("userId", UserIdRequired),
    ("attemptId", AttemptIdRequired),
)


def read_submission(item: dict[str, Any], user_id: str) -> Submission:
    """An item of `assessments`, as an attempt of `user_id`, whoever it names. Complains as E45 to E48.

    {"assessmentTs": 1769498000000, "courseId": "do_1", "contentId": "do_q1", "batchId": "0137", "userId": "u-1",
     "attemptId": "9f2c", "events": [{"eid": "ASSESS", "ets": …, "edata": {"score": 1, "item": {"id": …}}}]}
    Raises: TooLargeAttempt, beside the contract's.
    """
    if "assessmentTs" not in item:
        raise AttemptedDateRequired
    for key, missing in _REQUIRED:
        if blank(text(item, key)):
            raise missing
    if "events" not in item:
        raise EventsRequired
    attempted_ms, events = item["assessmentTs"], item["events"]
    if not isinstance(attempted_ms, int | float) or isinstance(attempted_ms, bool):
        raise UnreadableDate
    if not 0 <= attempted_ms < END_OF_TIME_MS:
        raise UnreadableDate
    if not isinstance(events, list | None):
        raise Malformed
    # What is small as a whole need not be measured in parts.
    size = len(msgspec.json.encode(item))
    if size > MAX_ATTEMPT_BYTES:
        raise TooLargeAttempt
    if size > MAX_QUESTION_BYTES and any(
        len(msgspec.json.encode(event)) > MAX_QUESTION_BYTES for event in events or ()
    ):
        raise TooLargeAttempt
    return Submission(
        content_id=item["contentId"],
        course_id=item["courseId"],
        batch_id=item["batchId"],
        attempt_id=item["attemptId"],
        attempted_ms=int(attempted_ms),
        questions=read_questions(events or []),
        payload={**item, "userId": user_id, "events": [_acted_by(event, user_id) for event in events or []]},
    )


def _acted_by(event: Any, user_id: str) -> Any:
    actor = event.get("actor") if isinstance(event, dict) else None
    return {**event, "actor": {**actor, "id": user_id}} if isinstance(actor, dict) else event


class _Item(msgspec.Struct):
    id: str
    maxscore: float = 0.0
    type: str | None = None
    title: str | None = None
    desc: str | None = None
    params: list[Any] | None = None


class _Data(msgspec.Struct):
    item: _Item
    score: float = 0.0
    duration: float | None = None
    resvalues: list[Any] | None = None


class _Event(msgspec.Struct):
    ets: float
    edata: _Data


def read_questions(events: Sequence[Any]) -> tuple[Question, ...] | None:
    """The answers of ASSESS events, each question once; None when they cannot be read."""
    try:
        return rules.unique(_read_question(event) for event in msgspec.convert(events, list[_Event]))
    except (msgspec.ValidationError, OverflowError, ValueError):
        return None


def _read_question(event: _Event) -> Question:
    item = event.edata.item
    return Question(
        id=item.id,
        assess_ts=int(event.ets),
        max_score=max(item.maxscore, 0.0),
        score=rules.bounded(event.edata.score, item.maxscore),
        type=item.type or "",
        title=item.title or "",
        resvalues=_text_maps(event.edata.resvalues),
        params=_text_maps(item.params),
        description=item.desc or "",
        duration=event.edata.duration or 0.0,
    )


def _text_maps(maps: list[Any] | None) -> list[dict[str, str]]:
    """Maps of text to text; other values become their JSON (contract jobs §3.2)."""
    return [
        {
            str(key): value if isinstance(value, str) else msgspec.json.encode(value).decode()
            for key, value in entry.items()
        }
        for entry in maps or []
        if isinstance(entry, Mapping)
    ]


class ShownAttempt(Fields):
    """The marks of an attempt."""

    attempt_id: str
    last_attempted_on: Milliseconds
    total_score: float
    total_max_score: float


def show_attempts(attempts: Sequence[Attempt]) -> list[ShownAttempt]:
    """[{"attemptId": "9f2c", "lastAttemptedOn": 1769498000000, "totalScore": 8.0, "totalMaxScore": 10.0}]"""
    return [
        ShownAttempt(attempt.attempt_id, attempt.attempted_ms, attempt.score, attempt.max_score) for attempt in attempts
    ]
