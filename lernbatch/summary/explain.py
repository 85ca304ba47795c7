"""Why a learner is where he is in a batch: status, percentage, what is missing, and what becomes of certificates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lernbatch.batch.rules import may_manage
from lernbatch.certificate import explain as certificates
from lernbatch.course import actions as courses
from lernbatch.course.model import Course
from lernbatch.enrolment.actions import standings
from lernbatch.enrolment.rules import NotEnrolled
from lernbatch.errors import Unauthorized
from lernbatch.progress import actions as progress
from lernbatch.progress import rules
from lernbatch.progress.model import SCORES, STATES, Learner, Scores, States
from lernbatch.services import Services
from lernbatch.web.tokens import Caller


@dataclass(frozen=True, slots=True)
class Explained:
    """One enrolment, with the tree it is measured by."""

    learner: Learner
    course: Course
    states: States
    scores: Scores
    certificates: certificates.LearnerExplanation


async def explain(services: Services, user_id: str, batch_id: str, caller: Caller | None = None) -> Explained:
    """The enrolment, explained. `caller` None: an operator.

    Raises: NotEnrolled; Unauthorized, when it is neither the caller's own nor of a batch they manage.
    """
    standing = (await standings(services.pool, [(user_id, batch_id)])).get((user_id, batch_id))
    if standing is None or standing.active is None:
        raise NotEnrolled
    if caller is not None and not (caller.speaks_for(user_id) or may_manage(caller, standing, services.config)):
        raise Unauthorized
    learner = await progress.learner(services, user_id, batch_id)
    course = await courses.course(services, standing.course_id, learner.course_version)
    if course is None:
        raise NotEnrolled
    return Explained(
        learner,
        course,
        STATES.decode(learner.states or "{}"),
        SCORES.decode(learner.scores or "{}"),
        await certificates.learner(services, batch_id, user_id),
    )


def show(explained: Explained) -> dict[str, Any]:
    """As JSON: where the learner stands, what is missing by name, the units, the scores and the certificates."""
    learner, course, states = explained.learner, explained.course, explained.states
    leaves = course.leaf_node_by_id
    done = [content_id for content_id in course.required_ids if content_id in states and states[content_id].status == 2]
    return {
        "userId": learner.user_id,
        "batchId": learner.batch_id,
        "courseId": course.course_id,
        "courseVersion": course.version,
        "active": learner.active,
        "status": learner.status,
        "completionPercentage": learner.percentage,
        "because": rules.because(learner.status, len(done), len(course.required_ids)),
        "completedOn": learner.completed_at,
        "missing": [
            {"contentId": content_id, "name": leaves[content_id].name, "status": _status(states, content_id)}
            for content_id in rules.missing(course, states)
        ],
        "optional": sorted(course.optional_ids),
        "units": rules.unit_progress(course, states),
        "scores": {
            content_id: {"best": score.best, "maxScore": score.max_score, "attempts": score.attempts}
            for content_id, score in explained.scores.items()
        },
        "certificates": certificates.show_learner(explained.certificates),
    }


def _status(states: States, content_id: str) -> int:
    return states[content_id].status if content_id in states else 0
