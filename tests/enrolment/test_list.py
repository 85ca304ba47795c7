"""The courses a learner is enrolled in: contract enrolment-and-progress §2.5."""

from __future__ import annotations

from typing import Any

from tests.learning import complete, enrolled, item, known_learner, new_batch, new_learner, refusal, report, unenrol
from tests.learning import enrol as enrol_into
from tests.people import ADMIN, RAVI, Person
from tests.running import Running
from tests.seeds import BOOK, COURSE, LEAF_NODES, SECOND_COURSE, VIDEO


def listed(service: Running, person: Person, query: str = "") -> list[dict[str, Any]]:
    answer = service.call("GET", f"/v1/user/courses/list/{person.user_id}{query}", person)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["result"]["courses"])


def test_a_new_enrolment_has_every_field_of_the_contract(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    (course,) = listed(service, asha, "?fields=pkgVersion&batchDetails=name,endDate,status")
    assert course["enrolledDate"] > 1_700_000_000_000
    assert {key: course[key] for key in ("userId", "courseId", "collectionId", "contentId", "batchId", "active")} == {
        "userId": asha.user_id,
        "courseId": COURSE,
        "collectionId": COURSE,
        "contentId": COURSE,
        "batchId": batch_id,
        "active": True,
    }
    assert (course["progress"], course["status"], course["completionPercentage"]) == (0, 0, 0)
    assert (course["courseName"], course["leafNodesCount"]) == ("Early mathematics", 5)
    assert (course["contentStatus"], course["issuedCertificates"], course["oldEnrolledDate"]) == ({}, [], None)
    assert course["content"]["pkgVersion"] == 1
    assert course["content"]["identifier"] == COURSE
    assert set(course["batch"]) == {"name", "endDate", "status", "batchId", "identifier"}
    assert course["batch"]["identifier"] == batch_id


def test_without_batch_details_there_is_no_batch(service: Running) -> None:
    (course,) = listed(service, enrolled(service, new_batch(service)))
    assert "batch" not in course


def test_progress_status_and_percentage_follow_the_contents(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    complete(service, asha, batch_id, VIDEO)
    (course,) = listed(service, asha)
    assert (course["status"], course["progress"], course["completionPercentage"]) == (1, 1, 25)
    assert course["contentStatus"] == {VIDEO: 2}
    complete(service, asha, batch_id, *LEAF_NODES)
    (course,) = listed(service, asha)
    assert (course["status"], course["progress"], course["completionPercentage"]) == (2, 4, 100)
    assert course["completedOn"] is not None


def test_the_course_opened_last_comes_first_and_unopened_ones_last(service: Running) -> None:
    first, second, unopened = new_batch(service), new_batch(service, SECOND_COURSE), new_batch(service)
    asha = enrolled(service, first)
    enrol_into(service, asha, second, SECOND_COURSE)
    enrol_into(service, asha, unopened)
    assert [course["batchId"] for course in listed(service, asha)] == [unopened, second, first]
    report(service, asha, item(first, VIDEO, 1))
    assert [course["batchId"] for course in listed(service, asha)] == [first, unopened, second]


def test_who_has_left_does_not_see_the_course(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    unenrol(service, asha, batch_id)
    assert listed(service, asha) == []


def test_the_services_path_of_another_user_still_lists_ones_own(service: Running) -> None:
    batch_id = new_batch(service)
    asha, kavya = enrolled(service, batch_id), new_learner()
    answer = service.call("GET", f"/v1/user/courses/list/{kavya.user_id}", asha)
    assert [course["userId"] for course in answer.json()["result"]["courses"]] == [asha.user_id]


def test_v2_narrows_by_course_and_by_filters(service: Running) -> None:
    asha = enrolled(service, new_batch(service))
    enrol_into(service, asha, new_batch(service, SECOND_COURSE), SECOND_COURSE)

    def found(request: object) -> list[str]:
        answer = service.call("POST", "/v2/user/courses/list", asha, request)
        return [course["courseId"] for course in answer.json()["result"]["courses"]]

    assert found({}) == [SECOND_COURSE, COURSE]
    assert found({"courseIds": [COURSE]}) == [COURSE]
    assert found({"filters": {"userConsent": "No"}}) == [SECOND_COURSE]
    assert found({"filters": {"status": ["Retired"]}}) == []


def test_e35_the_private_list_names_its_user(service: Running) -> None:
    answer = service.call("POST", "/private/v2/user/courses/list", None, {})
    assert refusal(answer) == (400, "MANDATORY_PARAMETER_MISSING", "Mandatory parameter userId is missing.")
    assert answer.json()["id"] == ""
    asha = enrolled(service, new_batch(service))
    answer = service.call("POST", "/private/v2/user/courses/list", None, {"userId": asha.user_id})
    assert len(answer.json()["result"]["courses"]) == 1
    answer = service.call("GET", f"/private/v1/user/courses/list/{asha.user_id}", None)
    assert len(answer.json()["result"]["courses"]) == 1


def test_e36_an_administrators_list_without_a_user_has_no_code(service: Running) -> None:
    answer = service.call("POST", "/v2/user/courses/admin/list", ADMIN, {})
    assert (answer.status_code, answer.json()["params"]["err"]) == (500, None)
    assert answer.json()["responseCode"] == "SERVER_ERROR"


def test_only_administrators_see_the_list_of_another(service: Running) -> None:
    asha, batch_id = known_learner(service), new_batch(service)
    enrol_into(service, asha, batch_id)
    request = {"userId": asha.user_id}
    assert service.call("POST", "/v2/user/courses/admin/list", RAVI, request).status_code == 401
    assert service.call("POST", "/v2/user/courses/admin/list", asha, request).status_code == 200
    answer = service.call("POST", "/v2/user/courses/admin/list", ADMIN, request)
    assert len(answer.json()["result"]["courses"]) == 1


def test_a_retired_course_is_left_out_unless_it_is_asked_for(service: Running) -> None:
    batch_id = new_batch(service, SECOND_COURSE)
    asha = enrolled(service, batch_id, SECOND_COURSE)
    service.sql("UPDATE enrolment SET course_id = 'do_unknown' WHERE user_id = $1", asha.user_id)
    assert listed(service, asha) == []


def test_last_read_content_is_the_one_opened_last(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    now = service.clock.now()
    early = f"{now:%Y-%m-%d} 00:00:01:000+0000"
    report(service, asha, item(batch_id, BOOK, 1, lastAccessTime=f"{now:%Y-%m-%d} 00:00:02:000+0000"))
    report(service, asha, item(batch_id, VIDEO, 2, lastAccessTime=early))
    (course,) = listed(service, asha)
    assert (course["lastReadContentId"], course["lastReadContentStatus"]) == (BOOK, 1)
