"""A key that came into wrong hands: what it signed is not valid until it is signed anew."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pypdf
import pytest

from lernbatch.certificate import actions, commands, page
from lernbatch.credential import baking, keys, proof
from lernbatch.errors import Unusable
from tests.certificate.cohort import Cohort, new_cohort
from tests.credential import verifier
from tests.people import ASHA, KAVYA
from tests.running import Running, running

NOW = datetime(2026, 7, 1, tzinfo=UTC)


@pytest.fixture
def leaking(new_dsn: Callable[[], str], tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path, new_dsn()) as service:
        yield service


@pytest.fixture
def cohort(leaking: Running) -> Cohort:
    """Two certificates, signed by the first key."""
    cohort = new_cohort(leaking)
    for person in (ASHA, KAVYA):
        cohort.enrol(person)
    cohort.attach()
    cohort.work()
    return cohort


def declare_bad(service: Running) -> str:
    """Declare the key bad that signs now; its name."""
    name = keys.key_set(service.config).signing.name
    keys.declare_bad(keys.folder_of(service.config), name, service.clock.now())
    return name


def test_what_a_bad_key_signed_is_not_valid_until_it_is_signed_anew(cohort: Cohort) -> None:
    service, numbers = cohort.service, [row["certificate_id"] for row in cohort.certificates()]
    before = {number: service.call("GET", f"/certs/{number}.json").json() for number in numbers}
    pdf = service.call("GET", f"/certs/{numbers[0]}.pdf").content
    bad = declare_bad(service)
    for number in numbers:
        assert (cohort.shown(number)["standing"], cohort.shown(number)["valid"]) == ("untrusted", False)
        assert page.SENTENCES["untrusted"] in service.call("GET", f"/certs/{number}").text
        assert service.call("GET", f"/certs/{number}.jwt").status_code == 404
        answer = service.call("POST", "/api/certreg/v1/certs/verify", None, {"data": {"id": number}})
        assert answer.json()["result"]["response"]["valid"] is False
    assert service.run(actions.re_sign(service.services)) == actions.ReSigning(2, [])
    for number in numbers:
        assert cohort.shown(number)["valid"]
        after = service.call("GET", f"/certs/{number}.json").json()
        assert bad not in after["proof"]["verificationMethod"]
        assert {**after, "proof": 0} == {**before[number], "proof": 0}
    drawn = service.call("GET", f"/certs/{numbers[0]}.pdf").content
    assert drawn != pdf
    (inside,) = pypdf.PdfReader(io.BytesIO(drawn)).attachments[baking.FILE_NAME]
    assert proof.verify(inside, keys.key_set(service.config).keys).trusted
    assert service.run(actions.re_sign(service.services)) == actions.ReSigning(0, [])


def test_others_stop_trusting_a_bad_key_by_our_document(cohort: Cohort) -> None:
    service, number = cohort.service, cohort.certificates()[0]["certificate_id"]
    old = service.call("GET", f"/certs/{number}.json").content
    bad = declare_bad(service)
    did = service.call("GET", "/.well-known/did.json").json()
    assert bad not in str(did)
    assert not verifier.proof_holds(old, did)
    assert bad not in service.call("GET", "/.well-known/jwks.json").text
    assert service.call("GET", f"/api/rc/certificate/v1/key/{bad}").status_code == 404
    service.run(actions.re_sign(service.services))
    new = service.call("GET", f"/certs/{number}.json").content
    assert verifier.proof_holds(new, did)
    assert not proof.verify(old, keys.key_set(service.config).keys).trusted


def test_a_record_that_was_changed_is_not_signed_anew_and_named(cohort: Cohort) -> None:
    service, number = cohort.service, cohort.certificates(ASHA)[0]["certificate_id"]
    service.sql(
        "UPDATE certificate SET credential = jsonb_set(credential, '{name}', '\"Better\"') WHERE certificate_id = $1",
        number,
    )
    assert service.call("GET", f"/certs/{number}.jwt").status_code == 404  # nor signed as a token
    declare_bad(service)
    assert service.run(actions.re_sign(service.services)) == actions.ReSigning(1, [number])
    assert cohort.shown(number)["standing"] == "broken"


def test_what_comes_after_is_signed_by_another_key(cohort: Cohort) -> None:
    bad = declare_bad(cohort.service)
    cohort.ask(ASHA, again=True)
    cohort.work()
    newest = cohort.certificates(ASHA)[-1]
    assert bad not in newest["credential"]["proof"]["verificationMethod"]
    assert cohort.shown(newest["certificate_id"])["valid"]


def test_our_own_verifier_does_not_trust_it_either(cohort: Cohort, tmp_path: Path) -> None:
    service, number = cohort.service, cohort.certificates()[0]["certificate_id"]
    file, trusted = tmp_path / "certificate.json", tmp_path / "did.json"
    file.write_bytes(service.call("GET", f"/certs/{number}.json").content)
    declare_bad(service)
    trusted.write_text(json.dumps(service.call("GET", "/.well-known/did.json").json()))
    with pytest.raises(Unusable, match="none of those you trust"):
        commands.verify(file, keys_file=trusted)


def test_a_key_that_is_not_there_cannot_be_declared_bad(tmp_path: Path) -> None:
    keys.open_key_set(tmp_path, "https://lern.example")
    with pytest.raises(Unusable, match="is called z6Mk"):
        keys.declare_bad(tmp_path, "z6Mk", NOW)


def test_an_older_good_key_that_can_sign_does(tmp_path: Path) -> None:
    first = keys.open_key_set(tmp_path, "https://lern.example").signing
    second = keys.add_key(tmp_path)
    assert keys.declare_bad(tmp_path, second.name, NOW).name == first.name
    assert keys.declare_bad(tmp_path, first.name, NOW).name not in (first.name, second.name)
    (tmp_path / "key-1.bad").write_text("nonsense")  # whatever it says
    assert {key.name for key in keys.open_key_set(tmp_path, "https://lern.example").bad} == {first.name, second.name}
