"""The flag that says whether learners may leave a batch, and when enrolment ends where nobody said so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from lernbatch.batch import jobs
from tests.learning import SUCCESS, enrol, enrolled, new_batch, new_learner, refusal, unenrol
from tests.people import VIKRAM
from tests.running import Running, running
from tests.seeds import COURSE


def shown(service: Running, batch_id: str) -> dict[str, Any]:
    answer = service.call("GET", f"/v1/course/batch/read/{batch_id}", VIKRAM)
    return dict(answer.json()["result"]["response"])


def change(service: Running, batch_id: str, **fields: Any) -> Any:
    request = {"courseId": COURSE, "id": batch_id, "startDate": service.clock.today().isoformat(), **fields}
    return service.call("PATCH", "/v1/course/batch/update", VIKRAM, request)


@pytest.mark.parametrize(("allowed", "policy"), [(True, "always"), (False, "never")])
def test_the_flag_is_kept_as_the_leave_policy_and_shown_beside_it(service: Running, allowed: bool, policy: str) -> None:
    batch_id = new_batch(service, isUnenrollmentAllowed=allowed)
    found = shown(service, batch_id)
    assert (found["isUnenrollmentAllowed"], found["leavePolicy"]) == (allowed, policy)
    asha = enrolled(service, batch_id)
    answer = unenrol(service, asha, batch_id)
    assert (answer.json()["result"] == SUCCESS) is allowed
    assert allowed or refusal(answer)[1] == "COURSE_BATCH_LEAVE_NOT_ALLOWED"


def test_the_flag_can_be_changed_and_taken_away(service: Running) -> None:
    batch_id = new_batch(service)
    assert "isUnenrollmentAllowed" not in shown(service, batch_id)
    for allowed, policy in ((False, "never"), (True, "always")):
        assert change(service, batch_id, isUnenrollmentAllowed=allowed).status_code == 200
        assert shown(service, batch_id)["leavePolicy"] == policy
    assert change(service, batch_id, isUnenrollmentAllowed=None).status_code == 200
    assert "leavePolicy" not in shown(service, batch_id)


def test_a_policy_that_depends_on_the_day_is_shown_as_it_is_today(service: Running) -> None:
    tomorrow = (service.clock.today() + timedelta(days=1)).isoformat()
    batch_id = new_batch(service, startDate=tomorrow, leavePolicy="until-start")
    assert shown(service, batch_id)["isUnenrollmentAllowed"] is True
    service.clock.move(days=2)
    assert shown(service, batch_id)["isUnenrollmentAllowed"] is False


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"isUnenrollmentAllowed": "false"}, 400),
        ({"isUnenrollmentAllowed": 1}, 400),
        ({"isUnenrollmentAllowed": True, "leavePolicy": "never"}, 400),
        ({"isUnenrollmentAllowed": False, "leavePolicy": "always"}, 400),
        ({"isUnenrollmentAllowed": True, "leavePolicy": "always"}, 200),
        ({"isUnenrollmentAllowed": False, "leavePolicy": "until-start"}, 200),
        ({"isUnenrollmentAllowed": None, "leavePolicy": "never"}, 200),
    ],
)
def test_a_flag_that_is_none_or_says_the_contrary_is_refused(
    service: Running, sent: dict[str, Any], status: int
) -> None:
    answer = change(service, new_batch(service), **sent)
    assert answer.status_code == status
    assert status == 200 or refusal(answer)[1] == "INVALID_PARAMETER_VALUE"


def test_the_lists_of_batches_and_courses_show_the_flag(service: Running) -> None:
    batch_id = new_batch(service, isUnenrollmentAllowed=False)
    found = service.call("POST", "/v1/course/batch/search", None, {"filters": {"batchId": batch_id}})
    assert found.json()["result"]["response"]["content"][0]["isUnenrollmentAllowed"] is False
    asha = enrolled(service, batch_id)
    path = f"/v1/user/courses/list/{asha.user_id}?batchDetails=name,isUnenrollmentAllowed"
    (course,) = service.call("GET", path, asha).json()["result"]["courses"]
    assert course["batch"]["isUnenrollmentAllowed"] is False


@pytest.fixture(scope="module")
def closing(new_dsn: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service where enrolment ends with the batch, and learners come and go in invite-only batches."""
    home: Path = tmp_path_factory.mktemp("home")
    settings = {"enrolment_closes_days_before_end": 0, "self_enrol_invite_only": True}
    with running(home, new_dsn(), **settings) as service:
        yield service


@pytest.fixture(autouse=True)
def the_real_time(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "closing" in request.fixturenames:
        request.getfixturevalue("closing").clock.ahead *= 0


def test_enrolment_ends_with_the_batch_by_a_setting_and_a_day_before_without(
    closing: Running, service: Running
) -> None:
    for running_service, closes_days_before in ((closing, 0), (service, 1)):
        batch_id = new_batch(running_service, days=10)
        end = running_service.clock.today() + timedelta(days=10)
        last = (end - timedelta(days=closes_days_before)).isoformat()
        assert shown(running_service, batch_id)["effectiveEnrollmentEndDate"] == last
        search = {"filters": {"batchId": batch_id, "effectiveEnrollmentEndDate": last}}
        found = running_service.call("POST", "/v1/course/batch/search", None, search)
        assert found.json()["result"]["response"]["count"] == 1
        preview = {"courseId": COURSE, "id": batch_id, "startDate": running_service.clock.today().isoformat()}
        answer = running_service.call("POST", "/v1/course/batch/preview", VIKRAM, preview)
        assert answer.json()["result"]["response"]["before"]["effectiveEnrollmentEndDate"] == last
        (told,) = running_service.sql(
            "SELECT payload FROM outbox WHERE destination = 'content' AND key = $1 ORDER BY event_id DESC LIMIT 1",
            COURSE,
        )
        listed = {batch["batchId"]: batch["enrollmentEndDate"] for batch in told["payload"]["batches"]}
        assert listed[batch_id] == last
        running_service.clock.move_to(end)
        asha = new_learner()
        assert enrol(running_service, asha, batch_id).status_code == (200 if closes_days_before == 0 else 400)


def test_a_batch_that_nobody_may_leave_is_so_where_learners_come_by_themselves(closing: Running) -> None:
    batch_id = new_batch(closing, enrollmentType="invite-only", isUnenrollmentAllowed=False)
    asha = enrolled(closing, batch_id)
    assert refusal(unenrol(closing, asha, batch_id))[1] == "COURSE_BATCH_LEAVE_NOT_ALLOWED"


def test_another_value_of_the_setting_moves_the_stored_last_day_of_enrolment(closing: Running) -> None:
    today = closing.clock.today()
    chosen = (today + timedelta(days=5)).isoformat()
    follows, fixed = new_batch(closing, days=10), new_batch(closing, days=10, enrollmentEndDate=chosen)
    config = closing.services.config.model_copy(update={"enrolment_closes_days_before_end": 1})
    assert last_days(closing, follows, fixed) == [(today + timedelta(days=10)).isoformat(), chosen]
    assert closing.run(jobs.store_enrolment_ends(closing.services)) == 0
    assert closing.run(jobs.store_enrolment_ends(replace(closing.services, config=config))) >= 2
    assert last_days(closing, follows, fixed) == [(today + timedelta(days=9)).isoformat(), chosen]
    assert closing.run(jobs.store_enrolment_ends(closing.services)) >= 2  # and back again
    assert last_days(closing, follows, fixed) == [(today + timedelta(days=10)).isoformat(), chosen]


def last_days(service: Running, *batch_ids: str) -> list[str]:
    """Of each batch the last day of enrolment by which a search finds it, among the next eleven."""
    days = [(service.clock.today() + timedelta(days=ahead)).isoformat() for ahead in range(12)]
    days_by_batch: dict[str, str] = {}
    for day in days:
        search = {"filters": {"batchId": list(batch_ids), "effectiveEnrollmentEndDate": day}}
        answer = service.call("POST", "/v1/course/batch/search", None, search)
        days_by_batch |= {batch["batchId"]: day for batch in answer.json()["result"]["response"]["content"]}
    return [days_by_batch[batch_id] for batch_id in batch_ids]
