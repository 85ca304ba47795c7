"""Rate limits: who is counted, what a refusal says, and that the processes of a service count together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import Request

from lernbatch.config import Config
from lernbatch.ops import retention
from lernbatch.web import rates
from lernbatch.web.private import counted_address
from tests.learning import new_batch
from tests.people import ASHA, VIKRAM
from tests.running import Running, running

ANYBODY_S = "/certs/templates/default.svg"
FROM_OUTSIDE = {"X-Forwarded-For": "203.0.113.7"}


@pytest.fixture(scope="module")
def pair(new_dsn: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Running]]:
    """Two services on one database, as two processes are, whose clocks stand still between tests."""
    dsn = new_dsn()
    settings: dict[str, Any] = {"anonymous_calls_per_minute": 4, "dear_calls_per_minute": 2}
    home = tmp_path_factory.mktemp("home")
    settings["trusted_proxies"] = "127.0.0.1/32"
    with running(home, dsn, **settings) as one, running(home, dsn, **settings) as other:
        yield one, other


@pytest.fixture(autouse=True)
def a_minute_of_its_own(pair: tuple[Running, Running]) -> None:
    for service in pair:
        service.clock.stop()
        service.clock.stopped = pair[0].clock.stopped
    pair[0].clock.move(minutes=10)
    pair[1].clock.ahead = pair[0].clock.ahead


def shared(*services: Running) -> None:
    """What they do once a second."""
    for service in (*services, *services):
        service.run(service.services.rates.exchange(service.services.pool, service.clock.now()))


def ask(service: Running, times: int, address: str = "203.0.113.7", path: str = ANYBODY_S) -> list[int]:
    headers = {"X-Forwarded-For": address}
    return [service.call("GET", path, headers=headers).status_code for _ in range(times)]


def test_an_address_may_call_so_often_and_is_told_when_to_come_back(pair: tuple[Running, Running]) -> None:
    service, _ = pair
    assert ask(service, 4) == [200] * 4
    answer = service.call("GET", ANYBODY_S, headers=FROM_OUTSIDE)
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    params = answer.json()["params"]
    assert (params["err"], params["msgid"]) == ("TOO_MANY_REQUESTS", answer.headers["X-Request-ID"])
    assert ask(service, 1, "203.0.113.8") == [200]
    service.clock.move(minutes=1)
    assert ask(service, 1) == [200]


def test_the_processes_of_a_service_count_together(pair: tuple[Running, Running]) -> None:
    one, other = pair
    assert ask(one, 3) == [200] * 3
    assert ask(other, 1) == [200]
    shared(one, other)
    assert ask(one, 1) + ask(other, 1) == [429] * 2


def test_pages_that_are_open_to_all_count_as_calls_do(pair: tuple[Running, Running]) -> None:
    service, _ = pair
    assert ask(service, 5, path=f"/console/b/{new_batch(service)}") == [200] * 4 + [429]


def test_who_shows_a_token_comes_from_inside_or_watches_is_not_counted(pair: tuple[Running, Running]) -> None:
    service, _ = pair
    for headers in ({**FROM_OUTSIDE, **service.headers(ASHA)}, {}):
        answers = [service.call("GET", ANYBODY_S, headers=headers).status_code for _ in range(6)]
        assert answers == [200] * 6
    for path in ("/health", "/healthz", "/service/health", "/livez", "/readyz", "/metrics"):
        assert ask(service, 5, path=path) == [200] * 5


def test_dear_calls_are_counted_by_person(pair: tuple[Running, Running]) -> None:
    def preview(service: Running) -> httpx.Response:
        request = {"batchId": batch_id, "template": {"identifier": "none"}}
        return service.call("POST", "/v1/course/batch/cert/template/preview", VIKRAM, request)

    one, other = pair
    batch_id = new_batch(one)
    assert 429 not in [preview(one).status_code for _ in range(2)]
    assert preview(one).status_code == 429
    shared(one, other)
    assert preview(other).status_code == 429
    assert one.call("GET", f"/v1/course/batch/read/{batch_id}", VIKRAM).status_code == 200


def test_files_that_anybody_has_checked_are_dear_calls(pair: tuple[Running, Running]) -> None:
    def check(address: str) -> int:
        sent: dict[str, Any] = {"data": {"do": "check"}, "files": {"file": ("a.json", b"{}")}}
        return pair[0].http.post("/console/check", headers={"X-Forwarded-For": address}, **sent).status_code

    assert [check("203.0.113.7") for _ in range(3)] == [422, 422, 429]
    assert check("203.0.113.8") == 422


def test_without_limits_nobody_is_counted(new_dsn: Callable[[], str], tmp_path: Path) -> None:
    with running(tmp_path, new_dsn(), anonymous_calls_per_minute=0) as service:
        assert ask(service, 50) == [200] * 50
        shared(service)
        assert service.sql("SELECT FROM rate_count") == []


def test_counts_are_forgotten_after_two_minutes_and_name_nobody(pair: tuple[Running, Running]) -> None:
    service, _ = pair
    ask(service, 1)
    shared(service)
    assert "203.0.113" not in str(service.sql("SELECT rate_count::text FROM rate_count"))
    service.clock.move(minutes=3)
    service.run(retention.forget_old(service.services))
    assert service.sql("SELECT FROM rate_count") == []


def test_a_process_that_cannot_reach_the_database_goes_on_by_its_own_counts(pair: tuple[Running, Running]) -> None:
    service, _ = pair
    service.sql("ALTER TABLE rate_count RENAME TO away")
    try:
        assert ask(service, 5) == [200] * 4 + [429]
    finally:
        service.sql("ALTER TABLE away RENAME TO rate_count")
    shared(service)
    assert [row["times"] for row in service.sql("SELECT times FROM rate_count ORDER BY minute DESC LIMIT 1")] == [4]


def test_so_many_callers_as_are_counted_take_a_bounded_memory() -> None:
    counted, now = rates.Rates(), datetime.now(UTC)
    for number in range(rates.MOST_CALLERS + 5):
        counted.check("anonymous", str(number), 1, now)
    counted.check("anonymous", str(rates.MOST_CALLERS + 1), 1, now)
    with pytest.raises(rates.TooOften):
        counted.check("anonymous", "1", 1, now)


@pytest.mark.parametrize(
    ("peer", "forwarded", "counted"),
    [
        ("203.0.113.7", "", "203.0.113.7"),
        ("203.0.113.7", "198.51.100.1", "203.0.113.7"),  # its word does not count
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.2.3.4, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "nonsense", "10.0.0.1"),
        ("2001:db8:1:2:3::4", "", "2001:db8:1:2::/64"),
        ("", "", "None"),
    ],
)
def test_whose_calls_are_counted_together(peer: str, forwarded: str, counted: str) -> None:
    headers = {"x-forwarded-for": forwarded} if forwarded else {}
    request = Request({"type": "http", "client": (peer, 1) if peer else None, "lernbatch.headers": headers})
    assert counted_address(request, Config(trusted_proxies=(ip_network("10.0.0.0/8"),))) == counted
