"""Every figure that is shown of a learner agrees with every other, at every door, and 100 % is all of them."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import pyzipper

from lernbatch.course import actions as courses
from lernbatch.exhaust import jobs as exhausts
from lernbatch.progress import recomputing
from sandbox import importing, published
from tests.learning import complete, enrol, new_batch, new_learner, states
from tests.people import VIKRAM, Person
from tests.running import Running
from tests.seeds import course as tree
from tests.seeds import leaf, unit

OPTIONAL: dict[str, Any] = {"relationalMetadata": {"optional": True}}


def publish(service: Running, course_id: str, children: list[dict[str, Any]], version: int = 1) -> None:
    """The content service has the course, in that publication, and this service has seen it."""
    node = tree(course_id, "Figures", *children, pkgVersion=version, versionKey=str(version))

    async def put() -> None:
        async with service.services.pool.acquire() as conn:
            await importing.put_course(conn, published.read_course({"result": {"content": node}}), datetime.now(UTC))
        await courses.refresh(service.services, course_id)

    service.run(put())


def figures(service: Running, person: Person, batch_id: str, course_id: str) -> dict[str, tuple[Any, ...]]:
    """What each door says: how many contents are done, of how many, and the percentage; None where it does not say."""
    path = f"/v1/user/courses/list/{person.user_id}"
    (listed,) = service.call("GET", path, person).json()["result"]["courses"]
    assert listed["content"]["leafNodesCount"] == listed["leafNodesCount"]
    explained = service.call("GET", f"/v1/course/enrollment/explain?batchId={batch_id}", person).json()["result"]
    read = states(service, person, batch_id, course_id)
    required = {entry["contentId"] for entry in explained["missing"]}
    done = {key for key, state in read.items() if state["status"] == 2} - set(explained["optional"])
    group_id = str(uuid4())
    member = {"userId": person.user_id, "name": "Asha", "role": "member"}
    service.sql("INSERT INTO sandbox_group VALUES ($1, 'Class', $2)", group_id, [member])
    asked = {"groupId": group_id, "activityId": course_id, "activityType": "Course"}
    (aggregated,) = service.call("POST", "/v1/group/activity/agg", person, asked).json()["result"]["members"]
    (count,) = [metric["value"] for metric in aggregated["agg"] if metric["metric"] == "completedCount"]
    return {
        "list": (listed["progress"], listed["leafNodesCount"], listed["completionPercentage"]),
        "explain": (len(done), len(done) + len(required), explained["completionPercentage"]),
        "aggregate": (int(count), None, None),
        "exhaust": (None, None, exhausted(service, person, batch_id, course_id)),
    }


def exhausted(service: Running, person: Person, batch_id: str, course_id: str) -> int:
    """The learner's percentage in the progress exhaust."""
    request = {
        "dataset": "progress-exhaust",
        "tag": f"{course_id}_{batch_id}_{uuid4().hex}",
        "datasetConfig": {"batchId": batch_id},
        "encryptionKey": "abc12345",
        "outputFormat": "csv",
    }
    submitted = service.call("POST", "/v1/jobrequest/submit", VIKRAM, request, headers={"X-Channel-ID": VIKRAM.org_id})
    assert submitted.status_code == 200, submitted.text
    while service.run(exhausts.run_due(service.services)):
        pass
    path = f"/v1/jobrequest/list/{request['tag']}"
    (job,) = service.call("GET", path, VIKRAM, headers={"X-Channel-ID": VIKRAM.org_id}).json()["result"]["jobs"]
    (url,) = job["downloadUrls"]
    return read_percentage(service, url, person)


def read_percentage(service: Running, url: str, person: Person) -> int:
    body = service.http.get("/" + url.split("/", 3)[3]).content
    with pyzipper.ZipFile(io.BytesIO(body)) as packed:
        packed.setpassword(b"abc12345")
        text = packed.read(packed.namelist()[0]).decode()
    (row,) = [row for row in csv.DictReader(io.StringIO(text)) if row["User UUID"] == person.user_id]
    return int(row["Progress"])


def check(found: dict[str, tuple[Any, ...]], done: int, of: int) -> None:
    """The exhaust rounds half up, as the contract's does, the others down; and neither to 100 before all are done."""
    rounded = 100 if done == of else min(99, int(done * 100 / of + 0.5))
    for door, told in found.items():
        expected = (done, of, rounded if door == "exhaust" else done * 100 // of)
        assert all(value in (None, wanted) for value, wanted in zip(told, expected, strict=True)), (door, told)


A, B, C, X = ("do_a", "do_b", "do_c", "do_x")
TREES = [
    pytest.param(
        [unit("u1", "One", leaf(A, "A"), leaf(X, "X", **OPTIONAL)), unit("u2", "Two", leaf(B, "B"), leaf(X, "X"))],
        (A, B, X),
        id="optional, then required",
    ),
    pytest.param(
        [unit("u1", "One", leaf(A, "A"), leaf(X, "X")), unit("u2", "Two", leaf(B, "B"), leaf(X, "X", **OPTIONAL))],
        (A, B, X),
        id="required, then optional",
    ),
    pytest.param(
        [unit("u1", "One", leaf(A, "A"), leaf(X, "X", **OPTIONAL)), unit("u2", "Two", leaf(B, "B"))],
        (A, B),
        id="optional everywhere",
    ),
    pytest.param(
        [{**unit("u1", "One", leaf(A, "A"), leaf(X, "X")), **OPTIONAL}, unit("u2", "Two", leaf(B, "B"), leaf(A, "A"))],
        (A, B),
        id="an optional unit",
    ),
]


@pytest.mark.parametrize(("children", "required"), TREES)
def test_all_doors_agree_at_each_step(
    service: Running, children: list[dict[str, Any]], required: tuple[str, ...]
) -> None:
    course_id = f"do_{uuid4().int % 10**19}"
    publish(service, course_id, children)
    batch_id, asha = new_batch(service, course_id), new_learner()
    enrol(service, asha, batch_id, course_id)
    for number, content_id in enumerate(required, start=1):
        complete(service, asha, batch_id, content_id, course=course_id)
        check(figures(service, asha, batch_id, course_id), number, len(required))
    complete(service, asha, batch_id, X, course=course_id)
    check(figures(service, asha, batch_id, course_id), len(required), len(required))


def test_who_completed_is_not_measured_again_by_a_course_that_grew(service: Running) -> None:
    course_id = f"do_{uuid4().int % 10**19}"
    publish(service, course_id, [leaf(A, "A"), leaf(B, "B")])
    batch_id, asha, kavya = new_batch(service, course_id), new_learner(), new_learner()
    for person, contents in ((asha, (A, B)), (kavya, (A,))):
        enrol(service, person, batch_id, course_id)
        complete(service, person, batch_id, *contents, course=course_id)
    publish(service, course_id, [leaf(A, "A"), leaf(B, "B"), leaf(C, "C"), leaf(X, "X")], version=2)
    service.clock.move(minutes=5)
    while service.run(recomputing.follow_republication(service.services)):
        pass
    found = figures(service, asha, batch_id, course_id)
    assert (found["list"], found["aggregate"][0], found["exhaust"][2]) == ((2, 2, 100), 2, 100)
    path = f"/v1/course/enrollment/explain?batchId={batch_id}"
    because = service.call("GET", path, asha).json()["result"]["because"]
    assert because == "completed, which it stays: the course has 2 more required contents since then"
    check(figures(service, kavya, batch_id, course_id), 1, 4)


def test_a_batch_that_ended_is_shown_by_the_tree_that_it_ended_with(service: Running) -> None:
    course_id = f"do_{uuid4().int % 10**19}"
    publish(service, course_id, [leaf(A, "A"), leaf(B, "B")])
    batch_id, asha = new_batch(service, course_id, days=2), new_learner()
    enrol(service, asha, batch_id, course_id)
    complete(service, asha, batch_id, A, course=course_id)
    service.sql("UPDATE batch SET status = 2 WHERE batch_id = $1", batch_id)
    publish(service, course_id, [leaf(A, "A"), leaf(B, "B"), leaf(C, "C"), leaf(X, "X")], version=2)
    service.clock.ahead += timedelta(minutes=5)
    while service.run(recomputing.follow_republication(service.services)):
        pass
    check(figures(service, asha, batch_id, course_id), 1, 2)
