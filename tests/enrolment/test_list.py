"""The courses a learner is enrolled in: contract enrolment §2.5."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from lernbatch.course import actions as courses
from tests.learning import (
    complete,
    enrolled,
    item,
    known_learner,
    new_batch,
    new_learner,
    refusal,
    report,
    republish,
    unenrol,
)
from tests.learning import enrol as enrol_into
from tests.people import ADMIN, RAVI, VIKRAM, Person
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
    assert (course["courseName"], course["leafNodesCount"]) == ("Early mathematics", 4)
    assert (course["contentStatus"], course["issuedCertificates"], course["oldEnrolledDate"]) == ({}, [], None)
    assert course["content"]["pkgVersion"] == 1
    assert course["content"]["identifier"] == COURSE
    assert set(course["batch"]) == {"name", "endDate", "status", "batchId", "identifier"}
    assert course["batch"]["identifier"] == batch_id


def test_without_batch_details_there_is_no_batch(service: Running) -> None:
    (course,) = listed(service, enrolled(service, new_batch(service)))
    assert "batch" not in course


def test_what_was_shown_before_is_shown_as_it_is_now(service: Running) -> None:
    course_id = f"do_{uuid4().hex[:16]}"
    republish(service, course_id, 1, "do_a", "do_b")
    batch_id = new_batch(service, course_id, days=3)
    asha, kavya = enrolled(service, batch_id, course_id), enrolled(service, batch_id, course_id)

    def shown(person: Person, fields: str = "name,status") -> list[Any]:
        (entry,) = listed(service, person, f"?fields=name,leafNodesCount&batchDetails={fields}")
        content, batch = entry["content"], entry["batch"]
        assert (entry["courseName"], entry["leafNodesCount"]) == (content["name"], content["leafNodesCount"])
        return [content["name"], content["leafNodesCount"], batch.get("name"), batch["status"]]

    assert shown(asha) == shown(kavya) == ["Moving", 2, "June", 1]
    assert shown(asha, "status") == ["Moving", 2, None, 1]
    today = service.clock.today()
    changed = {
        "courseId": course_id,
        "id": batch_id,
        "name": "July",
        "startDate": today.isoformat(),
        "endDate": (today + timedelta(days=3)).isoformat(),
    }
    assert service.call("PATCH", "/v1/course/batch/update", VIKRAM, changed).status_code == 200
    assert shown(asha) == shown(kavya) == ["Moving", 2, "July", 1]
    republish(service, course_id, 2, "do_a", "do_b", "do_c", name="Moved")
    service.run(courses.refresh(service.services, course_id))
    assert shown(asha) == shown(kavya) == ["Moved", 3, "July", 1]
    service.clock.ahead += timedelta(days=5)
    assert shown(asha) == shown(kavya) == ["Moved", 3, "July", 2]


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


def content(service: Running, person: Person, query: str = "") -> dict[str, Any]:
    (course,) = listed(service, person, query)
    return dict(course["content"])


def test_without_fields_the_content_is_all_that_is_known_of_the_course(service: Running) -> None:
    shown = content(service, enrolled(service, new_batch(service)))
    assert shown["trackable"] == {"enabled": "Yes", "autoBatch": "No"}
    assert shown["mimeType"] == "application/vnd.ekstep.content-collection"
    assert (shown["primaryCategory"], shown["contentType"], shown["identifier"]) == ("Course", "Course", COURSE)
    assert {"channel", "pkgVersion", "status", "userConsent", "leafNodesCount"} <= shown.keys()
    assert "children" not in shown


@pytest.mark.parametrize("query", ["?fields=", "?fields=pkgVersion", "?fields=pkgVersion,nothing&cache=false"])
def test_with_fields_the_content_is_those_and_the_four_that_are_always_there(service: Running, query: str) -> None:
    shown = content(service, enrolled(service, new_batch(service)), query)
    assert shown.keys() - {"pkgVersion"} == {"name", "leafNodesCount", "identifier"}


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ("orgName,email", {"orgName": "State Board", "email": None}),
        ("orgName", {"orgName": "State Board"}),
        ("email,rootOrgId,keys", {"email": None}),
    ],
)
def test_orgdetails_are_of_the_courses_organisation(service: Running, asked: str, shown: dict[str, Any]) -> None:
    asha = enrolled(service, new_batch(service))
    assert content(service, asha, f"?orgdetails={asked}")["orgDetails"] == shown
    assert content(service, asha, f"?fields=name&orgdetails={asked}")["orgDetails"] == shown


@pytest.mark.parametrize("query", ["", "?orgdetails=", "?orgdetails=keys"])
def test_without_orgdetails_there_are_none(service: Running, query: str) -> None:
    assert "orgDetails" not in content(service, enrolled(service, new_batch(service)), query)


def fill(service: Running, person: Person, number: int) -> None:
    """Put the learner into so many batches that nobody made, several at the same moment."""
    service.sql(
        """INSERT INTO enrolment (user_id, batch_id, course_id, active, enrolled_at, updated_at)
           SELECT $1, 'many-' || place, $2, true, at, at
             FROM generate_series(1, $3) AS place,
                  LATERAL (SELECT now() - place / 7 * interval '1 day' AS at) AS moment""",
        person.user_id,
        COURSE,
        number,
    )


def page(service: Running, person: Person, **window: Any) -> dict[str, Any]:
    """A page by the query, and the same one by the body."""
    by_query = service.call("GET", f"/v1/user/courses/list/{person.user_id}", person, params=window).json()["result"]
    by_body = service.call("POST", "/v2/user/courses/list", person, window).json()["result"]
    assert by_query == by_body
    return dict(by_query)


def test_a_list_says_how_many_there_are_and_goes_on_behind_its_bound(service: Running) -> None:
    asha = new_learner()
    fill(service, asha, 1005)
    first = page(service, asha)
    assert (len(first["courses"]), first["count"]) == (1000, 1005)
    second = page(service, asha, cursor=first["nextCursor"])
    assert (len(second["courses"]), second["count"]) == (5, 1005)
    assert "nextCursor" not in second
    assert len({course["batchId"] for course in first["courses"] + second["courses"]}) == 1005


@pytest.mark.parametrize("size", [1, 7, 20])
def test_pages_of_any_size_show_each_enrolment_once(service: Running, size: int) -> None:
    asha = new_learner()
    fill(service, asha, 20)
    seen, window = [], {"limit": size}
    while True:
        shown = page(service, asha, **window)
        assert shown["count"] == 20
        seen += [course["batchId"] for course in shown["courses"]]
        if "nextCursor" not in shown:
            break
        window = {"limit": size, "cursor": shown["nextCursor"]}
    assert len(seen) == len(set(seen)) == 20


def test_limit_and_offset_are_heeded(service: Running) -> None:
    asha = new_learner()
    fill(service, asha, 20)
    whole = [course["batchId"] for course in page(service, asha)["courses"]]
    shown = page(service, asha, limit=5, offset=10)
    assert ([course["batchId"] for course in shown["courses"]], shown["count"]) == (whole[10:15], 20)
    assert page(service, asha, limit=0) == {"courses": [], "count": 20}
    assert page(service, asha, offset=50) == {"courses": [], "count": 20}


def test_a_short_list_counts_itself(service: Running) -> None:
    assert page(service, new_learner()) == {"courses": [], "count": 0}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("limit", "-1"),
        ("limit", "many"),
        ("offset", "1.5"),
        ("cursor", "abc"),
        ("cursor", "WzEsMl0="),
        ("limit", "9" * 20),
    ],
)
def test_a_window_that_cannot_be_read_is_refused(service: Running, key: str, value: str) -> None:
    asha = new_learner()
    answer = service.call("GET", f"/v1/user/courses/list/{asha.user_id}", asha, params={key: value})
    assert refusal(answer)[:2] == (400, "INVALID_PARAMETER_VALUE")
