"""Checking a certificate by its number or a file, by anybody."""

from __future__ import annotations

import json

from tests.certificate.cohort import Cohort
from tests.console.conftest import Visits
from tests.console.test_my import text
from tests.learning import known_learner
from tests.running import Running


def test_k68_a_file_with_a_changed_byte_is_not_genuine(cohort: Cohort, service: Running, visits: Visits) -> None:
    assert cohort.attach().status_code == 200
    asha = known_learner(service)
    cohort.enrol(asha)
    assert cohort.ask(asha).status_code == 200
    cohort.work()
    (certificate,) = cohort.certificates(asha)
    number = certificate["certificate_id"]
    visitor = visits()
    page = visitor.get("/console/check")
    assert page.status_code == 200
    hidden = visitor.fields(page.text, "check")

    def dropped(content: bytes) -> str:
        answer = visitor.http.post("/console/check", data=hidden, files={"file": ("certificate.pdf", content)})
        if answer.status_code == 303:
            return answer.headers["location"]
        assert answer.status_code == 422
        return text(answer)

    pdf = visitor.get(f"/certs/{number}.pdf").content
    credential = json.dumps(certificate["credential"]).encode()
    assert {dropped(pdf), dropped(credential)} == {f"/certs/{number}"}
    for changed in (
        credential.replace(b"Certificate of completion", b"Certificate of competence"),
        b"%PDF-1.7 nothing",
        b"{}",
        visitor.get("/certs/templates/default.svg").content,
    ):
        assert "This file is not genuine." in dropped(changed)
    # Each byte of the attached credential counts.
    start = pdf.index(b"stream", pdf.index(b"/EmbeddedFile")) + 40
    assert "This file is not genuine." in dropped(pdf[:start] + bytes([pdf[start] ^ 1]) + pdf[start + 1 :])


def test_a_number_or_its_address_leads_to_the_page(visits: Visits) -> None:
    visitor = visits()
    for typed in ("no-such-number", "https://learning.example/certs/no-such-number?download"):
        answer = visitor.send("/console/check", "check", {"number": typed})
        assert answer.headers["location"] == "/certs/no-such-number"
    unknown = visitor.get("/certs/no-such-number")
    assert unknown.status_code == 404
    assert "/console/check" in unknown.text
    assert visitor.send("/console/check", "check", {"number": " "}).status_code == 422
