"""Creating courses, data sync and clearing caches: K1 to K8, Y1 to Y4 (contract batches §3.6 to §3.8)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.batch.calls import form_d, refused
from tests.batch.lame import Lame
from tests.people import ADMIN, ASHA, PLATFORM, VIKRAM
from tests.running import Running, running
from tests.seeds import COURSE, VIDEO

CREATE_COURSE = "/v1/course/create"
SYNC = "/v1/data/sync"
COLLECTION = "application/vnd.ekstep.content-collection"
ALGEBRA = {"name": "Algebra", "contentType": "Course", "mimeType": COLLECTION, "code": "alg"}
UNIT = {
    "identifier": "do_unit",
    "mimeType": COLLECTION,
    "visibility": "Parent",
    "contentType": "CourseUnit",
    "name": "Numbers",
    "author": "Vikram",
    "secret": "not kept",
    "children": [
        {
            "identifier": VIDEO,
            "mimeType": "video/mp4",
            "visibility": "Default",
            "contentType": "Resource",
            "name": "Counting",
        }
    ],
}


def creation(service: Running, **request: Any) -> Any:
    return service.call("POST", CREATE_COURSE, VIKRAM, request)


@pytest.mark.parametrize("request_", [{}, {"course": None}])
def test_k1_the_course_is_mandatory(service: Running, request_: dict[str, Any]) -> None:
    text = "Required fields for create course are missing. Error due to missing request body or course"
    refused(creation(service, **request_), "ERR_COURSE_CREATE_FIELDS_MISSING", text)


def test_k2_a_new_course_is_of_the_course_type(service: Running) -> None:
    answer = creation(service, course={**ALGEBRA, "contentType": "Book", "mimeType": "x"})
    refused(answer, "CONTENT_TYPE_MISMATCH", "Content Type should be Course.")


def test_k3_a_new_course_is_a_collection(service: Running) -> None:
    answer = creation(service, course={**ALGEBRA, "mimeType": "video/mp4"})
    refused(answer, "MIME_TYPE_MISMATCH", f"MimeType should be {COLLECTION}")


def test_k4_a_source_and_a_hierarchy_do_not_go_together(service: Running) -> None:
    text = (
        "Required fields for create course are missing. "
        "Error Source and Hierarchy both can't be sent in the same request."
    )
    refused(creation(service, course={}, source=COURSE, hierarchy=[UNIT]), None, text)


def test_k5_what_the_content_service_refuses_is_said(service: Running) -> None:
    answer = creation(service, course={**ALGEBRA, "name": ""})
    assert (answer.status_code, answer.json()["params"]["err"]) == (400, "SERVER_ERROR")
    assert answer.json()["params"]["errmsg"].startswith("Course creation failed ")


@pytest.mark.parametrize("key", ["identifier", "mimeType", "visibility", "contentType", "name"])
def test_k6_a_child_needs_its_fields_before_anything_is_made(service: Running, key: str) -> None:
    before = service.sql("SELECT count(*) FROM sandbox_content")
    child = {name: value for name, value in UNIT["children"][0].items() if name != key}  # type: ignore[attr-defined]
    answer = creation(service, course=ALGEBRA, hierarchy=[{**UNIT, "children": [child]}])
    refused(answer, None, f"{key} is a mandatory parameter for child of parent with id: do_unit")
    assert service.sql("SELECT count(*) FROM sandbox_content") == before


def test_k7_a_tree_that_the_content_service_does_not_take_is_said(service: Running) -> None:
    below = {key: value for key, value in UNIT.items() if key != "children"} | {"visibility": "Shared"}
    answer = creation(service, course=ALGEBRA, hierarchy=[{**below, "children": [below]}])
    refused(answer, "SERVER_ERROR", "do_unit stands below itself.")


def test_k8_a_content_service_that_is_away_is_form_b(lame: Lame) -> None:
    lame.fail("/content/v3/create")
    refused(creation(lame.service, course=ALGEBRA), None, None, 500)
    form_d(creation(lame.service, course=[]))


def test_a_course_is_created_with_its_tree(service: Running) -> None:
    answer = creation(service, course=ALGEBRA, hierarchy=[UNIT])
    result = answer.json()["result"]
    assert answer.json()["id"] == "api.course.create"
    assert result["course_id"] == result["identifier"]
    assert "node_id" not in result
    assert result["versionKey"]
    stored = service.sql("SELECT hierarchy FROM sandbox_content WHERE content_id = $1", result["course_id"])
    (unit,) = stored[0]["hierarchy"]["children"]
    assert (unit["name"], unit["origin"], unit["originData"]) == (
        "Numbers",
        "do_unit",
        {"name": "Numbers", "author": "Vikram"},
    )
    assert "secret" not in unit
    assert [child["identifier"] for child in unit["children"]] == [VIDEO]


def test_a_course_is_copied_by_the_gateways_path(service: Running) -> None:
    request = {"course": {"name": "My algebra"}, "source": COURSE}
    answer = service.call("POST", "/api/course/v1/create", VIKRAM, request)
    course_id = answer.json()["result"]["course_id"]
    metadata = service.sql("SELECT metadata FROM sandbox_content WHERE content_id = $1", course_id)[0]["metadata"]
    assert (metadata["name"], metadata["origin"], metadata["copyScheme"]) == ("My algebra", COURSE, "TextBookToCourse")


def test_nobody_without_a_token_or_by_the_gateway_without_a_role_writes_to_the_content_service(
    service: Running,
) -> None:
    def contents() -> int:
        return int(service.sql("SELECT count(*) FROM sandbox_content")[0][0])

    before, request = contents(), {"course": ALGEBRA}
    for path in (CREATE_COURSE, "/api/course/v1/create"):
        assert service.call("POST", path, None, request).status_code == 401
        assert service.call("POST", path, None, request, headers={"X-Channel-ID": "x"}).status_code == 401
    assert service.call("POST", "/api/course/v1/create", ASHA, request).status_code == 403
    assert contents() == before


def test_a_repeated_call_makes_no_second_course(service: Running) -> None:
    headers = {"Idempotency-Key": "course-1"}
    made = [service.call("POST", CREATE_COURSE, VIKRAM, {"course": ALGEBRA}, headers=headers) for _ in range(2)]
    assert made[0].json()["result"] == made[1].json()["result"]


def test_a_tree_without_end_is_refused(service: Running) -> None:
    deep: dict[str, Any] = {**UNIT, "children": []}
    for _ in range(60):
        deep = {**UNIT, "children": [deep]}
    answer = creation(service, course=ALGEBRA, hierarchy=[deep])
    refused(answer, "INVALID_REQUESTED_DATA", "Requested data for this operation is not valid.")


def synced(service: Running, request: dict[str, Any]) -> Any:
    return service.call("POST", SYNC, None, request)


def test_y1_a_sync_for_something_needs_its_type(service: Running) -> None:
    refused(synced(service, {"operationFor": "es"}), "DATA_TYPE_ERROR", "Data type of {0} should be {1}.")


def test_y2_a_sync_for_something_knows_four_types(service: Running) -> None:
    answer = synced(service, {"operationFor": "es", "objectType": "group"})
    refused(answer, "INVALID_OBJECT_TYPE", "Invalid Object Type.")


@pytest.mark.parametrize("request_", [{}, {"operationFor": "keycloak"}, {"objectType": 5}])
def test_y3_a_sync_without_a_type_is_form_d(service: Running, request_: dict[str, Any]) -> None:
    form_d(synced(service, request_))


@pytest.mark.parametrize("kind", ["user", "organisation", "group"])
def test_y4_only_batches_and_enrolments_are_synced(service: Running, kind: str) -> None:
    refused(synced(service, {"objectType": kind}), "INVALID_OBJECT_TYPE", "Invalid Object Type.")


def test_a_sync_answers_at_once(service: Running) -> None:
    for kind in ("batch", "user_course"):
        answer = synced(service, {"objectType": kind, "objectIds": [COURSE]})
        assert (answer.json()["id"], answer.json()["result"]) == ("api.data.sync", {"response": "SUCCESS"})


def test_clearing_a_cache_succeeds_with_a_response_code_of_its_own(service: Running) -> None:
    answer = service.call("DELETE", "/v1/cache/clear/all")
    assert (answer.status_code, answer.json()["responseCode"]) == (200, "success")
    assert (answer.json()["id"], answer.json()["result"]) == ("api.cache.clear.all", {})


def test_sync_and_cache_are_for_the_internal_network_and_administrators_of_the_platform(
    dsn: str, tmp_path: Any
) -> None:
    with running(tmp_path, dsn, private_networks="10.0.0.0/8") as service:
        for person, status in ((None, 403), (VIKRAM, 403), (ADMIN, 403), (PLATFORM, 200)):
            assert service.call("POST", SYNC, person, {"objectType": "user_course"}).status_code == status
            assert service.call("DELETE", "/v1/cache/clear/x", person).status_code == status
