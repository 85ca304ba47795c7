"""What bad input gets, over real HTTP: every failure form of the contract, in the envelope, and nothing written."""

from __future__ import annotations

from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from sandbox import identity
from tests.people import ASHA, IMRAN, KAVYA, RAVI, VIKRAM, Person
from tests.running import Running, running

CREATE = "/v1/course/batch/create"
TOKEN = "X-Authenticated-User-Token"
MANAGED = "X-Authenticated-For"
JSON = {"Content-Type": "application/json"}


def params(answer: httpx.Response) -> dict[str, Any]:
    """The envelope's params of a failure, whose shape is the same for all."""
    body = answer.json()
    assert list(body) == ["id", "ver", "ts", "params", "responseCode", "result"]
    assert list(body["params"]) == ["resmsgid", "msgid", "err", "status", "errmsg"]
    assert body["result"] == {}
    return {**body["params"], "responseCode": body["responseCode"]}


def assert_form_c(answer: httpx.Response) -> None:
    """Contract batches §1.4: no usable token."""
    told = params(answer)
    assert answer.status_code == 401
    assert (told["err"], told["status"], told["responseCode"]) == ("UNAUTHORIZED_USER", "SERVER_ERROR", "CLIENT_ERROR")
    assert told["errmsg"] == "You are not authorized."


def post(service: Running, body: bytes, person: Person | None = VIKRAM, **headers: str) -> httpx.Response:
    return service.call("POST", CREATE, person, headers={**JSON, **headers}, content=body)


def test_a_missing_parameter_is_form_a(service: Running) -> None:
    answer = service.call("POST", CREATE, VIKRAM, {})
    told = params(answer)
    assert answer.status_code == 400
    assert told["err"] == told["status"] == "MANDATORY_PARAMETER_MISSING"
    assert told["responseCode"] == "CLIENT_ERROR"
    assert told["errmsg"] == "Mandatory parameter courseId/collectionId is missing."


@pytest.mark.parametrize("body", [b"", b"{}", b'{"params":{}}', b'{"id":1,"ver":null,"extra":[]}'])
def test_a_body_without_request_is_an_empty_request(service: Running, body: bytes) -> None:
    assert params(post(service, body))["err"] == "MANDATORY_PARAMETER_MISSING"


def test_a_body_that_does_not_claim_to_be_json_is_an_empty_request(service: Running) -> None:
    answer = service.call("POST", CREATE, VIKRAM, headers={"Content-Type": "text/plain"}, content=b"{oops")
    assert params(answer)["err"] == "MANDATORY_PARAMETER_MISSING"


@pytest.mark.parametrize("body", [b"{oops", b'{"request":', b"\xff\xfe", b'{"a":1}x', b"[" * 100_000])
def test_malformed_json_is_form_b_with_400(service: Running, body: bytes) -> None:
    answer = post(service, body)
    told = params(answer)
    assert answer.status_code == 400
    assert (told["err"], told["status"], told["responseCode"]) == (None, "SERVER_ERROR", "CLIENT_ERROR")


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"1",
        b"null",
        b'"text"',
        b'{"request":null}',
        b'{"request":[]}',
        b'{"request":"x"}',
        b'{"request":{},"params":null}',
        b'{"request":{"id":1}}',
        b'{"request":{"userId":{}}}',
    ],
)
def test_an_envelope_of_another_shape_is_form_f(service: Running, body: bytes) -> None:
    answer = post(service, body)
    told = params(answer)
    assert answer.status_code == 500
    assert (told["err"], told["status"], told["errmsg"]) == (None, "SERVER_ERROR", None)
    assert told["responseCode"] == "SERVER_ERROR"


@pytest.mark.parametrize("name", [1, [], {}, True])
def test_a_value_of_another_type_is_form_d(service: Running, name: object) -> None:
    answer = service.call("POST", CREATE, VIKRAM, {"courseId": "do_1", "name": name})
    told = params(answer)
    assert answer.status_code == 500
    assert told["err"] == told["status"] == "INTERNAL_ERROR"
    assert told["errmsg"] == "Process failed,please try again later."


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/"),
        ("GET", "/v1/nothing/here"),
        ("POST", "/v1/course/batch/create/"),
        ("GET", CREATE),
        ("DELETE", "/v1/course/batch/read/0140"),
        ("GET", "/v1/course/batch/read/a/b"),
        ("TRACE", CREATE),
        ("GET", "/v1/../etc/passwd"),
        ("GET", "/%00"),
    ],
)
def test_an_unknown_route_or_method_is_404_in_the_envelope(service: Running, method: str, path: str) -> None:
    answer = service.call(method, path, VIKRAM)
    assert answer.status_code == 404
    assert params(answer)["err"] == "RESOURCE_NOT_FOUND"


def test_a_body_that_is_announced_too_large_is_413_before_it_is_sent(service: Running) -> None:
    address = urlsplit(service.url)
    connection = HTTPConnection(address.hostname or "", address.port, timeout=300)
    connection.putrequest("POST", CREATE)
    for name, value in {**service.headers(VIKRAM), "Content-Length": str(service.config.max_body_bytes + 1)}.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 413
    assert msgspec.json.decode(answer.read())["responseCode"] == "CLIENT_ERROR"
    connection.close()


def test_a_body_that_grows_too_large_without_saying_so_is_413(small_service: Running) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(100):
            yield b" " * 1000

    answer = small_service.call("POST", CREATE, VIKRAM, headers=JSON, content=endless())
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "a.b",
        "a.b.c",
        "e30.e30.e30",
        "....",
        "ä.ö.ü".encode().decode("latin-1"),
        "A" * 10_000,
        f"{'W1tb' * 3000}.e30.e30",
    ],
)
def test_what_is_no_token_is_form_c(service: Running, token: str) -> None:
    assert_form_c(httpx.post(service.url + CREATE, headers={TOKEN.encode(): token.encode("latin-1")}))


def test_an_expired_token_is_form_c_and_one_that_ends_now_is_not(service: Running) -> None:
    assert_form_c(service.call("POST", CREATE, headers={TOKEN: service.token(VIKRAM, expired=True)}))
    token = service.token(VIKRAM)
    service.clock.move(days=1, minutes=1)
    assert_form_c(service.call("POST", CREATE, headers={TOKEN: token}))


def test_a_token_of_another_key_issuer_or_method_is_form_c(service: Running, tmp_path: Path) -> None:
    now = service.clock.now()
    elsewhere = service.config.model_copy(update={"sso_url": "https://elsewhere.example/auth/"})
    foreign_key = identity.mint(tmp_path, service.config, VIKRAM.user_id, now=now)
    foreign_issuer = identity.mint(service.config.home, elsewhere, VIKRAM.user_id, now=now)
    claims = {"sub": VIKRAM.user_id, "iss": service.config.token_issuer, "exp": int(now.timestamp()) + 60}
    public = next(identity.public_folder(service.config.home).iterdir())
    symmetric = jwt.encode({"alg": "HS256", "kid": public.name}, claims, OctKey.import_key("s" * 64))
    for token in (foreign_key, foreign_issuer, symmetric):
        assert_form_c(service.call("POST", CREATE, headers={TOKEN: token}))


def test_a_token_whose_claims_were_changed_is_form_c(service: Running) -> None:
    head, _, signature = service.token(ASHA).split(".")
    _, body, _ = service.token(VIKRAM).split(".")
    assert_form_c(service.call("POST", CREATE, headers={TOKEN: f"{head}.{body}.{signature}"}))


def test_a_token_that_ends_in_the_caller_s_id_after_colons_names_that_caller(service: Running) -> None:
    answer = service.call("POST", CREATE, VIKRAM, {})  # its sub is f:<provider>:<id>
    assert answer.status_code == 400


@pytest.mark.parametrize("parent", [KAVYA, None])
def test_a_managed_user_of_somebody_else_is_form_c(service: Running, parent: Person | None) -> None:
    child = service.token(IMRAN, parent_id=ASHA.user_id)
    answer = service.call("GET", "/health", parent, headers={MANAGED: child})
    assert_form_c(answer)


def test_a_managed_user_of_the_caller_is_admitted_in_any_letter_case(service: Running) -> None:
    child = service.token(IMRAN, parent_id=ASHA.user_id.upper())
    assert service.call("GET", "/health", ASHA, headers={MANAGED: child}).status_code == 200


def test_a_managed_token_that_is_over_or_no_token_is_form_c(service: Running) -> None:
    over = service.token(IMRAN, parent_id=ASHA.user_id, expired=True)
    for child in (over, "x.y.z", service.token(IMRAN)):
        assert_form_c(service.call("GET", "/health", ASHA, headers={MANAGED: child}))


def test_a_bad_token_on_an_open_route_counts_as_none(service: Running) -> None:
    assert service.call("GET", "/health", headers={TOKEN: "x.y.z"}).status_code == 200


def test_private_routes_are_closed_to_other_networks(small_service: Running) -> None:
    answer = small_service.call("POST", f"/private{CREATE}", None, {})
    assert answer.status_code == 403
    assert params(answer)["responseCode"] == "CLIENT_ERROR"
    opened = small_service.call("POST", f"/private{CREATE}", None, {}, headers={"X-Service-Token": "open sesame"})
    assert params(opened)["err"] == "MANDATORY_PARAMETER_MISSING"
    assert opened.json()["id"] == ""
    assert opened.json()["ver"] == "private"


def test_private_in_the_middle_of_a_path_opens_nothing(service: Running) -> None:
    assert_form_c(service.call("GET", "/v1/course/batch/read/private"))


def test_the_gateway_s_path_asks_for_a_role(service: Running) -> None:
    answer = service.call("POST", "/api/course/v1/batch/create", ASHA, {})
    assert (answer.status_code, answer.json()["responseCode"]) == (403, "CLIENT_ERROR")
    assert params(answer)["err"] == "FORBIDDEN"
    assert params(answer)["errmsg"] == "You do not have permission to perform this operation"
    assert service.call("POST", "/api/course/v1/batch/create", RAVI, {}).status_code == 400


def test_options_is_answered_everywhere_without_a_token(service: Running) -> None:
    answer = httpx.options(service.url + CREATE)
    assert answer.status_code == 200
    assert answer.content == b""
    assert "PATCH" in answer.headers["Access-Control-Allow-Methods"]


def test_message_id_is_the_caller_s_else_one_of_ours(service: Running) -> None:
    assert params(service.call("GET", "/x", headers={"X-Request-ID": "r-1"}))["msgid"] == "r-1"
    both = service.call("GET", "/x", headers={"X-Request-ID": "r-1", "X-msgId": "m-1"})
    assert (params(both)["msgid"], both.headers["X-Request-ID"]) == ("m-1", "m-1")
    assert params(service.call("GET", "/x", headers={"X-msgId": ""}))["msgid"] == "internal"
    assert len(params(service.call("GET", "/x"))["msgid"]) == 36


def test_nothing_is_written_by_what_is_refused(service: Running) -> None:
    before = service.sql("SELECT count(*) FROM batch")
    post(service, b"{oops")
    post(service, msgspec.json.encode({"request": {"courseId": "do_1", "name": "June"}}))
    assert service.sql("SELECT count(*) FROM batch") == before


def test_a_system_calls_under_its_own_name_with_its_key(small_service: Running) -> None:
    def call(client_id: str, key: str) -> httpx.Response:
        headers = {"X-Authenticated-Client-Id": client_id, "X-Authenticated-Client-Token": key}
        return small_service.call("GET", "/v1/course/batch/read/0140", None, headers=headers)

    assert call("reporting", "a key of sixteen").status_code == 200
    for wrong in (call("reporting", "another key of sixteen"), call("other", "a key of sixteen"), call("", "")):
        assert_form_c(wrong)


def test_an_address_that_is_none_opens_no_private_route(service: Running) -> None:
    headers = {"X-Forwarded-For": "garbage"}
    answer = service.call("POST", "/private/v1/course/batch/create", None, {}, headers=headers)
    assert answer.status_code == 403


@pytest.fixture(scope="module")
def small_service(tmp_path_factory: pytest.TempPathFactory, module_dsn: str) -> Iterator[Running]:
    """A service that takes small bodies only, private calls only with its token, and one machine client."""
    settings = {
        "max_body_bytes": 10_000,
        "private_networks": "10.0.0.0/8",
        "service_token": "open sesame",
        "machine_clients": "reporting = a key of sixteen",
    }
    with running(tmp_path_factory.mktemp("small"), module_dsn, **settings) as service:
        yield service
