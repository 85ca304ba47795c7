"""Signing in at an OpenID Connect provider: what is asked, what must come back, and how a session goes on and ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from lernbatch.clock import Clock
from lernbatch.config import Config
from tests.console.browsing import Visitor
from tests.console.conftest import Visits
from tests.console.stand_in_provider import CLIENT, SECRET, StandIn
from tests.people import MEERA, VIKRAM
from tests.running import Running, running, served


@pytest.fixture(scope="module")
def at_provider(
    new_dsn: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Running, StandIn]]:
    """A service whose people sign in at a provider."""
    home = tmp_path_factory.mktemp("provider")
    stand_in = StandIn(Clock(Config().time_zone), VIKRAM)
    stand_in.publish(home / "keys" / "public")
    with served(stand_in.application()) as url:
        stand_in.url = url
        settings = {
            "public_key_folder": home / "keys" / "public",
            "oidc_issuer": stand_in.issuer,
            "sso_url": f"{url}/",
            "sso_realm": "learn",
            "oidc_client_id": CLIENT,
            "oidc_client_secret": SECRET,
        }
        with running(home, new_dsn(), **settings) as service:
            stand_in.clock = service.clock
            yield service, stand_in


@pytest.fixture
def service(at_provider: tuple[Running, StandIn]) -> Iterator[Running]:
    yield at_provider[0]
    at_provider[0].clock.ahead *= 0


@pytest.fixture
def provider(at_provider: tuple[Running, StandIn]) -> Iterator[StandIn]:
    stand_in = at_provider[1]
    yield stand_in
    stand_in.spoil, stand_in.refuses_refresh, stand_in.person = {}, False, VIKRAM


def signed_in(visitor: Visitor, **changes: str) -> str:
    """Go through the provider and back; the address where that leads. `changes`: of what comes back."""
    answer = visitor.post("/console/sign-in", {"do": "provider", "next": "/console/sessions"})
    assert answer.status_code == 303, answer.text
    back = visitor.http.get(answer.headers["location"]).headers["location"]
    query = {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()}
    answer = visitor.http.get("/console/callback", params={**query, **changes})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def test_k01_signing_in_uses_a_code_with_pkce_a_state_and_a_nonce(visits: Visits, provider: StandIn) -> None:
    visitor = visits()
    assert signed_in(visitor) == "/console/sessions"
    asked = provider.asked[-1]
    assert (asked["response_type"], asked["code_challenge_method"], asked["client_id"]) == ("code", "S256", CLIENT)
    assert len({asked["state"], asked["nonce"], asked["code_challenge"]}) == 3
    assert min(len(asked[name]) for name in ("state", "nonce", "code_challenge")) >= 43
    assert "openid" in asked["scope"]
    assert "Vikram Rao" in visitor.get("/console/sessions").text


@pytest.mark.parametrize("changes", [{"state": "another"}, {"state": ""}, {"code": "another"}])
def test_k01_what_comes_back_changed_signs_nobody_in(
    visits: Visits, provider: StandIn, changes: dict[str, str]
) -> None:
    visitor = visits()
    assert signed_in(visitor, **changes) == "/console/sign-in?failed=1"
    assert "did not sign you in" in visitor.get("/console/sign-in?failed=1").text
    assert visitor.get("/console/sessions").status_code == 303


@pytest.mark.parametrize(
    "spoil",
    [{"nonce": "another"}, {"aud": "another"}, {"iss": "https://another.example"}, {"exp": 1}, {"exp": None}],
)
def test_k01_an_id_token_that_was_not_asked_for_signs_nobody_in(
    visits: Visits, provider: StandIn, spoil: dict[str, object]
) -> None:
    provider.spoil = spoil
    visitor = visits()
    assert signed_in(visitor) == "/console/sign-in?failed=1"
    assert visitor.get("/console/sessions").status_code == 303


def test_k01_an_answer_of_the_provider_counts_once_and_in_the_browser_that_asked(
    visits: Visits, provider: StandIn
) -> None:
    visitor, thief = visits(), visits()
    answer = visitor.post("/console/sign-in", {"do": "provider"})
    back = visitor.http.get(answer.headers["location"]).headers["location"]
    path = "/console/callback?" + urlsplit(back).query
    assert thief.get(path).headers["location"] == "/console/sign-in?failed=1"
    assert visitor.get(path).headers["location"] == "/console/"
    assert visitor.get(path).headers["location"] == "/console/sign-in?failed=1"


def test_k02_with_a_provider_nobody_chooses_who_they_are(visits: Visits, provider: StandIn) -> None:
    visitor = visits()
    html = visitor.get("/console/sign-in").text
    assert "Choose who you are" not in html
    assert "Sign in with 127.0.0.1" in html
    assert visitor.post("/console/sign-in", {"do": "choose", "user": VIKRAM.user_id}).status_code == 404


def test_forms_may_lead_to_the_provider_and_nowhere_else(visits: Visits, provider: StandIn) -> None:
    policy = visits().get("/console/sign-in").headers["content-security-policy"]
    assert f"form-action 'self' {provider.url};" in policy


def test_tokens_are_renewed_before_they_end_and_once_for_requests_at_the_same_time(
    visits: Visits, provider: StandIn, service: Running
) -> None:
    visitor = visits()
    signed_in(visitor)
    before = provider.refreshed
    assert visitor.get("/console/sessions").status_code == 200
    assert provider.refreshed == before
    service.clock.move(seconds=245)
    assert [visitor.get("/console/sessions").status_code for _ in range(3)] == [200, 200, 200]
    assert provider.refreshed == before + 1
    service.clock.move(minutes=30)
    assert visitor.get("/console/sessions").status_code == 200


def test_a_session_ends_when_the_provider_renews_it_no_more_and_keeps_what_was_typed(
    visits: Visits, provider: StandIn, service: Running
) -> None:
    visitor = visits()
    signed_in(visitor)
    provider.refuses_refresh = True
    service.clock.move(minutes=10)
    answer = visitor.post("/console/sessions", {"do": "end", "session": "typed"})
    assert answer.status_code == 401
    kept = visitor.fields(answer.text, "provider")
    assert kept["kept"]
    answer = visitor.post("/console/sign-in", kept)
    provider.refuses_refresh = False
    back = visitor.http.get(answer.headers["location"]).headers["location"]
    answer = visitor.get("/console/callback?" + urlsplit(back).query)
    assert answer.headers["location"] == "/console/sessions?kept=1"
    assert "send it again" in visitor.get(answer.headers["location"]).text


def test_signing_out_ends_the_provider_s_session_too(visits: Visits, provider: StandIn) -> None:
    visitor = visits()
    signed_in(visitor)
    answer = visitor.send("/console/sign-out", "sign-out", {})
    assert answer.headers["location"].startswith(f"{provider.issuer}/end?")
    visitor.http.get(answer.headers["location"])
    assert provider.signed_out[-1]["post_logout_redirect_uri"].endswith("/console/sign-in?signed-out=1")
    assert provider.signed_out[-1]["id_token_hint"]


def test_the_roles_of_the_token_are_the_caller_s(visits: Visits, provider: StandIn) -> None:
    provider.person = MEERA
    visitor = visits()
    signed_in(visitor)
    assert "Mentor" in visitor.get("/console/sessions").text


def test_a_provider_that_is_away_is_a_page_with_a_way_on(
    new_dsn: Callable[[], str], tmp_path: Path, visits: Visits
) -> None:
    settings = {"oidc_issuer": "http://127.0.0.1:1/realm", "oidc_client_id": CLIENT}
    with running(tmp_path, new_dsn(), **settings) as away:
        answer = visits(at=away).post("/console/sign-in", {"do": "provider"})
        assert (answer.status_code, answer.headers["retry-after"]) == (502, "5")
        assert "Another service does not answer" in answer.text
