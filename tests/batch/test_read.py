"""Reading one batch, and the ids of its learners: RD1, RD2 and P1 to P4 (contract batches §3.3, §3.5)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.batch.calls import PARTICIPANTS, READ, create, day, form_d, missing, read, refused
from tests.batch.lame import Lame
from tests.people import ADMIN, ASHA, HOME_ORG, IMRAN, KAVYA, MEERA, RAVI, VIKRAM, Person
from tests.rows import enrolled
from tests.running import Running
from tests.seeds import COURSE


def test_rd1_an_unknown_batch_is_an_empty_answer(service: Running) -> None:
    answer = service.call("GET", f"{READ}/0140", ASHA)
    assert (answer.status_code, answer.json()["result"]) == (200, {"response": {}})


def test_rd2_a_database_that_does_not_answer_is_form_d(lame: Lame) -> None:
    with lame.database_locked("batch", for_readers=True):
        form_d(lame.service.call("GET", f"{READ}/0140", ASHA))


def test_a_batch_is_read_as_it_was_made(service: Running) -> None:
    batch_id = create(service, description="first run", mentors=[MEERA.user_id], enrollmentEndDate=day(service, 7))
    document = read(service, batch_id)
    assert document.pop("createdDate").endswith("+0530")
    assert document == {
        "identifier": batch_id,
        "id": batch_id,
        "batchId": batch_id,
        "courseId": COURSE,
        "collectionId": COURSE,
        "name": "June cohort",
        "description": "first run",
        "enrollmentType": "open",
        "status": 1,
        "startDate": day(service),
        "endDate": day(service, 30),
        "enrollmentEndDate": day(service, 7),
        "effectiveEnrollmentEndDate": day(service, 7),
        "createdBy": VIKRAM.user_id,
        "createdFor": [HOME_ORG],
        "mentors": [MEERA.user_id],
        "updatedDate": None,
        "certTemplates": {},
        "cert_templates": {},
    }


def test_any_user_may_read_also_by_the_gateways_path(service: Running) -> None:
    batch_id = create(service)
    answer = service.call("GET", f"/api/course/v1/batch/read/{batch_id}", RAVI)
    assert answer.json()["result"]["response"]["batchId"] == batch_id
    assert answer.json()["id"] == "api.course.batch.read"
    assert service.call("GET", f"{READ}/{batch_id}").status_code == 401


def test_p1_a_batch_must_be_asked_for(service: Running) -> None:
    requests: list[dict[str, Any]] = [{}, {"batch": {}}, {"batch": None}]
    for request in requests:
        answer = service.call("POST", PARTICIPANTS, VIKRAM, request)
        refused(answer, "INVALID_REQUESTED_DATA", "Requested data for this operation is not valid.")


@pytest.mark.parametrize("batch", [{"active": True}, {"batchId": ""}, {"batchId": None}])
def test_p2_the_batch_id_is_mandatory(service: Running, batch: dict[str, object]) -> None:
    missing(service.call("POST", PARTICIPANTS, VIKRAM, {"batch": batch}), "batchId")


@pytest.mark.parametrize("batch", ["0140", [], 1, {"batchId": "0", "active": "yes"}, {"batchId": "0", "active": None}])
def test_p3_a_batch_of_another_shape_is_form_d(service: Running, batch: object) -> None:
    form_d(service.call("POST", PARTICIPANTS, VIKRAM, {"batch": batch}))


def test_p4_a_database_that_does_not_answer_is_form_b(lame: Lame) -> None:
    with lame.database_locked("enrolment", for_readers=True):
        answer = lame.service.call("POST", PARTICIPANTS, VIKRAM, {"batch": {"batchId": "0140"}})
    refused(answer, None, None, 500)


def test_participants_are_those_who_stayed_or_those_who_left(service: Running) -> None:
    batch_id = create(service)
    enrolled(service, batch_id, ASHA, KAVYA)
    enrolled(service, batch_id, IMRAN, active=False)
    path = "/api/course/v1/batch/participants/list"
    answer = service.call("POST", path, VIKRAM, {"batch": {"batchId": batch_id}})
    expected = sorted((ASHA.user_id, KAVYA.user_id))
    assert answer.json()["result"] == {"batch": {"count": 2, "participants": expected}}
    assert answer.json()["id"] == "api.batch.participants.list"
    answer = service.call("POST", PARTICIPANTS, VIKRAM, {"batch": {"batchId": batch_id, "active": False}})
    assert answer.json()["result"]["batch"] == {"count": 1, "participants": [IMRAN.user_id]}


def test_who_does_not_manage_the_batch_is_told_how_many_there_are_and_finds_only_himself(service: Running) -> None:
    batch_id = create(service, mentors=[MEERA.user_id])
    enrolled(service, batch_id, ASHA, KAVYA)

    def told(person: Person, **more: Any) -> dict[str, Any]:
        answer = service.call("POST", PARTICIPANTS, person, {"batch": {"batchId": batch_id, **more}})
        return dict(answer.json()["result"]["batch"])

    everybody = {"count": 2, "participants": sorted((ASHA.user_id, KAVYA.user_id))}
    assert [told(person) for person in (VIKRAM, MEERA, ADMIN)] == [everybody] * 3
    assert told(ASHA) == {"count": 2, "participants": [ASHA.user_id]}
    assert told(RAVI) == told(IMRAN) == {"count": 2, "participants": []}
    assert told(ASHA, active=False) == {"count": 0, "participants": []}
    parent = service.call("POST", PARTICIPANTS, IMRAN, {"batch": {"batchId": batch_id}}, child=KAVYA)
    assert parent.json()["result"]["batch"] == {"count": 2, "participants": [KAVYA.user_id]}


def test_participants_can_be_asked_for_page_by_page(service: Running) -> None:
    batch_id = create(service)
    enrolled(service, batch_id, ASHA, KAVYA, IMRAN)
    page = {"batchId": batch_id, "limit": 1, "offset": 1}
    batch = service.call("POST", PARTICIPANTS, VIKRAM, {"batch": page}).json()["result"]["batch"]
    assert batch == {"count": 3, "participants": [sorted((ASHA.user_id, KAVYA.user_id, IMRAN.user_id))[1]]}


def test_an_unknown_batch_has_no_participants(service: Running) -> None:
    answer = service.call("POST", PARTICIPANTS, VIKRAM, {"batch": {"batchId": "0140"}})
    assert answer.json()["result"] == {"batch": {"count": 0, "participants": []}}
