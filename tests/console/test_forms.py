"""What a form may cost: its parts are counted before they are read, and files come from who may send them."""

from __future__ import annotations

import httpx
import pytest

from tests.console.conftest import Visits
from tests.learning import new_batch
from tests.people import ASHA, VIKRAM
from tests.running import Running

URL_ENCODED = {"Content-Type": "application/x-www-form-urlencoded"}
MULTIPART = {"Content-Type": "multipart/form-data; boundary=b"}
PART = b'--b\r\nContent-Disposition: form-data; name="number"\r\n\r\n'
OPEN = ["/console/sign-in", "/console/check"]
MEGABYTE = 1024 * 1024


def post(service: Running, path: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
    return service.http.post(path, content=body, headers=headers)


@pytest.mark.parametrize("path", OPEN)
@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"&" * 900_000, URL_ENCODED),
        (b"a&" * 2_001, URL_ENCODED),
        (b"a=%41&" * 100_000, URL_ENCODED),
        (PART + b"\r\n--bX" * 150_000 + b"\r\n--b--\r\n", MULTIPART),  # what looks like the end of a part, and is none
        (PART + b"--b" * 300_000, MULTIPART),
        ((PART + b"\r\n") * 2_100 + b"--b--\r\n", MULTIPART),
        (PART + b"x", {"Content-Type": "multipart/form-data; boundary=b" + ";" * 50_000}),
        (PART + b"x", {"Content-Type": 'multipart/form-data; boundary="' + ';"' * 20_000}),
        (b"no form", MULTIPART),
        (b"--" * 400_000, {"Content-Type": "multipart/form-data; boundary="}),
        (PART + b"x", {"Content-Type": "multipart/form-data"}),
    ],
)
def test_a_form_that_would_take_long_to_take_apart_is_not(
    service: Running, path: str, body: bytes, headers: dict[str, str]
) -> None:
    assert post(service, path, body, headers).status_code == 400


def test_what_browsers_send_is_read(visits: Visits) -> None:
    visitor = visits()
    hidden = visitor.hidden("/console/check", "check")
    number = "https://learning.example/certs/अ ब&c=d%20+"
    for files in (None, {"other": ("empty.txt", b"")}):
        answer = visitor.http.post("/console/check", data={**hidden, "number": number}, files=files)
        assert answer.headers["location"] == "/certs/%E0%A4%85%20%E0%A4%AC%26c%3Dd%2520%2B"


def test_a_body_of_another_kind_is_an_empty_form(service: Running) -> None:
    for kind in ("application/json", "text/plain", ""):
        assert (
            post(service, "/console/check", b'{"do": "check"}' + b"--" * 5000, {"Content-Type": kind}).status_code
            == 404
        )


def test_files_are_as_large_as_who_sends_them_may(service: Running, visits: Visits) -> None:
    roster = f"/console/batches/{new_batch(service)}/roster"

    def sent(path: str, size: int, at: httpx.Client = service.http) -> int:
        return at.post(path, files={"file": ("people.csv", b"x" * size)}).status_code

    assert sent("/console/sign-in", 2 * MEGABYTE) == 413
    assert sent(roster, 2 * MEGABYTE) == 413  # nobody is signed in
    assert sent(roster, 2 * MEGABYTE, visits(ASHA).http) == 403  # not her page: nothing of it is read
    assert sent(roster, 2 * MEGABYTE, visits(VIKRAM).http) == 404  # a form that no page has
    assert sent("/console/check", 2 * MEGABYTE) == 404
    assert sent("/console/check", 17 * MEGABYTE) == 413
    long = post(service, "/console/check", b"number=" + b"x" * (2 * MEGABYTE), URL_ENCODED)
    assert long.status_code == 413  # files do not come so
