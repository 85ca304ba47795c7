"""Secrets are changed while the service answers: for a while the new one and the old one count, and no other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lernbatch.config import Config
from tests.certificate.cohort import new_cohort
from tests.cli.commands import Installation
from tests.learning import new_batch
from tests.people import ASHA, KAVYA, Person
from tests.running import Running, running

OLD_TOKEN, NEW_TOKEN = "the token of last year", "the token of this year"
OLD_KEY, NEW_KEY = "the key of last year", "the key of this year"
FROM_OUTSIDE = {"X-Forwarded-For": "203.0.113.7"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def changing(home: Path, module_dsn: str) -> Iterator[Running]:
    """A service in the middle of changing its service token and the key of a machine client."""
    clients = f"reports={OLD_KEY}, reports={NEW_KEY}, other=a key of somebody else"
    with running(home, module_dsn, service_token=f"{NEW_TOKEN}, {OLD_TOKEN}", machine_clients=clients) as service:
        yield service


@pytest.mark.parametrize(
    ("token", "status"), [(OLD_TOKEN, 200), (NEW_TOKEN, 200), (f"{NEW_TOKEN}, {OLD_TOKEN}", 403), ("", 403)]
)
def test_the_new_and_the_old_service_token_open_the_private_routes(changing: Running, token: str, status: int) -> None:
    request = {"edata": {"userId": "nobody-has-this-id"}}
    headers = {**FROM_OUTSIDE, "X-Service-Token": token}
    assert (
        changing.call("POST", "/private/v1/user/account/delete", None, request, headers=headers).status_code == status
    )


@pytest.mark.parametrize("token", ["a, b", "a token with, a comma", OLD_TOKEN])
def test_a_service_token_with_a_comma_in_it_is_one(token: str) -> None:
    assert Config(service_token=token).service_tokens == (token,)


@pytest.mark.parametrize(
    ("client", "key", "status"),
    [("reports", OLD_KEY, 200), ("reports", NEW_KEY, 200), ("reports", "a key of somebody else", 401)],
)
def test_a_machine_client_shows_its_new_key_or_its_old_one(
    changing: Running, client: str, key: str, status: int
) -> None:
    headers = {"X-Authenticated-Client-Id": client, "X-Authenticated-Client-Token": key}
    batch = f"/v1/course/batch/read/{new_batch(changing)}"
    assert changing.call("GET", batch, None, headers=headers).status_code == status


def test_certificates_are_signed_by_the_new_key_and_the_others_stay_valid(
    home: Path, changing: Running, module_dsn: str
) -> None:
    def issued(person: Person) -> str:
        cohort.enrol(person)
        cohort.ask(person)
        cohort.work()
        return str(cohort.certificates(person)[0]["certificate_id"])

    def signer(number: str) -> str:
        return str(changing.call("GET", f"/certs/{number}.json").json()["proof"]["verificationMethod"])

    cohort = new_cohort(changing)
    cohort.attach()
    first = issued(ASHA)
    rotated = Installation(home, module_dsn, {}).run("certificate", "rotate-key")
    assert rotated.returncode == 0, rotated.stderr
    second = issued(KAVYA)
    assert signer(second) != signer(first)
    assert cohort.shown(first)["valid"]
    assert cohort.shown(second)["valid"]
    document = changing.call("GET", "/.well-known/did.json").json()
    assert {signer(first), signer(second)} <= {method["id"] for method in document["verificationMethod"]}
