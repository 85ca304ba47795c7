"""What a certificate is worth: its page, its JSON, the status lists; revoked, suspended, superseded, expired."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest

from lernbatch.credential import baking, proof, status_list
from lernbatch.credential.keys import key_set
from tests.certificate.cohort import Cohort
from tests.credential import verifier
from tests.people import ASHA, RAVI, VIKRAM, Person

CHANGE = "/v1/course/batch/cert/status"


def change(cohort: Cohort, certificate_id: str, to: str, by: Person = VIKRAM) -> Any:
    request = {"identifier": certificate_id, "status": to, "reason": "under review"}
    return cohort.service.call("PATCH", CHANGE, by, request)


def bits(cohort: Cohort, certificate_id: str) -> dict[str, bool]:
    """What the signed status lists say of it, as a stranger would ask them."""
    entries = cohort.shown(certificate_id)["credential"]["credentialStatus"]
    out = {}
    for entry in entries:
        path = "/certs/status/" + entry["statusListCredential"].partition("/certs/status/")[2]
        file = cohort.service.call("GET", path)
        verified = proof.verify(file.content, key_set(cohort.service.config).keys)
        assert verified.trusted
        out[entry["statusPurpose"]] = status_list.is_set(verified.credential, int(entry["statusListIndex"]))
    return out


def test_a_valid_one_says_who_what_when_and_why(cohort: Cohort, issued: str) -> None:
    shown = cohort.shown(issued)
    assert (shown["standing"], shown["valid"], shown["recipientName"]) == ("valid", True, "Asha K")
    assert (shown["courseName"], shown["criteria"]) == ("Early mathematics", "Completed the course.")
    assert shown["evidence"] == ["Completed on 2026-07-01."]
    assert bits(cohort, issued) == {"revocation": False, "suspension": False}


def test_suspended_is_seen_everywhere_and_can_be_taken_back(cohort: Cohort, issued: str) -> None:
    assert change(cohort, issued, "suspended").status_code == 200
    assert cohort.shown(issued)["standing"] == "suspended"
    assert bits(cohort, issued) == {"revocation": False, "suspension": True}
    assert "under review" in cohort.service.call("GET", f"/certs/{issued}").text
    assert change(cohort, issued, "active").status_code == 200
    assert cohort.shown(issued)["valid"]
    assert bits(cohort, issued) == {"revocation": False, "suspension": False}


def test_revoked_is_for_good_and_nothing_issues_it_again_by_itself(cohort: Cohort, issued: str) -> None:
    change(cohort, issued, "revoked")
    assert cohort.shown(issued)["standing"] == "revoked"
    assert bits(cohort, issued) == {"revocation": True, "suspension": False}
    assert cohort.entries(ASHA) == []
    assert change(cohort, issued, "active").json()["params"]["err"] == "INVALID_DATA"
    cohort.ask(ASHA)
    cohort.work()
    assert len(cohort.certificates()) == 1
    cohort.ask(ASHA, again=True)
    cohort.work()
    assert [row["status"] for row in cohort.certificates()] == ["revoked", "active"]


@pytest.mark.parametrize("standing", ["revoked", "suspended"])
def test_a_verifier_that_is_not_ours_sees_it_too(cohort: Cohort, issued: str, standing: str) -> None:
    def fetch(url: str) -> str:
        return cohort.service.call("GET", urlsplit(url).path).text

    did = cohort.service.call("GET", "/.well-known/did.json").json()
    file = cohort.service.call("GET", f"/certs/{issued}.json").content
    assert verifier.standing(file, did, fetch) == "valid"
    change(cohort, issued, standing)
    assert verifier.standing(file, did, fetch) == standing


@pytest.mark.parametrize("form", ["svg", "png", "pdf"])
def test_every_picture_has_its_credential_in_it(cohort: Cohort, issued: str, form: str) -> None:
    picture = cohort.service.call("GET", f"/certs/{issued}.{form}").content
    alone = cohort.service.call("GET", f"/certs/{issued}.json").content
    assert baking.credential_in(picture) == (alone, True)


def test_a_stranger_changes_nothing(cohort: Cohort, issued: str) -> None:
    assert change(cohort, issued, "revoked", by=RAVI).status_code == 401
    assert change(cohort, "nothing", "revoked").status_code == 404
    assert change(cohort, issued, "superseded").json()["params"]["err"] == "INVALID_PARAMETER_VALUE"
    assert cohort.shown(issued)["valid"]


def test_the_old_one_points_to_the_new_one(cohort: Cohort, issued: str) -> None:
    cohort.ask(ASHA, again=True)
    cohort.work()
    newer = cohort.certificates()[1]["certificate_id"]
    shown = cohort.shown(issued)
    assert shown["standing"] == "superseded"
    assert [one["identifier"] for one in shown["revisions"]] == [newer, issued]
    assert f"/certs/{newer}" in cohort.service.call("GET", f"/certs/{issued}").text
    assert bits(cohort, issued)["revocation"]
    assert not bits(cohort, newer)["revocation"]


def test_one_replaced_through_another_template_and_another_name_points_to_the_newest(
    cohort: Cohort, issued: str
) -> None:
    """default gives way to b of the same name, and b to itself under a new name."""
    for name in ("CERTIFICATE of completion", "Certificate of attendance"):
        cohort.service.sql(
            """UPDATE batch
                  SET templates = jsonb_build_object('b', (SELECT value FROM jsonb_each(templates))
                                                          || jsonb_build_object('identifier', 'b', 'name', $2::text))
                WHERE batch_id = $1""",
            cohort.batch_id,
            name,
        )
        cohort.ask(ASHA, again=True)
        cohort.work()
    middle, newest = (row["certificate_id"] for row in cohort.certificates() if row["template_id"] == "b")
    for older in (issued, middle):
        shown = cohort.shown(older)
        assert (shown["standing"], shown["supersededBy"]) == ("superseded", newest)
        assert [one["identifier"] for one in shown["revisions"]] == [newest, middle, issued]
        assert f'<a href="/certs/{newest}">See the newer one</a>' in cohort.service.call("GET", f"/certs/{older}").text
    assert cohort.shown(newest)["supersededBy"] is None


def test_one_that_ran_out_is_expired(cohort: Cohort) -> None:
    cohort.enrol(ASHA)
    cohort.attach(validity={"days": 365})
    cohort.work()
    (row,) = cohort.certificates()
    assert cohort.shown(row["certificate_id"])["valid"]
    assert row["credential"]["validUntil"] == "2027-06-30T20:00:00Z"
    cohort.service.clock.move(days=400)
    assert cohort.shown(row["certificate_id"])["standing"] == "expired"


def test_a_record_that_was_tampered_with_is_broken(cohort: Cohort, issued: str) -> None:
    cohort.service.sql(
        "UPDATE certificate SET credential = jsonb_set(credential, '{name}', '\"Better\"') WHERE certificate_id = $1",
        issued,
    )
    assert cohort.shown(issued)["standing"] == "broken"
    assert "Do not trust it" in cohort.service.call("GET", f"/certs/{issued}").text


@pytest.mark.parametrize("name", ["nothing", "a" * 200, "351cf1ef-5c07-5b7f-a881-0e71c2e92bf1"])
def test_an_unknown_number_is_a_page_that_says_so(cohort: Cohort, name: str) -> None:
    page = cohort.service.call("GET", f"/certs/{name}")
    assert page.status_code == 404
    assert "Unknown certificate" in page.text
    assert cohort.service.call("GET", f"/certs/{name}", headers={"Accept": "application/json"}).status_code == 404
    assert cohort.service.call("GET", f"/certs/{name}.pdf").status_code == 404


def test_the_page_runs_no_script_and_loads_nothing_from_elsewhere(cohort: Cohort, issued: str) -> None:
    page = cohort.service.call("GET", f"/certs/{issued}")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "<script" not in page.text
    assert "http" not in page.text.replace("https://www.imsglobal.org/spec/ob/v3p0", "")
    assert cohort.service.call("GET", "/certs/static/page.css").headers["content-type"].startswith("text/css")


def test_there_is_no_such_list(cohort: Cohort) -> None:
    for path in ("other/0", "revocation/x", "revocation/9999999999", "revocation/%C2%B2"):
        assert cohort.service.call("GET", f"/certs/status/{path}").status_code == 404
