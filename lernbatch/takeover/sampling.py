"""A sample of learners whose lists and states both services are asked for, and whose answers are compared (M39)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import msgspec

from lernbatch.database.db import Connection
from lernbatch.shadow import known
from lernbatch.shadow.compare import Terms, compare
from lernbatch.shadow.model import Answer
from lernbatch.shadow.redaction import shown
from lernbatch.shadow.rules import Calls
from lernbatch.takeover import actions
from lernbatch.takeover.database import Q
from lernbatch.takeover.passes import Watch

EXAMPLES = 20
# Asks a service: method, path, body. Raises: shadow.comparer.Unasked.
Ask: TypeAlias = Callable[[str, str, bytes], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class DrawnEnrolment:
    """An enrolment of a learner of the sample."""

    user_id: str
    batch_id: str
    course_id: str


@dataclass(slots=True)
class Sample:
    """How far both agreed. `explained`: differences that are known; `examples`: route, place and learner, without
    values that are texts.
    """

    learners: int = 0
    answers: int = 0
    explained: int = 0
    differences: int = 0
    examples: list[str] = field(default_factory=list)


async def compare_answers(
    conn: Connection, count: int, seed: int, calls: Calls, old: Ask, ours: Ask, watch: Watch
) -> Sample:
    """Ask both for the list of enrolments and the states of `count` learners, drawn by `seed` alone.

    Raises: shadow.comparer.Unasked, when one of them does not answer.
    """
    drawn = await actions.permanent(conn).all(DrawnEnrolment, Q.learners_drawn, seed=str(seed), count=count)
    batches: dict[str, list[DrawnEnrolment]] = {}
    for enrolment in drawn:
        batches.setdefault(enrolment.user_id, []).append(enrolment)
    sample, rules = Sample(len(batches)), known.rules()
    for number, (user_id, enrolments) in enumerate(batches.items()):
        watch("learners compared", number, len(batches))
        requests = [("GET", f"/private/v1/user/courses/list/{user_id}", b"")]
        for enrolment in enrolments:
            request = {"userId": user_id, "courseId": enrolment.course_id, "batchId": enrolment.batch_id}
            body = msgspec.json.encode({"request": {**request, "fields": ["progress", "score"]}})
            requests.append(("POST", "/private/v1/content/state/read", body))
        for method, path, body in requests:
            called = calls.find(method, path)
            comparison = compare(
                await old(method, path, body), await ours(method, path, body), Terms(unordered=called.unordered)
            )
            sample.answers += 1
            for difference in known.explained(called.route, comparison.differences, rules):
                if difference.explained:
                    sample.explained += 1
                    continue
                place = f"{called.route}: {difference.kind} {difference.path}"
                sample.differences += 1
                if len(sample.examples) < EXAMPLES:
                    values = f"{shown(difference.primary)} there, {shown(difference.candidate)} here"
                    sample.examples.append(f"{place} of {user_id}: {values}")
    return sample
