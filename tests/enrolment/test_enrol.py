"""Coming into a batch: contract enrolment §2.1, case by case."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.learning import SUCCESS, enrol, enrolled, known_learner, new_batch, new_learner, refusal, row, unenrol
from tests.people import ADMIN, MEERA, RAVI, VIKRAM, Person
from tests.running import Running
from tests.seeds import COURSE, SECOND_COURSE

ENDED = (400, "COURSE_BATCH_ALREADY_COMPLETED", "Course batch is already completed.")
WRONG_TYPE = (400, "ENROLLMENT_TYPE_VALIDATION", "Enrollment type should be invite-only.")


def test_a_learner_enrols_and_is_added_by_himself(service: Running) -> None:
    batch_id, asha = new_batch(service), new_learner()
    answer = enrol(service, asha, batch_id)
    assert (answer.json()["id"], answer.json()["result"]) == ("api.course.enroll", SUCCESS)
    stored = row(service, asha, batch_id)
    assert (stored["active"], stored["status"], stored["progress"]) == (True, 0, 0)
    assert (stored["added_by"], stored["added_how"]) == (asha.user_id, "self")


def test_the_gateways_path_enrols_too(service: Running) -> None:
    batch_id = new_batch(service)
    request = {"collectionId": COURSE, "batchId": batch_id}
    assert service.call("POST", "/api/course/v1/enrol", new_learner(), request).json()["result"] == SUCCESS


def test_e01_without_a_token_nobody_enrols(service: Running) -> None:
    answer = service.call("POST", "/v1/course/enroll", None, {"courseId": COURSE, "batchId": "1"})
    assert refusal(answer) == (401, "UNAUTHORIZED_USER", "You are not authorized.")
    assert answer.json()["responseCode"] == "CLIENT_ERROR"


def test_e02_the_open_list_needs_somebody(service: Running) -> None:
    answer = service.call("POST", "/v2/user/courses/list", None, {})
    assert refusal(answer) == (401, "UNAUTHORIZED_USER", "You are not authorized.")
    assert (answer.json()["responseCode"], answer.json()["params"]["status"]) == ("UNAUTHORIZED", "UNAUTHORIZED_USER")


@pytest.mark.parametrize(
    ("request_body", "parameter"),
    [
        pytest.param({"batchId": "1"}, "courseId/collectionId", id="e03"),
        pytest.param(
            {"courseId": None, "collectionId": COURSE, "batchId": "1"}, "courseId/collectionId", id="e03_null"
        ),
        pytest.param({"courseId": COURSE, "batchId": " "}, "batchId", id="e04"),
    ],
)
def test_e03_e04_a_missing_id_is_named(service: Running, request_body: object, parameter: str) -> None:
    answer = service.call("POST", "/v1/course/enroll", new_learner(), request_body)
    text = f"Mandatory parameter {parameter} is missing."
    assert refusal(answer) == (400, "MANDATORY_PARAMETER_MISSING", text)


def test_e05_an_administrator_names_the_user(service: Running) -> None:
    request = {"courseId": COURSE, "batchId": new_batch(service)}
    answer = service.call("POST", "/v1/course/admin/enroll", VIKRAM, request)
    assert refusal(answer) == (400, "MANDATORY_PARAMETER_MISSING", "Mandatory parameter userId is missing.")


def test_e06_the_batch_must_be_of_the_course(service: Running) -> None:
    unknown = (400, "INVALID_COURSE_BATCH_ID", "Invalid course batch id ")
    assert refusal(enrol(service, new_learner(), "0")) == unknown
    assert refusal(enrol(service, new_learner(), new_batch(service), SECOND_COURSE)) == unknown


def test_e07_an_unknown_enrolment_type_is_refused(service: Running) -> None:
    batch_id = new_batch(service)
    service.sql("UPDATE batch SET enrolment_type = 'secret' WHERE batch_id = $1", batch_id)
    assert refusal(enrol(service, new_learner(), batch_id)) == WRONG_TYPE


def test_e07_learners_do_not_enrol_themselves_into_an_invite_only_batch(service: Running) -> None:
    batch_id = new_batch(service, enrollmentType="invite-only")
    assert refusal(enrol(service, new_learner(), batch_id)) == WRONG_TYPE


def test_e08_a_batch_is_closed_the_day_after_its_end(service: Running) -> None:
    batch_id, learner = new_batch(service, days=3), new_learner()
    service.sql("UPDATE batch SET enrolment_end_date = end_date WHERE batch_id = $1", batch_id)
    today = service.clock.today()
    service.clock.move_to(today + timedelta(days=3), hour=23)
    assert enrol(service, new_learner(), batch_id).status_code == 200
    service.clock.move_to(today + timedelta(days=4), hour=0)
    assert refusal(enrol(service, learner, batch_id)) == ENDED


def test_e09_enrolment_closes_the_day_before_the_end_when_nothing_else_is_said(service: Running) -> None:
    batch_id = new_batch(service, days=3)
    today = service.clock.today()
    service.clock.move_to(today + timedelta(days=2), hour=23)
    assert enrol(service, new_learner(), batch_id).status_code == 200
    service.clock.move_to(today + timedelta(days=3), hour=0)
    closed = (400, "COURSE_BATCH_ENROLLMENT_DATE_ENDED", "Course batch enrollment date has ended.")
    assert refusal(enrol(service, new_learner(), batch_id)) == closed


def test_e10_who_is_enrolled_is_not_enrolled_again(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    again = (400, "USER_ALREADY_ENROLLED_COURSE", "User has already Enrolled this course .")
    assert refusal(enrol(service, asha, batch_id)) == again


def test_an_upcoming_batch_takes_learners(service: Running) -> None:
    start = (service.clock.today() + timedelta(days=5)).isoformat()
    assert enrol(service, new_learner(), new_batch(service, startDate=start)).status_code == 200


def test_coming_back_restores_progress_and_the_first_date(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    service.sql("UPDATE enrolment SET progress = 1, status = 1 WHERE user_id = $1", asha.user_id)
    first = row(service, asha, batch_id)
    assert unenrol(service, asha, batch_id).status_code == 200
    assert row(service, asha, batch_id)["active"] is False
    assert enrol(service, asha, batch_id).status_code == 200
    again = row(service, asha, batch_id)
    assert None not in (again["left_at"], again["returned_at"])
    assert {**again, "left_at": None, "returned_at": None} == first


def test_a_child_is_enrolled_on_whose_behalf_the_parent_asks(service: Running) -> None:
    batch_id, parent, child = new_batch(service), new_learner(), new_learner("Kavya")
    assert enrol(service, parent, batch_id, child=child).status_code == 200
    stored = row(service, child, batch_id)
    assert (stored["user_id"], stored["added_by"]) == (child.user_id, parent.user_id)


def test_the_body_cannot_enrol_somebody_else(service: Running) -> None:
    batch_id, asha, victim = new_batch(service), new_learner(), new_learner()
    body = {
        "context": {"requestedFor": victim.user_id},
        "request": {"courseId": COURSE, "batchId": batch_id, "userId": victim.user_id},
    }
    answer = service.http.post("/v1/course/enroll", json=body, headers=service.headers(asha))
    assert answer.status_code == 200
    assert row(service, asha, batch_id)["active"]
    assert service.sql("SELECT 1 FROM enrolment WHERE user_id = $1", victim.user_id) == []


@pytest.mark.parametrize("person", [VIKRAM, ADMIN])
def test_creator_and_administrator_enrol_into_an_invite_only_batch(service: Running, person: Person) -> None:
    batch_id, asha = new_batch(service, enrollmentType="invite-only"), known_learner(service)
    request = {"courseId": COURSE, "batchId": batch_id, "userId": asha.user_id}
    assert service.call("POST", "/v1/course/admin/enroll", person, request).json()["result"] == SUCCESS
    stored = row(service, asha, batch_id)
    assert (stored["added_how"], stored["added_by"]) == ("hand", person.user_id)


def test_a_stranger_enrols_nobody(service: Running) -> None:
    request = {"courseId": COURSE, "batchId": new_batch(service), "userId": new_learner().user_id}
    answer = service.call("POST", "/v1/course/admin/enroll", RAVI, request)
    assert refusal(answer) == (401, "UNAUTHORIZED_USER", "You are not authorized.")


def test_a_mentor_adds_and_removes_several_by_the_portals_paths(service: Running) -> None:
    batch_id = new_batch(service, enrollmentType="invite-only", mentors=[MEERA.user_id])
    asha, kavya = known_learner(service), known_learner(service)
    request = {"userIds": [asha.user_id, kavya.user_id, asha.user_id]}
    added = service.call("POST", f"/v1/course/batch/users/add/{batch_id}", MEERA, request)
    assert added.json()["result"] == {**SUCCESS, asha.user_id: "SUCCESS", kavya.user_id: "SUCCESS"}
    again = service.call("POST", f"/api/course/v1/batch/user/add/{batch_id}", MEERA, request)
    assert again.json()["result"][kavya.user_id] == "User has already Enrolled this course ."
    removed = service.call("POST", f"/api/course/v1/batch/user/remove/{batch_id}", MEERA, {"userIds": [asha.user_id]})
    assert removed.json()["result"] == {**SUCCESS, asha.user_id: "SUCCESS"}
    assert (row(service, asha, batch_id)["active"], row(service, kavya, batch_id)["active"]) == (False, True)


def test_enrolment_waits_for_its_start_date(service: Running) -> None:
    batch_id = new_batch(service)
    tomorrow = service.clock.today() + timedelta(days=1)
    service.sql("UPDATE batch SET enrolment_start_date = $2 WHERE batch_id = $1", batch_id, tomorrow)
    assert refusal(enrol(service, new_learner(), batch_id))[1] == "COURSE_BATCH_ENROLLMENT_NOT_STARTED"
    service.clock.move(days=1)
    assert enrol(service, new_learner(), batch_id).status_code == 200


def test_a_full_batch_takes_nobody_until_somebody_leaves(service: Running) -> None:
    batch_id = new_batch(service, capacity=1)
    asha, kavya = enrolled(service, batch_id), new_learner()
    assert refusal(enrol(service, kavya, batch_id)) == (
        400,
        "COURSE_BATCH_CAPACITY_REACHED",
        "Course batch has no seat left.",
    )
    assert unenrol(service, asha, batch_id).status_code == 200
    assert enrol(service, kavya, batch_id).status_code == 200
