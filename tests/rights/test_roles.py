"""Roles are asked of users on the service's paths as on the gateway's, and calls about oneself name nobody else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lernbatch.routes import ROUTES
from lernbatch.web.admission import Denied
from lernbatch.web.routing import Route
from tests.batch.calls import CREATE, GATEWAY, creation_request
from tests.learning import item, known_learner, new_batch, row
from tests.people import ASHA, HOME_ORG, KAVYA, OTHER_ORG, VIKRAM, Person
from tests.running import Running, running
from tests.seeds import COURSE

WITH_ROLES = [route for route in ROUTES if route.roles and "PUBLIC" not in route.roles]
KIRAN = Person("0b1e3c5a-0000-4000-8000-00000000c1a0", "Kiran", "", OTHER_ORG)
ROLELESS = Person("0b1e3c5a-0000-4000-8000-00000000c1a1", "Nobody", "Special", OTHER_ORG, ())


def denied(answer: Any) -> bool:
    return (answer.status_code, answer.json()["params"]["errmsg"]) == (403, Denied.message)


@pytest.mark.parametrize("route", WITH_ROLES, ids=[route.path for route in WITH_ROLES])
def test_a_learner_gets_one_answer_on_both_paths(service: Running, route: Route) -> None:
    assert route.gateway is not None
    assert denied(service.call(route.method, route.path, KIRAN, {}))
    assert denied(service.call(route.method, route.gateway, KIRAN, {}))


def test_a_token_without_the_learners_role_enrols_nobody(service: Running) -> None:
    for path in ("/v1/course/enroll", "/api/course/v1/enrol"):
        assert denied(service.call("POST", path, ROLELESS, {"courseId": COURSE, "batchId": "1"}))


def test_on_the_gateway_s_paths_a_refusal_is_plain_text_where_a_setting_says_so(dsn: str, tmp_path: Path) -> None:
    with running(tmp_path, dsn, gateway_denial_plain=True) as service:
        plain = service.call("POST", f"{GATEWAY}/create", KIRAN, {})
        assert (plain.status_code, plain.text) == (403, Denied.message)
        about_another = {"courseId": COURSE, "batchId": "1", "userId": VIKRAM.user_id}
        assert service.call("POST", "/api/course/v1/enrol", ASHA, about_another).text == Denied.message
        assert denied(service.call("POST", CREATE, KIRAN, {}))


@pytest.mark.parametrize(
    ("setting", "by_service", "by_gateway"),
    [("everywhere", True, True), ("gateway", False, True), ("nowhere", False, False)],
)
def test_where_roles_are_asked_is_a_setting(
    dsn: str, tmp_path: Path, setting: str, by_service: bool, by_gateway: bool
) -> None:
    with running(tmp_path, dsn, roles_enforced=setting) as service:
        request = creation_request(service, createdFor=[OTHER_ORG])
        assert denied(service.call("POST", CREATE, KIRAN, request)) is by_service
        assert denied(service.call("POST", f"{GATEWAY}/create", KIRAN, request)) is by_gateway


@pytest.mark.parametrize("path", [CREATE, f"{GATEWAY}/create"])
def test_a_system_with_a_key_of_its_own_needs_no_role(dsn: str, tmp_path: Path, path: str) -> None:
    with running(tmp_path, dsn, machine_clients="timetable=a-secret-of-sixteen") as service:
        headers = {"X-Authenticated-Client-Id": "timetable", "X-Authenticated-Client-Token": "a-secret-of-sixteen"}
        assert service.call("POST", path, None, creation_request(service), headers=headers).status_code == 200


def test_without_authentication_nobody_is_asked_for_a_role(dsn: str, tmp_path: Path) -> None:
    with running(tmp_path, dsn, authentication_enabled=False) as service:
        for path in (CREATE, f"{GATEWAY}/create"):
            assert service.call("POST", path, None, creation_request(service)).status_code == 200


def test_a_learner_who_wants_to_award_degrees_to_strangers_does_not_get_past_his_first_step(service: Running) -> None:
    """A batch of his own, strangers in it, an issuer's name, certificates with their names: it ends at the batch."""
    today = service.clock.today().isoformat()
    batch = {"courseId": COURSE, "name": "Degree", "enrollmentType": "open", "startDate": today}
    for request in (batch, {**batch, "createdFor": [OTHER_ORG]}, {**batch, "createdFor": [HOME_ORG]}):
        before = service.sql("SELECT count(*) FROM batch")
        assert denied(service.call("POST", CREATE, KIRAN, request))
        assert denied(service.call("POST", f"{GATEWAY}/create", KIRAN, request))
        assert service.sql("SELECT count(*) FROM batch") == before
    # Nor does he take any later step with a batch of somebody else's.
    batch_id = new_batch(service)
    template = {"identifier": "default", "name": "Doctor", "criteria": {"enrollment": {"status": 0}}}
    ids = {"batchId": batch_id, "courseId": COURSE}
    steps: list[tuple[str, str, dict[str, Any] | None]] = [
        ("POST", f"/v1/course/batch/users/add/{batch_id}", {"userIds": [ASHA.user_id]}),
        ("POST", "/v1/course/admin/enroll", {**ids, "userId": ASHA.user_id}),
        ("PATCH", "/v1/course/batch/cert/template/add", {"batch": {**ids, "template": template}}),
        ("POST", "/v1/course/batch/cert/issue", ids),
        ("GET", f"/v1/course/batch/cert/download/{batch_id}", None),
    ]
    for method, path, step in steps:
        assert service.call(method, path, KIRAN, step).status_code in (401, 403)
    assert service.sql("SELECT FROM enrolment WHERE batch_id = $1", batch_id) == []


@pytest.fixture
def batch_id(service: Running) -> str:
    return new_batch(service)


def about(batch_id: str, user_id: object) -> list[tuple[str, str, dict[str, Any]]]:
    """Every public call about oneself, naming `user_id`."""
    ids = {"courseId": COURSE, "batchId": batch_id}
    attempts = [{**ids, "contentId": "do_1", "attemptId": "a", "userId": user_id}]
    return [
        ("POST", "/api/course/v1/enrol", {**ids, "userId": user_id}),
        ("POST", "/api/course/v1/content/state/read", {**ids, "userId": user_id}),
        ("PATCH", "/api/course/v1/content/state/update", {"userId": user_id, "contents": [item(batch_id)]}),
        ("PATCH", "/api/course/v1/content/state/update", {"contents": [item(batch_id)], "assessments": attempts}),
        ("GET", f"/api/course/v1/user/enrollment/list/{user_id}", {}),
        ("POST", "/api/course/v2/user/enrollment/list", {"userId": user_id}),
        ("POST", "/api/course/v1/unenrol", {**ids, "userId": user_id}),
    ]


def test_who_names_somebody_else_is_refused_as_the_gateway_does(service: Running, batch_id: str) -> None:
    for method, path, request in about(batch_id, KAVYA.user_id):
        assert denied(service.call(method, path, ASHA, request)), path
    assert service.sql("SELECT FROM enrolment WHERE batch_id = $1", batch_id) == []


def test_a_parent_who_forgot_the_childs_header_does_not_enrol_himself(service: Running, batch_id: str) -> None:
    parent, child = known_learner(service), known_learner(service, "Chotu")
    request = {"courseId": COURSE, "batchId": batch_id, "userId": child.user_id}
    assert denied(service.call("POST", "/api/course/v1/enrol", parent, request))
    assert service.call("POST", "/api/course/v1/enrol", parent, request, child=child).status_code == 200
    assert row(service, child, batch_id)["active"]
    # With the header the call is about the child: naming the parent would do it to the child in silence.
    named = {**request, "userId": parent.user_id}
    assert denied(service.call("POST", "/api/course/v1/unenrol", parent, named, child=child))


def test_who_names_himself_or_nobody_passes(service: Running, batch_id: str) -> None:
    for method, path, request in about(batch_id, ASHA.user_id):
        assert not denied(service.call(method, path, ASHA, request)), path
    nobody: list[Any] = [None, "", 5, []]
    for value in nobody:
        ids = {"courseId": COURSE, "batchId": batch_id, "userId": value}
        assert not denied(service.call("POST", "/api/course/v1/enrol", ASHA, ids))
    request = {"courseId": COURSE, "batchId": batch_id, "userId": KAVYA.user_id}
    assert not denied(service.call("POST", "/v1/course/enroll", ASHA, request))  # the service's own path


def test_where_a_gateway_looks_itself_the_service_need_not(dsn: str, tmp_path: Path) -> None:
    with running(tmp_path, dsn, subject_enforced=False) as service:
        batch_id = new_batch(service)
        for method, path, request in about(batch_id, KAVYA.user_id):
            assert not denied(service.call(method, path, ASHA, request)), path


def test_the_prefix_of_the_identity_provider_is_no_other_person(dsn: str, tmp_path: Path) -> None:
    with running(tmp_path, dsn, federation_provider_id="provider") as service:
        batch_id = new_batch(service)
        for method, path, request in about(batch_id, f"f:provider:{ASHA.user_id}"):
            assert not denied(service.call(method, path, ASHA, request)), path


@pytest.mark.parametrize("person", [None, ASHA])
def test_making_a_course_needs_a_creators_token(service: Running, person: Person | None) -> None:
    request = {
        "course": {"name": "A", "contentType": "Course", "mimeType": "application/vnd.ekstep.content-collection"}
    }
    before = service.sql("SELECT count(*) FROM sandbox_content")
    for path in ("/v1/course/create", "/api/course/v1/create"):
        assert service.call("POST", path, person, request).status_code == (401 if person is None else 403)
    assert service.sql("SELECT count(*) FROM sandbox_content") == before
    assert service.call("POST", "/v1/course/create", VIKRAM, request).status_code == 200
