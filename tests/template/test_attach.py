"""Templates on a batch: every complaint of the contract, in its order (batches §4.1, §4.2)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.certificate.cohort import SIGNATORIES, Cohort, template
from tests.people import ADMIN, ASHA, MEERA, RAVI, VIKRAM

ADD = "/v1/course/batch/cert/template/add"
REMOVE = "/v1/course/batch/cert/template/remove"
COMPLETED: dict[str, Any] = {"enrollment": {"status": 2}}


def without(fields: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name != key}


def refused(cohort: Cohort, request: dict[str, Any], path: str = ADD) -> tuple[int, str | None, str | None]:
    answer = cohort.service.call("PATCH", path, VIKRAM, request)
    params = answer.json()["params"]
    return answer.status_code, params["err"], params["errmsg"]


M, T, P = "MANDATORY_PARAMETER_MISSING", "DATA_TYPE_ERROR", "INVALID_PROPERTY_ERROR"


@pytest.mark.parametrize(
    ("changed", "code", "text"),
    [
        ({"identifier": " "}, M, "Mandatory parameter identifier is missing."),
        ({"criteria": None}, T, "Data type of criteria should be Map."),
        ({"criteria": {}}, M, "Mandatory parameter Enrollment or Status is missing."),
        ({"criteria": {"enrollment": 2}}, T, "Data type of enrollment should be Map."),
        ({"criteria": {"enrollment": {}}}, M, "Mandatory parameter status is missing."),
        ({"criteria": {"enrollment": {"status": 2, "x": 1}}}, P, "Invalid property for Enrollment."),
        ({"criteria": {"assessment": []}}, T, "Data type of assessment should be Map."),
        ({"criteria": {"assessment": {}}}, M, "Mandatory parameter score is missing."),
        ({"criteria": {"assessment": {"score": {}, "x": 1}}}, P, "Invalid property for Assessment."),
        ({"criteria": {"assessment": {"score": 70}}}, T, "Data type of score should be Map."),
        ({"criteria": {"assessment": {"score": {">>": 70}}}}, P, "Invalid property for Score."),
        ({"criteria": {**COMPLETED, "user": 1}}, T, "Data type of user should be Map."),
        ({"criteria": {**COMPLETED, "user": {"x": 1}}}, M, "Mandatory parameter rootOrgId is missing."),
        ({"issuer": "Board"}, T, "Data type of issuer should be Map."),
        ({"signatoryList": "Meera"}, T, "Data type of signatoryList should be List."),
        ({"signatoryList": [{"name": " "}]}, "INVALID_DATA", "Signatory list missing attribute"),
        ({"additionalProps": []}, T, "Data type of additionalProps should be Map."),
        ({"criteria": {"enrollment": {"status": "²"}}}, P, "Invalid property for Enrollment."),
        ({"criteria": {"enrollment": {"status": 99999}}}, P, "Invalid property for Enrollment."),
        ({"validity": 365}, T, "Data type of validity should be Map."),
        ({"validity": {"days": 10**12}}, P, "Invalid property for Validity."),
        ({"validity": {"days": True}}, P, "Invalid property for Validity."),
        ({"validity": {"days": "365"}}, P, "Invalid property for Validity."),
    ],
)
def test_a_template_is_refused_as_the_contract_says(
    cohort: Cohort, changed: dict[str, Any], code: str, text: str
) -> None:
    request = {"batch": cohort.request(template=template(**changed))}
    assert refused(cohort, request) == (400, code, text)


def test_what_stands_around_a_template_is_asked_for_first(cohort: Cohort) -> None:
    whole = cohort.request(template=template())
    assert refused(cohort, {})[2] == "Mandatory parameter batch is missing."
    for key, said in (("courseId", "courseId"), ("batchId", "batchId"), ("template", "template")):
        assert refused(cohort, {"batch": without(whole, key)})[2] == f"Mandatory parameter {said} is missing."
        assert refused(cohort, {"batch": without(whole, key)}, REMOVE)[2] == f"Mandatory parameter {said} is missing."
    assert refused(cohort, {"batch": {**whole, "template": None}})[2] == "Data type of template should be Map."
    no_criteria = {**whole, "template": without(template(), "criteria")}
    assert refused(cohort, {"batch": no_criteria})[2] == "Mandatory parameter criteria is missing."


def test_the_contracts_templates_need_a_whole_signatory(cohort: Cohort) -> None:
    request = {"batch": cohort.request(template=template("do_x", signatoryList=SIGNATORIES))}
    assert refused(cohort, request) == (400, "INVALID_DATA", "Signatory list missing attribute")


def test_batch_course_and_template_must_exist(cohort: Cohort) -> None:
    fits = template()
    unknown = {"courseId": cohort.course_id, "batchId": "0", "template": fits}
    assert refused(cohort, {"batch": unknown}) == (400, None, "No such batchId exists")
    foreign = {"courseId": "do_2", "batchId": cohort.batch_id, "template": fits}
    assert refused(cohort, {"batch": foreign}) == (400, None, "batchId is not linked with courseId")
    nowhere = cohort.request(template=template("do_nowhere", signatoryList=[]))
    assert refused(cohort, {"batch": nowhere}) == (400, None, "Given cert template not found: do_nowhere")
    unsigned = cohort.request(template=template(signatoryList=[]))
    said = "Issuer or signatoryList is empty. Invalid template Id: default"
    assert refused(cohort, {"batch": unsigned}) == (400, None, said)


def test_only_who_owns_the_batch_may_attach_detach_and_issue(cohort: Cohort) -> None:
    for stranger in (ASHA, RAVI, MEERA):
        assert cohort.attach(stranger).status_code == (403 if stranger is ASHA else 401)  # who has no role, and who has
        assert cohort.ask(ASHA, by=stranger).status_code == 401
    assert cohort.attach(ADMIN).status_code == 200


def test_a_batch_shows_its_templates_as_objects(cohort: Cohort) -> None:
    cohort.attach(notifyTemplate={"subject": "Well done"})
    shown = cohort.service.call("GET", f"/v1/course/batch/read/{cohort.batch_id}", VIKRAM).json()["result"]["response"]
    kept = shown["cert_templates"]["default"]
    assert kept == shown["certTemplates"]["default"]
    assert kept["criteria"] == COMPLETED
    assert kept["signatoryList"] == SIGNATORIES
    assert kept["notifyTemplate"] == {"subject": "Well done"}


def test_detaching_takes_a_template_away_and_may_be_repeated(cohort: Cohort) -> None:
    cohort.attach()
    request = {"batch": cohort.request(template={"identifier": "default"})}
    for _ in range(2):
        assert cohort.service.call("PATCH", REMOVE, VIKRAM, request).json()["result"] == {"response": "SUCCESS"}
    assert cohort.ask(ASHA).json()["params"]["errmsg"] == f"No certificate templates associated with {cohort.batch_id}"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"contents": {"do_x": {">=": 50}}}, "It asks for a score in do_x, which is not in the course."),
        ({"score": {">": 100}}, "No score is > 100 %."),
    ],
)
def test_a_template_nobody_can_earn_is_reported_when_it_is_attached(
    cohort: Cohort, asked: dict[str, Any], said: str
) -> None:
    answer = cohort.attach(criteria={"assessments": asked})
    assert answer.json()["result"]["warnings"] == [said]


def test_two_templates_of_one_name_are_pointed_out(cohort: Cohort) -> None:
    cohort.attach()
    cohort.service.sql(
        "UPDATE batch SET templates = jsonb_build_object('old', templates -> 'default') WHERE batch_id = $1",
        cohort.batch_id,
    )
    (warning,) = cohort.attach().json()["result"]["warnings"]
    assert "the same name" in warning


def test_a_preview_counts_and_keeps_nothing(cohort: Cohort) -> None:
    cohort.enrol(ASHA)
    cohort.enrol(RAVI, status=1)
    request = {"batch": cohort.request(template=template())}
    answer = cohort.service.call("POST", "/v1/course/batch/cert/template/preview", VIKRAM, request)
    (tally,) = answer.json()["result"]["response"]["templates"]
    assert tally["outcomes"] == {"met": 1, "waiting": 1}
    assert cohort.due() == []


def test_what_is_private_of_a_user_is_not_copied_and_its_owner_is_told(cohort: Cohort) -> None:
    cohort.enrol(ASHA)
    answer = cohort.attach(additionalProps={"user": ["rootOrgId", "rootOrgName", "firstName"]}).json()
    assert answer["result"]["warnings"] == ["The user's firstName is not copied: anybody may see a certificate."]
    cohort.work()
    (issued,) = cohort.certificates()
    assert issued["template"]["related"]["rootOrgId"] == ASHA.org_id
    assert "firstName" not in issued["template"]["related"]


@pytest.mark.parametrize("image", ["https://evil.example/sign.png", "/asset/sign.png", "http://localhost:1/sign.png"])
def test_a_signature_on_a_foreign_host_is_kept_as_sent_and_never_drawn(cohort: Cohort, image: str) -> None:
    cohort.enrol(ASHA)
    signatories = [{**SIGNATORIES[0], "image": image}]
    warnings = cohort.attach(signatoryList=signatories).json()["result"]["warnings"]
    assert f"The picture {image} is left out: it is on no host that is allowed." in warnings
    read = cohort.service.call("GET", f"/v1/course/batch/read/{cohort.batch_id}", VIKRAM).json()["result"]["response"]
    assert read["cert_templates"]["default"]["signatoryList"] == signatories
    assert cohort.service.sql("SELECT url FROM certificate_file WHERE url = $1", image) == []
    cohort.work()
    (certificate,) = cohort.certificates(ASHA)
    for form in ("svg", "json"):
        shown = cohort.service.call("GET", f"/certs/{certificate['certificate_id']}.{form}")
        assert (shown.status_code, image in shown.text) == (200, False)
    assert image not in cohort.service.call("GET", f"/certs/{certificate['certificate_id']}").text
