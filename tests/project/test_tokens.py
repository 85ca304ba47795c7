"""Which tokens count, for how long, and for what: beside the ones of the contract in test_failures.py."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from joserfc import jws, jwt
from joserfc.jwk import RSAKey

from lernbatch.account import ended
from lernbatch.clock import Clock
from lernbatch.config import Config
from lernbatch.errors import Unusable
from lernbatch.sunbird.users import Profile
from lernbatch.web import tokens
from sandbox import identity
from tests.learning import at, enrolled, item, new_batch, new_learner
from tests.people import IMRAN, VIKRAM
from tests.progress.test_attempts import attempt
from tests.running import Running, running
from tests.seeds import answer

TOKEN, MANAGED = "X-Authenticated-User-Token", "X-Authenticated-For"
READ = "/v1/course/batch/read/0140"
UPDATE = "/v1/content/state/update"
NOBODY_S = 401


def signed(service: Running, **claims: Any) -> str:
    """A token with a right signature and whatever claims; None leaves one out."""
    now = int(service.clock.now().timestamp())
    provider = service.config.federation_provider_id or "any"
    usual = {
        "sub": f"f:{provider}:{VIKRAM.user_id}",
        "iss": service.config.token_issuer,
        "iat": now,
        "exp": now + 600,
        "typ": "Bearer",
        "aud": "account",
        "azp": "portal",
        "roles": [{"role": "PUBLIC", "scope": []}],
    }
    payload = {name: value for name, value in {**usual, **claims}.items() if value is not None}
    key_id = next(identity.public_folder(service.config.home).iterdir()).name
    key = RSAKey.import_key((service.config.home / "keys" / "private.pem").read_bytes())
    return jwt.encode({"alg": "RS256", "kid": key_id}, payload, key)


def read(service: Running, **claims: Any) -> int:
    """The status of a read with such a token; 200: the token counts."""
    return service.call("GET", READ, headers={TOKEN: signed(service, **claims)}).status_code


@pytest.fixture(scope="module")
def choosy(tmp_path_factory: pytest.TempPathFactory, module_dsn: str) -> Iterator[Running]:
    """A service that says which audiences, clients and provider it takes, and the issuer of managed tokens."""
    settings: dict[str, Any] = {
        "token_audiences": "lern, account",
        "token_clients": "portal, app",
        "federation_provider_id": "idp-1",
        "managed_token_issuer_required": True,
        "machine_clients": "reporting=a key of sixteen",
    }
    with running(tmp_path_factory.mktemp("choosy"), module_dsn, **settings) as service:
        yield service


@pytest.mark.parametrize(
    "claims",
    [
        {"typ": "ID"},
        {"typ": "Refresh"},
        {"typ": "Offline"},
        {"typ": 7},
        {"parentId": "somebody"},
        {"parentId": 7},
        {"iss": None},
        {"iss": ["a"]},
        {"exp": 1e12},
        {"exp": True},
        {"exp": "tomorrow"},
        {"nbf": "tomorrow"},
        {"iat": "yesterday"},
        {"iat": True},
        {"sub": ""},
        {"sub": "f:any:"},
        {"sub": 7},
    ],
)
def test_a_token_of_another_kind_counts_as_none(service: Running, claims: dict[str, Any]) -> None:
    assert read(service) == 200
    assert read(service, **claims) == NOBODY_S


@pytest.mark.parametrize(
    "claims", [{"typ": None}, {"nbf": 0}, {"iat": None}, {"sub": VIKRAM.user_id}, {"aud": None, "azp": None}]
)
def test_what_identity_providers_leave_out_is_not_missed(service: Running, claims: dict[str, Any]) -> None:
    assert read(service, **claims) == 200


@pytest.mark.parametrize("claim", ["nbf", "iat"])
def test_a_token_of_the_future_counts_as_none_but_clocks_may_differ(service: Running, claim: str) -> None:
    now = int(service.clock.now().timestamp())
    assert read(service, **{claim: now + 50}) == 200
    assert read(service, **{claim: now + 3600}) == NOBODY_S
    assert read(service, **{"nbf": now - 10, "iat": now - 10, claim: now + 3600.5}) == NOBODY_S
    token = signed(service, **{claim: now + 3600, "exp": now + 7200})
    assert service.call("GET", READ, headers={TOKEN: token}).status_code == NOBODY_S
    service.clock.move(hours=1)
    assert service.call("GET", READ, headers={TOKEN: token}).status_code == 200  # it was remembered, not refused


@pytest.mark.parametrize("claim", ["nbf", "iat"])
def test_a_childs_token_of_the_future_ends_the_call(service: Running, claim: str) -> None:
    now = int(service.clock.now().timestamp())
    for ahead, status in ((50, 200), (3600, NOBODY_S)):
        child = signed(service, sub=IMRAN.user_id, parentId=VIKRAM.user_id, **{claim: now + ahead})
        headers = {TOKEN: signed(service), MANAGED: child}
        assert service.call("GET", READ, headers=headers).status_code == status


@pytest.mark.parametrize(
    ("claims", "counts"),
    [
        ({}, True),
        ({"aud": ["x", "lern"]}, True),
        ({"aud": "x"}, False),
        ({"aud": ["x"]}, False),
        ({"aud": None}, False),
        ({"aud": {"lern": 1}}, False),
        ({"azp": "app"}, True),
        ({"azp": "other"}, False),
        ({"azp": None}, False),
        ({"azp": ["app"]}, False),
        ({"sub": f"f:evil-idp:{VIKRAM.user_id}"}, False),
        ({"sub": f"f:idp-1:x:{VIKRAM.user_id}"}, False),
        ({"sub": f"idp-1:{VIKRAM.user_id}"}, False),
        ({"sub": VIKRAM.user_id}, True),
        ({"sub": "f:idp-1:reporting"}, False),  # the id of a machine client
    ],
)
def test_audience_client_and_provider_are_those_of_the_settings(
    choosy: Running, claims: dict[str, Any], counts: bool
) -> None:
    assert read(choosy, **claims) == (200 if counts else NOBODY_S)


@pytest.mark.parametrize(
    ("issuer", "taken", "taken_by_the_choosy"),
    [(None, True, False), ("https://elsewhere.example", False, False), ("ours", True, True)],
)
def test_a_managed_token_is_held_to_the_same_issuer(
    service: Running, choosy: Running, issuer: str | None, taken: bool, taken_by_the_choosy: bool
) -> None:
    for each, expected in ((service, taken), (choosy, taken_by_the_choosy)):
        said = each.config.token_issuer if issuer == "ours" else issuer
        child = signed(each, sub=IMRAN.user_id, parentId=VIKRAM.user_id, iss=said)
        headers = {TOKEN: signed(each), MANAGED: child}
        assert each.call("GET", READ, headers=headers).status_code == (200 if expected else NOBODY_S)


def report(service: Running, batch_id: str, token: str, **fields: Any) -> httpx.Response:
    body = {"contents": [item(batch_id, **fields)]}
    return service.call("PATCH", UPDATE, None, body, headers={TOKEN: token})


def test_a_token_that_has_ended_reports_what_was_done_before_and_nothing_else(service: Running) -> None:
    batch_id = new_batch(service)
    learner = enrolled(service, batch_id)
    ended_at = service.clock.now()
    token = signed(service, sub=learner.user_id, exp=int(ended_at.timestamp()))
    service.clock.move(hours=2)
    before, after = at(ended_at - timedelta(minutes=5)), at(ended_at + timedelta(minutes=5))
    assert report(service, batch_id, token, status=1, lastAccessTime=before).status_code == 200
    for fields in (
        {"lastAccessTime": after},
        {"lastCompletedTime": after},
        {"lastAccessTime": before, "lastCompletedTime": after},
        {},
    ):
        assert report(service, batch_id, token, status=2, **fields).status_code == NOBODY_S
    mixed = {"contents": [item(batch_id, lastAccessTime=time) for time in (before, after)]}
    assert service.call("PATCH", UPDATE, None, mixed, headers={TOKEN: token}).status_code == NOBODY_S
    for attempted_at, status in ((ended_at - timedelta(minutes=5), 200), (ended_at + timedelta(minutes=5), NOBODY_S)):
        attempts = {"assessments": [attempt(batch_id, answer(1, 1.0), ts=int(attempted_at.timestamp() * 1000))]}
        assert service.call("PATCH", UPDATE, None, attempts, headers={TOKEN: token}).status_code == status
    sync = {"courseId": "do_1", "batchId": batch_id, "userId": learner.user_id}
    assert service.call("PATCH", UPDATE, None, sync, headers={TOKEN: token}).status_code == NOBODY_S
    assert report(service, batch_id, service.token(learner), status=2, lastAccessTime=after).status_code == 200


@pytest.mark.parametrize(("days", "status"), [(29, 200), (31, NOBODY_S), (5 * 365, NOBODY_S)])
def test_a_token_is_late_for_a_month_at_most(service: Running, days: int, status: int) -> None:
    batch_id = new_batch(service, days=None)
    learner = enrolled(service, batch_id)
    ended_at = service.clock.now()
    token = signed(service, sub=learner.user_id, exp=int(ended_at.timestamp()))
    service.clock.move(days=days)
    assert report(service, batch_id, token, lastAccessTime=at(ended_at - timedelta(minutes=5))).status_code == status


def test_a_late_token_of_a_managed_user_bounds_the_call_too(service: Running) -> None:
    batch_id = new_batch(service)
    learner = enrolled(service, batch_id)
    ended_at = service.clock.now()
    over = int(ended_at.timestamp())
    parent = new_learner("Parent")
    child = signed(service, sub=learner.user_id, parentId=parent.user_id, exp=over)
    service.clock.move(hours=2)
    headers = {**service.headers(parent), MANAGED: child}
    after = {"contents": [item(batch_id, lastAccessTime=at(ended_at + timedelta(hours=1)))]}
    before = {"contents": [item(batch_id, lastAccessTime=at(ended_at - timedelta(minutes=1)))]}
    assert service.call("PATCH", UPDATE, None, after, headers=headers).status_code == NOBODY_S
    assert service.call("PATCH", UPDATE, None, before, headers=headers).status_code == 200


def test_tokens_of_deleted_and_merged_accounts_end_at_once(service: Running) -> None:
    deleted, merged, into = new_learner(), new_learner(), new_learner()
    for person in (deleted, merged, into):
        assert service.call("GET", READ, person).status_code == 200
    forget = {"edata": {"userId": deleted.user_id}}
    assert service.call("POST", "/private/v1/user/account/delete", None, forget).status_code == 200
    pair = {"edata": {"fromAccountId": merged.user_id, "toAccountId": into.user_id}}
    assert service.call("POST", "/private/v1/user/account/merge", None, pair).status_code == 200
    for person in (deleted, merged):
        assert service.call("GET", READ, person).status_code == NOBODY_S
        assert report(service, "0140", service.token(person, expired=True)).status_code == NOBODY_S
    assert service.call("GET", READ, into).status_code == 200
    child = service.token(into, parent_id=deleted.user_id)
    assert service.call("GET", READ, deleted, headers={MANAGED: child}).status_code == NOBODY_S
    back = {"edata": {"fromAccountId": into.user_id, "toAccountId": merged.user_id}}
    assert service.call("POST", "/private/v1/user/account/merge", None, back).status_code == 200
    assert service.call("GET", READ, merged).status_code == 200


def test_other_processes_hear_of_ended_accounts(service: Running, tmp_path_factory: pytest.TempPathFactory) -> None:
    gone, back = new_learner(), new_learner()
    now = service.clock.now()
    service.sql("INSERT INTO ended_account VALUES ($1, true, $3), ($2, false, $3)", gone.user_id, back.user_id, now)
    service.services.tokens.end(back.user_id)
    service.run(ended.read_since(service.services, now - timedelta(seconds=1)))
    assert service.call("GET", READ, gone).status_code == NOBODY_S
    assert service.call("GET", READ, back).status_code == 200


def test_what_the_user_service_says_of_somebody_counts_for_their_token(service: Running) -> None:
    person = new_learner()
    service.services.sunbird.users._tell(Profile(person.user_id, status=0))
    assert service.call("GET", READ, person).status_code == NOBODY_S
    service.services.sunbird.users._tell(Profile(person.user_id))
    assert service.call("GET", READ, person).status_code == 200


@pytest.mark.parametrize(
    "clients",
    [
        "reporting=short",
        "reporting=a key of sixteen, and more",  # a comma in a key
        "reporting=a key of sixteen,scheduler",
        "=a key of sixteen",
        "reporting=a key of sixteen, reporting=a key of sixteen",
        "reporting=a key of sixteen, reporting=another key of sixteen, reporting=a third key of sixteen",
    ],
)
def test_keys_of_machine_clients_are_long_and_whole(clients: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    config = Config(home=tmp_path_factory.mktemp("keys"), machine_clients=clients)
    keys = tokens.PublicKeys(identity.public_folder(config.home), 30)
    with pytest.raises(Unusable, match="LERNBATCH_MACHINE_CLIENTS"):
        tokens.TokenVerifier(config, Clock(config.time_zone), keys)


def test_a_key_may_end_like_base64(tmp_path_factory: pytest.TempPathFactory) -> None:
    assert tokens.read_clients(" a = c2l4dGVlbiBieXRlcw== , ") == {"a": ("c2l4dGVlbiBieXRlcw==",)}


@pytest.mark.parametrize("depth", [900, 20_000])
def test_a_payload_or_a_head_that_is_too_deep_is_no_token(service: Running, depth: int) -> None:
    key = RSAKey.import_key((service.config.home / "keys" / "private.pem").read_bytes())
    key_id = next(identity.public_folder(service.config.home).iterdir()).name
    deep = b"[" * depth + b"]" * depth
    payload = jws.serialize_compact({"alg": "RS256", "kid": key_id}, deep, key)
    head = urlsafe_b64encode(b'{"alg":"RS256","kid":' + deep + b"}").decode()
    for token in (payload, f"{head}.e30.e30"):
        assert service.call("GET", READ, headers={TOKEN: token}).status_code == NOBODY_S
