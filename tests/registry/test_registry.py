"""The paths of the registries that portals read certificates from (contract jobs §4.6 to §4.8)."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

import pytest

from tests.certificate.cohort import Cohort
from tests.people import ASHA, IMRAN, KAVYA, MEERA, Person

RC = "/api/rc/certificate/v1"


@pytest.fixture
def issued(cohort: Cohort) -> str:
    """The id of a certificate of Kavya's."""
    cohort.enrol(KAVYA, percent=80)
    cohort.attach(additionalProps={"location": ["state"], "user": ["rootOrgId"], "assessment": ["score"]})
    cohort.work()
    return str(cohort.certificates()[0]["certificate_id"])


def search(cohort: Cohort, by: Person | None = KAVYA) -> Any:
    filters = {"recipient": {"id": {"eq": KAVYA.user_id}}, "training": {"batchId": {"eq": cohort.batch_id}}}
    return cohort.service.call("POST", f"{RC}/search", by, json={"filters": filters}).json()


def test_search_answers_a_list_of_training_certificates(cohort: Cohort, issued: str) -> None:
    (found,) = search(cohort)
    assert (found["osid"], found["status"], found["certificateLabel"]) == (
        issued,
        "ACTIVE",
        "Certificate of completion",
    )
    assert found["training"] == {
        "id": cohort.course_id,
        "name": "Early mathematics",
        "type": "Course",
        "batchId": cohort.batch_id,
    }
    assert found["recipient"] == {"id": KAVYA.user_id, "name": "காவ்யா ராஜன்", "type": None}
    assert found["_osSignedData"]["issuanceDate"] == "2026-06-30T20:00:00.000Z"
    assert found["_osSignedData"]["credentialSubject"]["trainingName"] == "Early mathematics"


def test_only_oneself_and_staff_may_search(cohort: Cohort, issued: str) -> None:
    assert len(search(cohort, MEERA)) == 1
    filters = {"filters": {"recipient": {"id": {"eq": KAVYA.user_id}}}}
    assert cohort.service.call("POST", f"{RC}/search", IMRAN, json=filters).status_code == 401
    assert cohort.service.call("POST", f"{RC}/search", None, json=filters).status_code == 401


@pytest.mark.parametrize("body", [b"", b"{}", b'{"filters": 1}', b'{"filters": {"recipient": {"id": 3}}}'])
def test_a_strange_search_finds_ones_own_or_nothing(cohort: Cohort, body: bytes) -> None:
    answer = cohort.service.call("POST", f"{RC}/search", IMRAN, content=body)
    assert answer.status_code == 200
    assert isinstance(answer.json(), list)


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[" * 20_000])
def test_a_search_that_is_no_json_is_the_callers_mistake(cohort: Cohort, body: bytes) -> None:
    assert cohort.service.call("POST", f"{RC}/search", IMRAN, content=body).status_code == 400


def test_download_is_the_record_or_the_picture_as_accepted(cohort: Cohort, issued: str) -> None:
    record = cohort.service.call("GET", f"{RC}/download/{issued}").json()
    assert json.loads(record["_osSignedData"])["id"] == f"did:sunbird:{issued}"
    for accepted, sign in (("image/svg+xml", b"<svg"), ("application/pdf", b"%PDF")):
        picture = cohort.service.call("GET", f"{RC}/download/{issued}", headers={"Accept": accepted, "template": "x"})
        assert picture.content.startswith(sign)
        assert picture.headers["x-content-type-options"] == "nosniff"
        assert ("default-src 'none'" in picture.headers.get("content-security-policy", "")) is (sign == b"<svg")
    assert cohort.service.call("GET", f"{RC}/download/nothing").status_code == 404


def test_the_key_of_a_record_is_answered_as_pem(cohort: Cohort, issued: str) -> None:
    record = cohort.service.call("GET", f"{RC}/download/{issued}").json()
    key = cohort.service.call("GET", f"{RC}/key/{record['issuer']['kid']}").json()
    assert key["value"].startswith("-----BEGIN PUBLIC KEY-----")
    assert cohort.service.call("GET", f"{RC}/key/nothing").status_code == 404


def test_certreg_downloads_the_picture_as_a_data_url(cohort: Cohort, issued: str) -> None:
    answer = cohort.service.call("GET", f"/api/certreg/v2/certs/download/{issued}", KAVYA).json()
    kind, _, picture = answer["result"]["printUri"].partition(",")
    assert kind == "data:image/svg+xml"
    assert unquote(picture).startswith("<svg")


def test_certreg_search_finds_by_recipient_wherever_it_is_named(cohort: Cohort, issued: str) -> None:
    query = {"query": {"bool": {"must": [{"match_phrase": {"recipient.id": KAVYA.user_id}}]}}}
    answer = cohort.service.call("POST", "/api/certreg/v1/certs/search", KAVYA, query).json()
    (hit,) = [hit for hit in answer["result"]["response"]["content"] if hit["_id"] == issued]
    assert (hit["_index"], hit["_source"]["pdfUrl"]) == ("certv3", None)
    assert hit["_source"]["related"]["courseId"] == cohort.course_id


def test_certreg_reads_validates_verifies_and_links(cohort: Cohort, issued: str) -> None:
    read = cohort.service.call("GET", f"/api/certreg/v1/certs/read/{issued}", KAVYA).json()["result"]["response"]
    assert (read["id"], read["isRevoked"], read["json"]["issuedOn"]) == (issued, False, "2026-06-30T20:00:00Z")
    assert read["related"]["location"] == {"state": "Karnataka"}
    assert read["related"]["rootOrgId"] == KAVYA.org_id
    assert list(read["related"]["assessment"]["score"].values()) == [80.0]
    valid = cohort.service.call("POST", "/api/certreg/v1/certs/validate", None, {"certId": issued, "accessCode": ""})
    assert valid.json()["result"]["response"]["id"] == issued
    assert set(valid.json()["result"]["response"]["related"]) == {"batchId", "courseId", "type"}
    verified = cohort.service.call("POST", "/api/certreg/v1/certs/verify", None, {"data": {"id": read["json"]["id"]}})
    assert verified.json()["result"]["response"] == {"valid": True, "messages": [], "errorCount": 0}
    link = cohort.service.call("POST", "/api/certreg/v1/certs/download", KAVYA, {"pdfUrl": read["pdfUrl"]})
    assert link.json()["result"]["signedUrl"].endswith(f"/certs/{issued}.pdf")


def test_certreg_says_what_is_missing_or_wrong(cohort: Cohort) -> None:
    for path, key in (("validate", "certId"), ("verify", "id"), ("download", "pdfUrl")):
        answer = cohort.service.call("POST", f"/api/certreg/v1/certs/{path}", ASHA, {})
        assert answer.json()["params"]["errmsg"] == f"Mandatory parameter {key} is missing."
    unknown = cohort.service.call("POST", "/api/certreg/v1/certs/validate", None, {"certId": "x", "accessCode": "y"})
    assert unknown.status_code == 400
