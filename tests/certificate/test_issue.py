"""From criteria that hold to a certificate that verifies."""

from __future__ import annotations

from lernbatch.certificate import credential
from lernbatch.certificate.actions import ring
from tests.certificate.cohort import MERIT, Cohort
from tests.people import ASHA, IMRAN, KAVYA


def test_who_completed_before_the_template_came_gets_the_certificate(cohort: Cohort) -> None:
    cohort.enrol(ASHA)
    cohort.enrol(KAVYA, status=1)
    assert cohort.attach().json()["result"] == {"response": "SUCCESS"}
    assert cohort.work() == 1
    (issued,) = cohort.certificates()
    assert (issued["user_id"], issued["revision"], issued["status"]) == (ASHA.user_id, 1, "active")
    assert cohort.due() == []


def test_two_templates_are_judged_each_by_its_own_criteria(cohort: Cohort) -> None:
    cohort.enrol(ASHA, percent=82)
    cohort.enrol(IMRAN, percent=40)
    cohort.attach()
    cohort.attach(identifier="default", name="Merit", criteria=MERIT)
    cohort.work()
    assert [row["name"] for row in cohort.certificates(ASHA)] == ["Merit"]
    assert cohort.certificates(IMRAN) == []


def test_the_entry_in_the_enrolment_is_the_contracts(cohort: Cohort) -> None:
    cohort.enrol(KAVYA)
    cohort.attach()
    cohort.work()
    (entry,) = cohort.entries(KAVYA)
    (issued,) = cohort.certificates()
    assert set(entry) == {"name", "identifier", "token", "lastIssuedOn", "templateUrl", "type"}
    assert entry["identifier"] == issued["certificate_id"]
    assert (entry["token"], entry["type"]) == ("", "TrainingCertificate")
    assert entry["lastIssuedOn"].endswith("+0000")


def test_the_credential_verifies_and_tells_when_it_was_earned(cohort: Cohort) -> None:
    cohort.enrol(KAVYA)
    cohort.attach()
    cohort.work()
    (issued,) = cohort.certificates()
    file = cohort.service.call("GET", f"/certs/{issued['certificate_id']}.json").content
    verified = credential.verify(file, ring(cohort.service.config).keys)
    assert verified.trusted
    assert verified.credential["validFrom"] == "2026-06-30T20:00:00Z"


def test_the_public_page_and_its_files_are_there(cohort: Cohort) -> None:
    cohort.enrol(KAVYA)
    cohort.attach()
    cohort.work()
    url = f"/certs/{cohort.certificates()[0]['certificate_id']}"
    page = cohort.service.call("GET", url)
    assert page.status_code == 200
    assert "This certificate is valid." in page.text
    assert "காவ்யா ராஜன்" in page.text
    for form, sign in {"svg": b"<svg", "png": b"\x89PNG", "pdf": b"%PDF-", "jwt": b"ey"}.items():
        file = cohort.service.call("GET", f"{url}.{form}")
        assert file.content.startswith(sign), form
