"""Signing in and out over HTTP: cookies, forms that are ours, sessions that end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lernbatch.config import Config
from lernbatch.session import rules as session_rules
from tests.console.conftest import Visits
from tests.people import ASHA, IMRAN, MEERA, VIKRAM
from tests.running import MovableClock, Running, running


def test_who_is_not_signed_in_is_led_to_signing_in_and_back(visits: Visits) -> None:
    visitor = visits()
    answer = visitor.get("/console/sessions?a=b")
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/console/sign-in?next=%2Fconsole%2Fsessions%3Fa%3Db",
    )
    assert 'value="/console/sessions?a=b"' in visitor.get(answer.headers["location"]).text
    answer = visitor.post("/console/sign-in", {"do": "choose", "user": VIKRAM.user_id, "next": "/console/sessions?a=b"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/sessions?a=b")
    assert "Vikram Rao" in visitor.get("/console/sessions").text


@pytest.mark.parametrize("path", ["/", "/console"])
def test_the_first_address_leads_to_the_console(visits: Visits, path: str) -> None:
    answer = visits().get(path)
    assert (answer.status_code, answer.headers["location"]) == (302, "/console/")


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example/", "/console/\\evil", "/v1/course/batch/create", "", None]
)
def test_signing_in_never_leads_to_another_site(visits: Visits, elsewhere: str | None) -> None:
    form = {"do": "choose", "user": VIKRAM.user_id, **({} if elsewhere is None else {"next": elsewhere})}
    assert visits().post("/console/sign-in", form).headers["location"] == "/console/"


def test_k02_people_are_offered_by_role_and_one_press_is_signed_in(visits: Visits) -> None:
    visitor = visits()
    page = visitor.get("/console/sign-in").text
    roles = [page.index(text) for text in ("Organisation administrator", "Batch creator", "Mentor", "Learner")]
    assert roles == sorted(roles)
    assert visitor.post("/console/sign-in", {"do": "choose", "user": ASHA.user_id}).status_code == 303
    assert "Asha K" in visitor.get("/console/my").text


def test_k02_nobody_chooses_who_they_are_where_keys_of_a_provider_count(
    new_dsn: Callable[[], str], tmp_path: Path, visits: Visits
) -> None:
    (tmp_path / "keys").mkdir()
    with running(tmp_path, new_dsn(), public_key_folder=tmp_path / "keys") as service:
        visitor = visits(at=service)
        assert "Choose who you are" not in visitor.get("/console/sign-in").text
        assert visitor.post("/console/sign-in", {"do": "choose", "user": ASHA.user_id}).status_code == 404


@pytest.mark.parametrize(
    ("settings", "allowed"),
    [
        ({}, True),
        ({"host": "127.0.0.1"}, True),
        ({"host": "::1"}, True),
        ({"host": "localhost"}, True),
        ({"host": "0.0.0.0"}, False),
        ({"host": "10.1.2.3"}, False),
        ({"host": "0.0.0.0", "demo_sign_in": True}, True),
        ({"public_key_folder": Path("/keys"), "demo_sign_in": True}, False),
    ],
)
def test_k02_choosing_who_one_is_needs_the_local_key_and_loopback_or_the_setting(
    settings: dict[str, object], allowed: bool
) -> None:
    assert session_rules.signs_in_locally(Config(**settings)) is allowed


@pytest.mark.parametrize(
    ("host", "is_plain"), [("127.0.0.1:8000", True), ("localhost", True), ("learn.example", False)]
)
def test_k03_the_cookie_is_for_the_console_alone_and_secure_off_this_machine(
    visits: Visits, host: str, is_plain: bool
) -> None:
    answer = visits(host=host).post("/console/sign-in", {"do": "choose", "user": VIKRAM.user_id})
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("lernbatch=" if is_plain else "__Secure-lernbatch=")
    assert ("; Secure" in cookie) is not is_plain
    assert all(part in cookie for part in ("; HttpOnly", "; Path=/console", "; SameSite=lax"))


def test_k03_the_cookie_opens_no_call_of_the_api(visits: Visits, service: Running) -> None:
    visitor = visits(VIKRAM)
    value = visitor.http.cookies["lernbatch"]
    answer = service.call("POST", "/v1/course/batch/create", None, {}, headers={"Cookie": f"lernbatch={value}"})
    assert answer.status_code == 401


def test_a_token_in_a_header_signs_nobody_in_to_the_console(visits: Visits, service: Running) -> None:
    assert visits(**service.headers(VIKRAM)).get("/console/sessions").status_code == 303


def test_k04_a_form_with_no_token_or_anothers_changes_nothing_and_is_shown_again(
    visits: Visits, service: Running
) -> None:
    visitor, other = visits(VIKRAM), visits(VIKRAM)
    rows = "SELECT session_id FROM console_session WHERE user_id = $1 ORDER BY 1"
    before = service.sql(rows, VIKRAM.user_id)
    for token in ("", "zz", "00" * 64, other.hidden("/console/sessions", "end")["csrf"]):
        form = {"do": "end", "csrf": token, "session": before[0]["session_id"].hex()}
        answer = visitor.post("/console/sessions", form)
        assert answer.status_code == 403
        assert "nothing was saved" in answer.text
        assert "<title>Error: " in answer.text
    assert service.sql(rows, VIKRAM.user_id) == before


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
def test_k04_a_form_that_another_site_sends_changes_nothing(visits: Visits, site: str) -> None:
    visitor = visits(VIKRAM)
    assert visitor.send("/console/sign-out", "sign-out", {}, **{"Sec-Fetch-Site": site}).status_code == 403
    assert visitor.get("/console/sessions").status_code == 200
    assert visitor.send("/console/sign-out", "sign-out", {}, **{"Sec-Fetch-Site": "same-origin"}).status_code == 303


def test_k06_a_form_that_comes_after_the_session_ended_is_there_again_after_signing_in(
    visits: Visits, clock: MovableClock
) -> None:
    visitor = visits(MEERA)
    clock.move(hours=3)
    answer = visitor.post("/console/sessions", {"do": "end", "session": "typed <here>"})
    assert answer.status_code == 401
    assert "what you typed is kept" in answer.text
    kept = visitor.fields(answer.text, "choose")
    answer = visitor.post("/console/sign-in", {**kept, "user": MEERA.user_id})
    assert answer.headers["location"] == "/console/sessions?kept=1"
    assert "send it again" in visitor.get(answer.headers["location"]).text
    assert "send it again" not in visitor.get(answer.headers["location"]).text  # once


@pytest.mark.parametrize(("hours", "every", "is_over"), [(2.1, 2.1, True), (11, 1, False), (12.5, 1, True)])
def test_a_session_ends_after_two_idle_hours_and_twelve_in_all(
    visits: Visits, clock: MovableClock, hours: float, every: float, is_over: bool
) -> None:
    visitor, passed = visits(IMRAN), 0.0
    while passed + every <= hours:
        clock.move(hours=every)
        passed += every
        answer = visitor.get("/console/sessions")
    assert (answer.status_code == 303) is is_over


def test_signing_out_ends_the_session_also_for_who_kept_the_cookie(visits: Visits) -> None:
    visitor, thief = visits(VIKRAM), visits()
    thief.http.cookies.set("lernbatch", visitor.http.cookies["lernbatch"], domain="127.0.0.1", path="/console")
    assert thief.get("/console/sessions").status_code == 200
    assert visitor.send("/console/sign-out", "sign-out", {}).status_code == 303
    assert thief.get("/console/sessions").status_code == 303


def test_one_sees_and_ends_ones_other_sessions(visits: Visits) -> None:
    here, elsewhere = visits(MEERA), visits(MEERA)
    ids = here.values(here.get("/console/sessions").text, "session")
    assert len(ids) >= 1
    for session_id in ids:
        assert here.send("/console/sessions", "end", {"session": session_id}).status_code == 303
    assert elsewhere.get("/console/sessions").status_code == 303
    assert here.get("/console/sessions").status_code == 200


def test_nobody_ends_a_session_of_somebody_else(visits: Visits, service: Running) -> None:
    vikram, meera, _ = visits(VIKRAM), visits(MEERA), visits(MEERA)
    theirs = service.sql("SELECT session_id FROM console_session WHERE user_id = $1", VIKRAM.user_id)
    for row in theirs:
        meera.send("/console/sessions", "end", {"session": row["session_id"].hex()})
    assert vikram.get("/console/sessions").status_code == 200


def test_what_is_stored_of_a_session_opens_none(visits: Visits, service: Running) -> None:
    visitor = visits(VIKRAM)
    rows = service.sql("SELECT * FROM console_session WHERE user_id = $1", VIKRAM.user_id)
    stored = b"".join(row["session_id"] + row["sealed"] for row in rows)
    assert visitor.http.cookies["lernbatch"].encode() not in stored
    assert b"Vikram" not in stored
    assert service.token(VIKRAM).encode() not in stored


def test_signing_in_too_often_is_429_and_says_when_to_try_again(
    new_dsn: Callable[[], str], tmp_path: Path, visits: Visits
) -> None:
    with running(tmp_path, new_dsn(), sign_ins_per_minute=2) as service:
        service.clock.stop()
        form = {"do": "choose", "user": ASHA.user_id}
        answers = [visits(at=service).post("/console/sign-in", form) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [303, 303, 429]
        assert (answers[2].headers["retry-after"], "Wait a minute" in answers[2].text) == ("60", True)
        service.clock.move(minutes=1)
        assert visits(at=service).post("/console/sign-in", form).status_code == 303
