"""What happened to one learner, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.certificate.cohort import Cohort
from tests.learning import complete, enrol, known_learner, new_batch, new_learner, refusal, report, unenrol
from tests.people import RAVI, VIKRAM, Person
from tests.running import Running
from tests.seeds import BOOK, COURSE, PAGE, QUIZ, VIDEO, answer


def history(service: Running, batch_id: str, learner: Person, caller: Person = VIKRAM) -> Any:
    path = f"/v1/course/enrollment/history?batchId={batch_id}&userId={learner.user_id}"
    found = service.call("GET", path, caller)
    assert found.status_code == 200, found.text
    return found.json()["result"]["response"]


def attempt(service: Running, batch_id: str, person: Person, right: int) -> None:
    assessment = {
        "userId": person.user_id,
        "courseId": COURSE,
        "batchId": batch_id,
        "contentId": QUIZ,
        "attemptId": f"attempt {service.clock.now_ms()}",
        "assessmentTs": service.clock.now_ms(),
        "events": [answer(number, 1.0 if number <= right else 0.0) for number in range(1, 5)],
    }
    assert report(service, person, assessments=[assessment]).status_code == 200


@pytest.fixture
def hours(service: Running) -> Iterator[Any]:
    """Each call moves the clock by an hour, so that everything has a moment of its own."""
    service.clock.stop()
    yield lambda: service.clock.move(hours=1)
    service.clock.stopped = None


def test_everything_stands_in_order_with_time_and_who(service: Running, hours: Any) -> None:
    cohort = Cohort(service, new_batch(service, days=90))
    batch_id, asha = cohort.batch_id, known_learner(service)
    cohort.attach()
    for step in (enrol, unenrol, enrol):
        hours()
        assert step(service, asha, batch_id).status_code == 200
    hours()
    attempt(service, batch_id, asha, 1)
    hours()
    contact = {"batchId": batch_id, "userIds": [asha.user_id], "how": "message"}
    assert service.call("POST", "/v1/course/batch/contact/add", VIKRAM, contact).status_code == 200
    hours()
    complete(service, asha, batch_id, VIDEO, BOOK, QUIZ, PAGE)
    hours()
    cohort.work()
    hours()
    certificate_id = cohort.certificates(asha)[0]["certificate_id"]
    change = {"identifier": certificate_id, "status": "revoked", "reason": "an error"}
    answered = service.call("PATCH", "/v1/course/batch/cert/status", VIKRAM, change)
    assert answered.status_code == 200, answered.text
    told = history(service, batch_id, asha)[::-1]
    assert [(entry["what"], entry["by"]) for entry in told] == [
        ("joined", asha.user_id),
        ("left", None),
        ("returned", None),
        ("attempt", asha.user_id),
        ("contacted", VIKRAM.user_id),
        ("completed", asha.user_id),
        ("certificate-issued", None),
        ("certificate-revoked", VIKRAM.user_id),
    ]
    assert [entry["at"] for entry in told] == sorted(entry["at"] for entry in told)
    assert (told[3]["detail"], told[3]["score"], told[3]["maxScore"]) == (QUIZ, 1.0, 4.0)
    assert (told[0]["detail"], told[4]["detail"]) == ("self", "message")


def test_the_learner_sees_the_same_without_contacts(service: Running) -> None:
    batch_id, asha = new_batch(service), new_learner()
    enrol(service, asha, batch_id)
    contact = {"batchId": batch_id, "userIds": [asha.user_id], "how": "phone"}
    assert service.call("POST", "/v1/course/batch/contact/add", VIKRAM, contact).status_code == 200
    assert [entry["what"] for entry in history(service, batch_id, asha, asha)] == ["joined"]
    assert {entry["what"] for entry in history(service, batch_id, asha)} == {"joined", "contacted"}


def test_what_others_did_by_hand_and_by_roster_is_told(service: Running) -> None:
    batch_id, asha, kavya = new_batch(service), known_learner(service), known_learner(service)
    for way in ("add", "remove"):
        users = {"userIds": [asha.user_id]}
        done = service.call("POST", f"/v1/course/batch/users/{way}/{batch_id}", VIKRAM, users)
        assert done.status_code == 200, done.text
    request = {"batchId": batch_id, "userIds": [asha.user_id, kavya.user_id]}
    plan = service.call("POST", "/v1/batch/roster/plan", VIKRAM, request).json()["result"]
    digest = plan.get("hash") or plan["response"]["hash"]
    applied = service.call("POST", "/v1/batch/roster/apply", VIKRAM, request | {"hash": digest})
    assert applied.status_code == 200, applied.text
    told = {entry["what"]: entry["by"] for entry in history(service, batch_id, asha)}
    assert told == {
        "joined": VIKRAM.user_id,
        "enrolled-by-hand": VIKRAM.user_id,
        "removed-by-hand": VIKRAM.user_id,
        "left": None,
        "returned-by-roster": VIKRAM.user_id,
        "returned": None,
    }
    assert "added-by-roster" in [entry["what"] for entry in history(service, batch_id, kavya)]


def test_strangers_do_not_see_it(service: Running) -> None:
    batch_id, asha = new_batch(service), new_learner()
    path = f"/v1/course/enrollment/history?batchId={batch_id}&userId={asha.user_id}"
    assert refusal(service.call("GET", path, VIKRAM))[1] == "USER_NOT_ENROLLED_COURSE"
    enrol(service, asha, batch_id)
    assert service.call("GET", path, RAVI).status_code == 401
    assert refusal(service.call("GET", "/v1/course/enrollment/history", VIKRAM))[1] == "MANDATORY_PARAMETER_MISSING"
