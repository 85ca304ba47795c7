"""What the stand-in for a player shows, and what it reports."""

from __future__ import annotations

from typing import Any

from lernbatch.batch.model import Batch
from lernbatch.console.my.view import units
from lernbatch.course.model import LeafNode
from lernbatch.summary.explain import ExplainedEnrolment, Explanation

USUAL_QUESTIONS = 5  # of a question set that does not say how many it has


def page(explanation: Explanation, batch: Batch) -> dict[str, Any]:
    """The course part by part; of an assessment how many questions can be right."""
    course = explanation.course
    questions = {leaf.content_id: leaf.total_questions or USUAL_QUESTIONS for leaf in course.assessments}
    return {
        "batch_id": batch.batch_id,
        "name": batch.name,
        "course": course.name,
        "units": units(course, explanation.states),
        "questions": questions,
        "is_active": explanation.enrolment.active,
    }


def report(enrolment: ExplainedEnrolment, leaf: LeafNode, attempt_id: str, right: str, now_ms: int) -> dict[str, Any]:
    """The request of a player whose learner has come to the end of a content.

    `right`: how many answers of an assessment are; empty: it is none. `now_ms`: epoch milliseconds.
    """
    key = {"courseId": enrolment.course_id, "batchId": enrolment.batch_id, "contentId": leaf.content_id}
    request: dict[str, Any] = {"userId": enrolment.user_id, "contents": [{**key, "status": 2, "progress": 100}]}
    if right.isdecimal() and len(right) < 10:
        questions = leaf.total_questions or USUAL_QUESTIONS
        answers = [_answer(leaf, number, now_ms, is_right=number < int(right)) for number in range(questions)]
        attempt = {"attemptId": attempt_id, "userId": enrolment.user_id, "assessmentTs": now_ms, "events": answers}
        request["assessments"] = [{**key, **attempt}]
    return request


def _answer(leaf: LeafNode, number: int, now_ms: int, *, is_right: bool) -> dict[str, Any]:
    item = {
        "id": f"{leaf.content_id}-q{number + 1}",
        "title": f"Question {number + 1}",
        "type": "mcq",
        "maxscore": 1.0,
        "params": [],
    }
    outcome = {"pass": "Yes" if is_right else "No", "score": 1.0 if is_right else 0.0, "duration": 4.0}
    return {"eid": "ASSESS", "ets": now_ms + number, "edata": {"index": number + 1, **outcome, "item": item}}
