"""Certificates that another service issued: the old paths and the page answer for them (M12)."""

from __future__ import annotations

import itertools
from typing import Any
from urllib.parse import unquote

import pytest

from lernbatch.certificate.imported import seal_record
from lernbatch.sealing import seal_of
from tests.certificate.cohort import EARNED, Cohort
from tests.people import ASHA, IMRAN, KAVYA, MEERA, VIKRAM, Person

RC = "/api/rc/certificate/v1"
NAME = "Certificate of completion"
_numbers = itertools.count(1)


def put(cohort: Cohort, source: str = "registry", status: str = "active", name: str = NAME, **columns: Any) -> str:
    """A certificate of Kavya's, as a move would have brought it, listed with her enrolment where it is active."""
    certificate_id = f"old-{source}-{next(_numbers)}"
    if source == "registry":
        record: dict[str, Any] = {
            "osid": certificate_id, "certificateLabel": name, "status": "ACTIVE", "templateUrl": "",
            "training": {"id": cohort.course_id, "batchId": cohort.batch_id, "name": "Early mathematics"},
            "recipient": {"id": KAVYA.user_id, "name": "Kavya R", "type": None},
            "_osSignedData": '{"proof":{"type":"RsaSignature2018","jws":"x..y"}}',
            "osOwner": ["u-registrar"], "osCreatedBy": "u-registrar",
        }  # fmt: skip
    else:
        record = {
            "id": certificate_id, "recipient": f'{{"id":"{KAVYA.user_id}","name":"Kavya R"}}',
            "pdfurl": "https://old.example/c.pdf", "accesscode": "Q1W2E3", "reason": "copied from his brother",
            "createdby": "u-registrar", "updatedby": "u-registrar",
            "data": '{"badge":{"name":"Merit"},"printUri":"data:image/svg+xml,%3Csvg%3Eold%3C/svg%3E"}',
        }  # fmt: skip
    entry = {"identifier": certificate_id, "name": name, "token": ""}
    cohort.enrol(KAVYA, percent=80)
    cohort.service.sql(
        "INSERT INTO imported_certificate (user_id, certificate_id, batch_id, course_id, name, source, status,"
        " issued_at, token, sealed_record) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        KAVYA.user_id,
        certificate_id,
        cohort.batch_id,
        cohort.course_id,
        name,
        source,
        status,
        EARNED,
        "Q1W2E3" if source == "certreg" else "",
        seal_record(seal_of(cohort.service.config), certificate_id, record),
    )
    if status == "active":
        cohort.service.sql(
            "UPDATE enrolment SET certificates = $3 WHERE user_id = $1 AND batch_id = $2",
            KAVYA.user_id,
            cohort.batch_id,
            [entry],
        )
    return certificate_id


def search(cohort: Cohort, by: Person) -> Any:
    filters = {"recipient": {"id": {"eq": KAVYA.user_id}}, "training": {"batchId": {"eq": cohort.batch_id}}}
    return cohort.service.call("POST", f"{RC}/search", by, json={"filters": filters})


def page(cohort: Cohort, certificate_id: str) -> Any:
    return cohort.service.call("GET", f"/certs/{certificate_id}", headers={"Accept": "application/json"}).json()


def test_m12_the_registry_s_record_comes_back_as_it_was(cohort: Cohort) -> None:
    certificate_id = put(cohort)
    (entity,) = search(cohort, KAVYA).json()
    assert entity["osid"] == certificate_id
    assert entity["status"] == "ACTIVE"
    assert entity["recipient"] == {"id": KAVYA.user_id, "name": "Kavya R", "type": None}
    downloaded = cohort.service.call("GET", f"{RC}/download/{certificate_id}").json()
    assert downloaded["_osSignedData"] == '{"proof":{"type":"RsaSignature2018","jws":"x..y"}}'
    assert downloaded["recipient"]["id"] != KAVYA.user_id  # nobody who only has the number learns whose id it is


@pytest.mark.parametrize("source", ["registry", "certreg"])
def test_m12_who_has_the_number_learns_neither_whose_it_is_nor_its_code_nor_why_it_was_changed(
    cohort: Cohort, source: str
) -> None:
    certificate_id = put(cohort, source)
    for path in (f"/certs/{certificate_id}.json", f"/certs/{certificate_id}", f"{RC}/download/{certificate_id}"):
        answer = cohort.service.call("GET", path, headers={"Accept": "application/json"})
        assert answer.status_code == 200
        for private in (KAVYA.user_id, "Q1W2E3", "copied from", "u-registrar"):
            assert private not in answer.text, path
    record = cohort.service.call("GET", f"/certs/{certificate_id}.json").json()
    assert record["recipient"]["name"] == "Kavya R"
    assert record["recipient"]["id"].startswith("sha256$")


def test_m12_only_oneself_and_staff_find_them(cohort: Cohort) -> None:
    put(cohort)
    assert len(search(cohort, MEERA).json()) == 1
    assert search(cohort, IMRAN).status_code == 401


def test_m12_the_page_says_what_it_is_worth_and_who_vouches(cohort: Cohort) -> None:
    certificate_id = put(cohort)
    html = cohort.service.call("GET", f"/certs/{certificate_id}").text
    assert "valid by the record of the registry that issued it" in html
    assert "Kavya R" in html
    shown = page(cohort, certificate_id)
    assert (shown["standing"], shown["valid"], shown["issuedElsewhere"]) == ("valid", True, True)
    record = cohort.service.call("GET", f"/certs/{certificate_id}.json").json()
    assert record["osid"] == certificate_id


@pytest.mark.parametrize("status", ["revoked", "suspended", "superseded"])
def test_m12_one_that_is_not_valid_is_not_valid_anywhere(cohort: Cohort, status: str) -> None:
    certificate_id = put(cohort, status=status)
    assert page(cohort, certificate_id)["standing"] == status
    assert search(cohort, KAVYA).json() == []
    verified = cohort.service.call(
        "POST", "/certs/v1/registry/verify", None, {"id": f"https://x/certs/{certificate_id}"}
    )
    assert verified.json()["result"]["response"]["valid"] is False
    assert cohort.service.call("GET", f"{RC}/download/{certificate_id}").json()["status"] == "REVOKED"


def test_m12_the_older_registry_s_paths_answer(cohort: Cohort) -> None:
    certificate_id = put(cohort, "certreg", name="Merit")
    printed = cohort.service.call("GET", f"/certs/v2/registry/download/{certificate_id}", KAVYA).json()["result"]
    assert unquote(printed["printUri"]).endswith("<svg>old</svg>")
    read = cohort.service.call("GET", f"/certs/v1/registry/read/{certificate_id}", KAVYA).json()["result"]["response"]
    assert (read["id"], read["isRevoked"], read["recipient"]["name"]) == (certificate_id, False, "Kavya R")
    link = cohort.service.call(
        "POST", "/certs/v1/registry/download", KAVYA, {"pdfUrl": f"https://old.example/{certificate_id}.pdf"}
    )
    assert link.json()["result"]["signedUrl"] == "https://old.example/c.pdf"
    picture = cohort.service.call("GET", f"{RC}/download/{certificate_id}", headers={"Accept": "image/svg+xml"})
    assert picture.content == b"<svg>old</svg>"
    assert "default-src 'none'" in picture.headers["content-security-policy"]


@pytest.mark.parametrize(("code", "status"), [("Q1W2E3", 200), ("WRONG", 400), (None, 400)])
def test_m12_validation_wants_the_access_code_that_it_came_with(cohort: Cohort, code: str | None, status: int) -> None:
    certificate_id = put(cohort, "certreg", name="Merit")
    request = {"certId": certificate_id, **({"accessCode": code} if code else {})}
    assert cohort.service.call("POST", "/certs/v1/registry/validate", None, request).status_code == status


def test_m12_a_public_key_of_the_old_registry_is_answered(cohort: Cohort) -> None:
    cohort.service.sql("INSERT INTO imported_key VALUES ('1-key', 'PEM') ON CONFLICT DO NOTHING")
    assert cohort.service.call("GET", f"{RC}/key/1-key").json()["value"] == "PEM"
    assert cohort.service.call("GET", f"{RC}/key/2-key").status_code == 404


def test_m12_a_learner_with_one_gets_no_second_of_that_name(cohort: Cohort) -> None:
    put(cohort)
    cohort.attach()
    cohort.ask(KAVYA)
    cohort.work()
    assert cohort.certificates(KAVYA) == []


def test_m12_one_that_was_revoked_elsewhere_is_not_issued_again_by_itself(cohort: Cohort) -> None:
    put(cohort, status="revoked")
    cohort.attach()
    cohort.work()
    assert cohort.certificates(KAVYA) == []


def test_m12_a_re_issue_makes_one_of_ours_and_supersedes_the_old(cohort: Cohort) -> None:
    certificate_id = put(cohort)
    cohort.attach()
    cohort.ask(KAVYA, again=True)
    cohort.work()
    (ours,) = cohort.certificates(KAVYA)
    assert ours["certificate_id"] != certificate_id
    assert [entry["identifier"] for entry in cohort.entries(KAVYA)] == [ours["certificate_id"]]
    assert page(cohort, certificate_id)["standing"] == "superseded"


def test_m12_its_status_is_changed_as_that_of_ours(cohort: Cohort) -> None:
    certificate_id = put(cohort)
    path, request = "/v1/course/batch/cert/status", {"identifier": certificate_id, "reason": "wrong name"}
    assert cohort.service.call("PATCH", path, ASHA, {**request, "status": "revoked"}).status_code == 401
    assert cohort.service.call("PATCH", path, VIKRAM, {**request, "status": "suspended"}).status_code == 200
    assert page(cohort, certificate_id)["standing"] == "suspended"
    assert cohort.service.call("PATCH", path, VIKRAM, {**request, "status": "revoked"}).status_code == 200
    assert page(cohort, certificate_id)["standing"] == "revoked"
    assert cohort.entries(KAVYA) == []
    assert cohort.service.call("PATCH", path, VIKRAM, {**request, "status": "active"}).status_code == 400
