"""What tests of enrolment and progress do again and again: a batch, a new learner, a report of a content."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx

from sandbox import importing, published
from tests.people import HOME_ORG, VIKRAM, Person
from tests.running import Running
from tests.seeds import COURSE, VIDEO, leaf
from tests.seeds import course as sandbox_course

ENROLMENT = "SELECT *, coalesce(states_text::jsonb, states) AS states FROM enrolment"  # in whichever form they are

SUCCESS = {"response": "SUCCESS"}


def new_learner(name: str = "Asha") -> Person:
    """Somebody nobody has seen before, so that tests can share a service."""
    return Person(str(uuid4()), name, "K")


def known_learner(service: Running, name: str = "Asha", org_id: str = HOME_ORG, status: int = 1) -> Person:
    """Somebody nobody has seen before, whom the user service knows: others can bring them into a batch."""
    person = replace(new_learner(name), org_id=org_id)
    service.sql(
        "INSERT INTO sandbox_person (user_id, first_name, last_name, org_id, status) VALUES ($1, $2, 'K', $3, $4)",
        person.user_id,
        name,
        org_id,
        status,
    )
    return person


def new_batch(service: Running, course: str = COURSE, *, days: int | None = 30, **fields: Any) -> str:
    """A batch of Vikram's that starts today; `days` None: without an end."""
    today = service.clock.today()
    request = {
        "courseId": course,
        "name": "June",
        "enrollmentType": "open",
        "startDate": today.isoformat(),
        "createdFor": [HOME_ORG],
        **({} if days is None else {"endDate": (today + timedelta(days=days)).isoformat()}),
        **fields,
    }
    answer = service.call("POST", "/v1/course/batch/create", VIKRAM, request)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["result"]["batchId"])


def enrol(service: Running, person: Person, batch_id: str, course: str = COURSE, **kwargs: Any) -> httpx.Response:
    return service.call("POST", "/v1/course/enroll", person, {"courseId": course, "batchId": batch_id}, **kwargs)


def unenrol(service: Running, person: Person, batch_id: str, course: str = COURSE) -> httpx.Response:
    return service.call("POST", "/v1/course/unenroll", person, {"courseId": course, "batchId": batch_id})


def enrolled(service: Running, batch_id: str, course: str = COURSE) -> Person:
    """A new learner who is in the batch."""
    person = new_learner()
    assert enrol(service, person, batch_id, course).json()["result"] == SUCCESS
    return person


def item(batch_id: str, content_id: str = VIDEO, status: int = 2, course: str = COURSE, **more: Any) -> dict[str, Any]:
    """One of the `contents` of an update."""
    return {"contentId": content_id, "courseId": course, "batchId": batch_id, "status": status, **more}


def at(moment: datetime) -> str:
    """2026-02-03 10:20:30:456+0530"""
    return f"{moment:%Y-%m-%d %H:%M:%S}:{moment.microsecond // 1000:03d}{moment:%z}"


def report(service: Running, person: Person, *contents: dict[str, Any], **more: Any) -> httpx.Response:
    """A content state update of `contents`."""
    request = {"userId": person.user_id, "contents": list(contents), **more}
    return service.call("PATCH", "/v1/content/state/update", person, request)


def complete(
    service: Running, person: Person, batch_id: str, *content_ids: str, course: str = COURSE
) -> httpx.Response:
    return report(service, person, *(item(batch_id, content_id, course=course) for content_id in content_ids))


def states(service: Running, person: Person, batch_id: str, course: str = COURSE, **more: Any) -> dict[str, Any]:
    """Content id → what the state read says of it."""
    request = {"courseId": course, "batchId": batch_id, **more}
    answer = service.call("POST", "/v1/content/state/read", person, request)
    assert answer.status_code == 200, answer.text
    return {state["contentId"]: state for state in answer.json()["result"]["contentList"]}


def row(service: Running, person: Person, batch_id: str) -> dict[str, Any]:
    """The enrolment as it is stored."""
    found = service.sql(f"{ENROLMENT} WHERE user_id = $1 AND batch_id = $2", person.user_id, batch_id)
    return dict(found[0])


def refusal(answer: httpx.Response) -> tuple[int, str | None, str | None]:
    """Status, code and text of a failure."""
    params = answer.json()["params"]
    return answer.status_code, params["err"], params["errmsg"]


def republish(service: Running, course_id: str, version: int, *content_ids: str, name: str = "Moving") -> None:
    """The content service has a course of these contents, in that version."""
    tree = sandbox_course(
        course_id, name, *(leaf(content_id, content_id) for content_id in content_ids), pkgVersion=version
    )

    async def put() -> None:
        async with service.services.pool.acquire() as conn:
            published_course = published.read_course({"result": {"content": tree}})
            await importing.put_course(conn, published_course, service.clock.now())

    service.run(put())
