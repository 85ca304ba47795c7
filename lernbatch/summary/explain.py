"""Why a learner has this progress in a batch: status, percentage, what is missing, and what becomes of certificates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lernbatch.batch.rules import may_manage
from lernbatch.certificate import explain as certificates
from lernbatch.course import actions as courses
from lernbatch.course.model import Course
from lernbatch.database import db, sql
from lernbatch.enrolment.actions import eligibilities
from lernbatch.enrolment.rules import NotEnrolled
from lernbatch.errors import Unauthorized
from lernbatch.progress import rules
from lernbatch.progress.model import SCORES, STATES, Scores, States
from lernbatch.services import Services
from lernbatch.web.caller import Caller

Q = sql.load("lernbatch.summary")


@dataclass(frozen=True, slots=True)
class ExplainedEnrolment:
    """The row, active or not; `states` and `scores` are JSON. `course_version` None: the newest publication."""

    user_id: str
    batch_id: str
    course_id: str
    course_version: str | None
    active: bool
    status: int
    percentage: int
    completed_at: datetime | None
    states: str
    scores: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """One enrolment, with the tree it is measured by."""

    enrolment: ExplainedEnrolment
    course: Course
    states: States
    scores: Scores
    certificates: certificates.LearnerExplanation


async def explain(services: Services, user_id: str, batch_id: str, caller: Caller | None = None) -> Explanation:
    """The enrolment, explanation. `caller` None: an operator.

    Raises: NotEnrolled; Unauthorized, when it is neither the caller's own nor of a batch they manage.
    """
    eligibility = (await eligibilities(services.pool, [(user_id, batch_id)])).get((user_id, batch_id))
    if eligibility is None or eligibility.active is None:
        raise NotEnrolled
    if caller is not None and not (caller.speaks_for(user_id) or may_manage(caller, eligibility, services.config)):
        raise Unauthorized
    enrolment = await db.one(services.pool, ExplainedEnrolment, Q.enrolment, user_id=user_id, batch_id=batch_id)
    if enrolment is None:
        raise NotEnrolled
    course = await courses.course(services, enrolment.course_id, enrolment.course_version)
    if course is None:
        raise NotEnrolled
    return Explanation(
        enrolment,
        course,
        STATES.decode(enrolment.states),
        SCORES.decode(enrolment.scores),
        await certificates.learner(services, batch_id, user_id),
    )


def show(explanation: Explanation) -> dict[str, Any]:
    """As JSON: where the learner stands, what is missing by name, the units, the scores and the certificates."""
    enrolment, course, states = explanation.enrolment, explanation.course, explanation.states
    leaves = course.leaf_node_by_id
    done = [content_id for content_id in course.required_ids if content_id in states and states[content_id].status == 2]
    return {
        "userId": enrolment.user_id,
        "batchId": enrolment.batch_id,
        "courseId": course.course_id,
        "courseVersion": course.version,
        "active": enrolment.active,
        "status": enrolment.status,
        "completionPercentage": enrolment.percentage,
        "because": rules.because(enrolment.status, len(done), len(course.required_ids)),
        "completedOn": enrolment.completed_at,
        "missing": [
            {
                "contentId": content_id,
                "name": leaves[content_id].name,
                "status": states[content_id].status if content_id in states else 0,
            }
            for content_id in rules.missing(course, states)
        ],
        "optional": sorted(course.optional_ids),
        "units": rules.unit_progress(course, states),
        "scores": {
            content_id: {"best": score.best, "maxScore": score.max_score, "attempts": score.attempts}
            for content_id, score in explanation.scores.items()
        },
        "certificates": certificates.show_learner(explanation.certificates),
    }
