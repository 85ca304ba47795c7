"""The configurations of nginx and Caddy in deploy/proxy, with TLS in front of a real service."""

from __future__ import annotations

import re
import ssl
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.cli.commands import wait_for
from tests.cli.test_serve import NEW_BATCH
from tests.outbox.tls import self_signed
from tests.people import ASHA, VIKRAM
from tests.real.cassandra import free_ports
from tests.running import Running, running

PROXIES = Path(__file__).parents[2] / "deploy/proxy"
TOKEN = "the token of the services"
CLAIMED = "203.0.113.7"  # where a client says that it is


@dataclass(frozen=True, slots=True)
class Proxied:
    """A service, and what reaches it through a proxy."""

    service: Running
    http: httpx.Client
    plain_url: str


def nginx(folder: Path, upstream: str, plain: int, secure: int) -> tuple[list[str], dict[str, str], Path]:
    """Its command, what is added to its environment, and the certificate that its clients trust."""
    pem = self_signed(folder)
    text = (PROXIES / "nginx.conf").read_text(encoding="utf-8")
    changes = {
        r"127\.0\.0\.1:8000": upstream,
        r"listen \[::\].*\n": "\n",
        r"listen 80;": f"listen 127.0.0.1:{plain};",
        r"listen 443 ": f"listen 127.0.0.1:{secure} ",
        r"/etc/letsencrypt/\S+\.pem": str(pem),
    }
    for pattern, place in changes.items():
        assert re.search(pattern, text), pattern
        text = re.sub(pattern, place, text)
    bodies = " ".join(
        f"{kind}_temp_path {folder / kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = folder / "nginx.conf"
    config.write_text(
        f"daemon off; pid {folder / 'pid'}; error_log stderr; events {{}} http {{ access_log off; {bodies}\n{text} }}",
        encoding="utf-8",
    )
    return ["nginx", "-p", str(folder), "-c", str(config)], {}, pem


def caddy(folder: Path, upstream: str, plain: int, secure: int) -> tuple[list[str], dict[str, str], Path]:
    config = folder / "Caddyfile"
    options = (
        "admin off",
        "skip_install_trust",
        f"http_port {plain}",
        f"https_port {secure}",
        f"storage file_system {folder}",
    )
    site = (PROXIES / "Caddyfile").read_text(encoding="utf-8")
    config.write_text("\n".join(["{", *options, "}", site]), encoding="utf-8")
    place = {"LERNBATCH_SITE": "127.0.0.1", "LERNBATCH_UPSTREAM": upstream, "HOME": str(folder)}
    command = ["caddy", "run", "--config", str(config), "--adapter", "caddyfile"]
    return command, place, folder / "pki/authorities/local/root.crt"


@pytest.fixture(scope="module", params=[nginx, caddy], ids=["nginx", "Caddy"])
def proxied(
    request: pytest.FixtureRequest, new_dsn: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxied]:
    folder = tmp_path_factory.mktemp("proxy")
    folder.chmod(0o755)
    plain, secure = free_ports(2)
    settings = {
        "trusted_proxies": "127.0.0.1/32",
        "private_networks": "192.0.2.0/32",
        "service_token": TOKEN,
    }
    with running(folder / "home", new_dsn(), **settings) as service:
        command, places, certificate = request.param(folder, service.url.removeprefix("http://"), plain, secure)
        environment = {"PATH": "/usr/local/bin:/usr/bin:/usr/sbin:/bin", **places}
        with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as proxy:
            try:
                wait_for(certificate.exists)
                trust = ssl.create_default_context(cafile=str(certificate))
                with httpx.Client(base_url=f"https://127.0.0.1:{secure}", verify=trust, timeout=300) as http:
                    wait_for(lambda: answers(http))
                    yield Proxied(service, http, f"http://127.0.0.1:{plain}")
            finally:
                proxy.terminate()


def answers(http: httpx.Client) -> bool:
    try:
        return http.get("/health").status_code == 200
    except httpx.TransportError:
        return False


def test_calls_pages_and_their_ids_pass_through(proxied: Proxied) -> None:
    headers = {**proxied.service.headers(VIKRAM), "X-Request-ID": "r-4711"}
    answer = proxied.http.get("/v1/course/batch/read/none", headers=headers)
    assert answer.json()["params"]["msgid"] == "r-4711"
    assert answer.headers["X-Request-ID"] == "r-4711"
    assert proxied.http.get("/console/sign-in").status_code == 200


@pytest.mark.parametrize(
    "path", ["/private/v1/user/account/delete", "/metrics", "/docs", "/openapi.json", "/livez", "/readyz"]
)
def test_what_is_for_the_inside_is_not_there(proxied: Proxied, path: str) -> None:
    method = "POST" if path.startswith("/private") else "GET"
    answer = proxied.http.request(
        method, path, headers={"X-Service-Token": TOKEN}, json={} if method == "POST" else None
    )
    assert (answer.status_code, "params" in answer.text) == (404, False)


def test_what_a_client_says_of_its_address_is_not_believed(proxied: Proxied) -> None:
    headers = {**proxied.service.headers(ASHA), "X-Forwarded-For": CLAIMED, "X-Request-ID": "r-address"}
    answer = proxied.http.post("/v1/course/batch/create", json={"request": NEW_BATCH}, headers=headers)
    assert answer.status_code == 403, answer.text
    notes = proxied.service.sql("SELECT from_address FROM audit WHERE request_id = 'r-address'")
    assert [note["from_address"] for note in notes] == ["127.0.0.1"]


def test_large_files_and_headers_reach_the_service(proxied: Proxied) -> None:
    file = {"file": ("people.csv", b"userId\n" + b"x" * 20_000_000)}
    headers = {**proxied.service.headers(VIKRAM), "X-Long": "x" * 30_000}
    answer = proxied.http.post("/v1/batch/bulk/enrollment", files=file, headers=headers)
    assert "params" in answer.json(), answer.text


def test_plain_http_leads_to_tls(proxied: Proxied) -> None:
    answer = httpx.get(f"{proxied.plain_url}/console/", follow_redirects=False, timeout=300)
    assert answer.status_code == 308
    assert answer.headers["location"].startswith("https://")
