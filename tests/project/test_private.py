"""Private and internal routes: who comes from inside, what a page in a browser can do, and what others learn of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from lernbatch.config import Config
from lernbatch.routes import ROUTES
from lernbatch.web.private import is_inside, is_own_name
from lernbatch.web.routing import Access
from tests.cli.commands import Installation
from tests.people import ADMIN, VIKRAM
from tests.running import Running, running

DELETE = "/private/v1/user/account/delete"
NOBODY = {"edata": {"userId": "nobody-of-that-id"}}
CLOSED = [route for route in ROUTES if route.is_closed]
FORWARDING = [
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Forwarded-Server",
    "Forwarded",
    "X-Real-IP",
    "Via",
    "CF-Connecting-IP",
    "CF-Ray",
    "True-Client-IP",
    "X-Client-IP",
    "X-Cluster-Client-IP",
    "X-Envoy-External-Address",
    "X-Original-Forwarded-For",
    "X-Original-Host",
    "X-Original-URL",
    "X-OriginalIP",
    "X-ForwardedFor",
    "Fastly-Client-IP",
    "X-Azure-ClientIP",
    "X-Azure-SocketIP",
    "X-Azure-Ref",
    "Client-IP",
    "X-Nginx-ClientIP",
    "My-Edge-Client-IP-V6",
]


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory, module_dsn: str) -> Iterator[Running]:
    """A service that knows a proxy on the same machine, a network of its own, and a name."""
    settings: dict[str, Any] = {
        "trusted_proxies": "127.0.0.1, 10.9.0.0/16",
        "private_networks": "127.0.0.0/8, 10.0.0.0/8",
        "private_hosts": "Lern.Example.org",
        "service_token": "a token of the services",
        "public_url": "https://batches.example.org",
    }
    with running(tmp_path_factory.mktemp("proxied"), module_dsn, **settings) as service:
        yield service


def delete(service: Running, **headers: str) -> int:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return service.call("POST", DELETE, None, NOBODY, headers=named).status_code


@pytest.mark.parametrize("header", FORWARDING)
def test_whatever_a_proxy_passes_on_comes_from_outside(service: Running, header: str) -> None:
    for value in ("203.0.113.9", "127.0.0.1", ""):
        assert service.call("POST", DELETE, None, NOBODY, headers={header: value}).status_code == 403
    assert delete(service) == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X_Forwarded_For": "10.1.2.3"}, 200),
        ({"X_Forwarded_For": "127.0.0.1, 10.1.2.3"}, 200),
        ({"X_Forwarded_For": "203.0.113.9, 10.9.0.1"}, 403),  # the last that is no proxy counts
        ({"X_Forwarded_For": "10.1.2.3, 203.0.113.9, 10.9.0.1"}, 403),
        ({"X_Forwarded_For": "10.1.2.3, garbage"}, 403),
        ({"X_Forwarded_For": ""}, 403),
        ({"X_Forwarded_For": ",".join(["garbage"] * 7000 + ["10.1.2.3", "10.9.0.1"])}, 200),  # no further is looked
        ({"X_Forwarded_For": ",".join(["10.1.2.3", *["10.9.0.1"] * 19])}, 200),
        ({"X_Forwarded_For": ",".join(["10.1.2.3", *["10.9.0.1"] * 7000])}, 403),  # no way has so many proxies
        ({"X_Forwarded_For": "::ffff:10.1.2.3"}, 200),
        ({"X_Real_IP": "10.1.2.3"}, 403),
        ({"Forwarded": "for=10.1.2.3"}, 403),
        ({"Via": "1.1 cache"}, 403),
    ],
)
def test_a_trusted_proxy_says_where_a_call_comes_from(proxied: Running, headers: dict[str, str], status: int) -> None:
    assert delete(proxied, **headers) == status
    assert delete(proxied, **headers, X_Service_Token="a token of the services") == 200


@pytest.mark.parametrize(
    ("peer", "headers", "inside"),
    [
        ("127.0.0.1", {}, True),
        ("::1", {}, True),
        ("::ffff:127.0.0.1", {}, True),
        ("10.0.0.7", {}, False),
        ("10.0.0.7", {"x-forwarded-for": "127.0.0.1"}, False),  # no proxy of ours says so
        ("", {}, False),
        ("unix:/run/lern.sock", {}, False),
    ],
)
def test_an_address_is_inside_by_the_settings(peer: str, headers: Mapping[str, str], inside: bool) -> None:
    sent = {"host": "localhost:8000", **headers}
    assert is_inside(peer, "1.1", sent, Config()) is inside
    trusting = Config(trusted_proxies=(ip_network("192.0.2.1/32"),))
    assert is_inside(peer, "1.1", sent, trusting) is inside


def test_http_1_0_without_a_word_is_what_a_proxy_sends(service: Running) -> None:
    assert not is_inside("127.0.0.1", "1.0", {"host": "127.0.0.1:8000"}, Config())
    assert is_inside("127.0.0.1", "1.1", {"host": "127.0.0.1:8000"}, Config())


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("localhost", True),
        ("localhost:8000", True),
        ("127.0.0.1:8000", True),
        ("10.1.2.3", True),
        ("[::1]:8000", True),
        ("[::1]", True),
        ("lms-service:9000", True),
        ("LOCALHOST", True),
        ("lern.localhost", True),
        ("lern.example.org", True),
        ("lern.example.org.:80", True),
        ("evil.example", False),
        ("evil.example:8000", False),
        ("127.0.0.1.evil.example", False),
        ("localhost.evil.example", False),
        ("[evil.example]", False),
        ("[::1", False),
        ("[::1]evil", False),
        ("", False),
        (":80", False),
    ],
)
def test_a_name_of_the_outside_is_not_ours(host: str, own: bool) -> None:
    assert is_own_name(host, ["Lern.example.org"]) is own


@pytest.mark.parametrize(("host", "status"), [("evil.example", 403), ("lern.example.org", 200), ("lms:8000", 200)])
def test_private_routes_are_called_under_names_of_ours(proxied: Running, host: str, status: int) -> None:
    assert delete(proxied, Host=host) == status
    assert delete(proxied, Host="batches.example.org") == 403  # what a proxy passes on that adds nothing


@pytest.mark.parametrize("route", CLOSED, ids=lambda route: f"{route.method} {route.path}")
def test_no_page_calls_a_closed_route(service: Running, route: Any) -> None:
    path = route.path.replace("{user_id}", "u-1").replace("{name}", "all")
    origin = {"Origin": "https://evil.example"}
    for address in filter(None, (path, route.gateway and route.gateway.replace("{user_id}", "u-1"))):
        for person in (None, ADMIN):
            request: Any = None if route.method in ("GET", "DELETE") else {}
            refused = service.call(route.method, address, person, request, headers=origin)
            assert refused.status_code == 403
            assert "access-control-allow-origin" not in refused.headers
            site = {"Sec-Fetch-Site": "cross-site"}
            assert service.call(route.method, address, person, request, headers=site).status_code == 403
        asked = {**origin, "Access-Control-Request-Method": route.method}
        preflight = httpx.options(service.url + address, headers=asked)
        assert preflight.status_code == 403
        assert not [name for name in preflight.headers if name.startswith("access-control")]
        allowed = service.call(route.method, address, ADMIN, request)
        assert "access-control-allow-origin" not in allowed.headers


@pytest.mark.parametrize("kind", ["text/plain", "text/plain;application/json", "application/x-www-form-urlencoded", ""])
def test_a_closed_route_takes_json_that_says_so(service: Running, kind: str) -> None:
    body = b'{"edata": {"userId": "nobody-of-that-id"}}'
    for headers in ({"Content-Type": kind}, {"Content-Type": kind, "X-Service-Token": "x"}):
        answer = httpx.post(service.url + DELETE, content=body, headers=headers)
        assert (answer.status_code, answer.json()["params"]["err"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
    for good in ("application/json", "Application/JSON; charset=utf-8", "application/vnd.api+json"):
        assert httpx.post(service.url + DELETE, content=body, headers={"Content-Type": good}).status_code == 200


def test_open_routes_go_on_answering_pages(service: Running) -> None:
    answer = service.call("GET", "/health", headers={"Origin": "https://portal.example"})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_answers_are_not_kept_nor_guessed_at(service: Running) -> None:
    paths = ["/v1/course/batch/read/0140", "/health", "/x", "/v1/upload/status/1", "/livez", "/openapi.json"]
    for path in paths:
        answer = service.call("GET", path, VIKRAM)
        assert answer.headers["Cache-Control"] == "no-store", path
        assert answer.headers["X-Content-Type-Options"] == "nosniff", path


def test_what_is_meant_to_be_kept_may_be(service: Running) -> None:
    assert "no-store" not in service.call("GET", "/certs/static/page.css").headers["Cache-Control"]


def test_every_closed_route_is_one_of_two_kinds() -> None:
    assert {route.access for route in CLOSED} == {Access.PRIVATE, Access.INTERNAL}
    assert all(route in CLOSED for route in ROUTES if route.path.startswith("/private"))


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.real)])
def test_operators_have_a_port_of_their_own(dsn: str, tmp_path_factory: pytest.TempPathFactory, workers: str) -> None:
    settings = {"LERNBATCH_OPERATORS_PORT": "0"}
    installation = Installation(tmp_path_factory.mktemp("operators"), dsn, settings)
    with installation.serving("serve", "--no-jobs", "--workers", workers) as serving:
        serving.wait_until_ready()
        described = serving.operators_url
        assert described is not None
        assert urlsplit(described).port != urlsplit(serving.url).port
        for path in ("/metrics", "/openapi.json", "/docs"):
            assert serving.get(path) == 404
            assert httpx.get(described + path, timeout=30).status_code == 200
        for url in (described, serving.url):
            assert httpx.get(f"{url}/readyz", timeout=30).status_code == 200
        assert serving.stop() == 0
