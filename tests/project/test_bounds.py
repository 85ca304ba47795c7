"""What a request may cost: slow and large clients over raw sockets, large bodies, a busy pool."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx
import msgspec
import pytest

from lernbatch.enrolment import wire as enrolment
from lernbatch.progress import wire as progress
from lernbatch.web import envelope
from tests.cli.commands import wait_for
from tests.learning import enrolled, item, new_batch
from tests.people import ASHA, VIKRAM
from tests.running import Running, running

SEARCH = "/v1/course/batch/search"
CREATE = "/v1/course/batch/create"
JSON = {"Content-Type": "application/json"}
HEAD = b"POST /v1/course/batch/search HTTP/1.1\r\nHost: localhost\r\n"
PATIENCE_SECONDS = 60


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory, module_dsn: str) -> Iterator[Running]:
    """A service whose bounds are reached within a test."""
    settings: dict[str, Any] = {
        "header_seconds": 0.3,
        "body_seconds": 0.5,
        "max_header_bytes": 4096,
        "max_body_bytes": 300_000,
        "max_file_bytes": 500_000,
        "bodies_at_once_bytes": 600_000,
        "pool_size": 2,
        "pool_wait_seconds": 0.3,
    }
    with running(tmp_path_factory.mktemp("strict"), module_dsn, **settings) as service:
        yield service


def connection(service: Running) -> socket.socket:
    address = urlsplit(service.url)
    return socket.create_connection((address.hostname, address.port), timeout=PATIENCE_SECONDS)


def until_closed(client: socket.socket) -> bytes:
    """What the server says until it closes the connection."""
    said = b""
    while chunk := client.recv(65536):
        said += chunk
    return said


def flood(client: socket.socket, chunk: bytes) -> None:
    """Send until the server has closed the connection."""
    while True:
        client.sendall(chunk)


def status(said: bytes) -> int:
    return int(said.split()[1])


@pytest.mark.parametrize("sent", [b"", b"\r\n", b"P", HEAD, HEAD + b"X-Long: abc"])
def test_headers_that_do_not_end_are_given_up(strict: Running, sent: bytes) -> None:
    with connection(strict) as client:
        client.sendall(sent)
        said = until_closed(client)
    assert said == b"" if not sent.strip() else status(said) == 408


def test_a_header_that_comes_byte_by_byte_does_not_gain_time(strict: Running) -> None:
    with connection(strict) as client:
        client.settimeout(0.05)
        client.sendall(HEAD + b"X-Slow: ")
        said = b""
        for _ in range(2000):
            try:
                client.sendall(b"a")
                if not (chunk := client.recv(65536)):
                    break
                said += chunk
            except TimeoutError:
                continue
            except OSError:
                break
    assert status(said) == 408


@pytest.mark.parametrize("length", [b"Content-Length: 500\r\n", b"Transfer-Encoding: chunked\r\n"])
def test_a_body_that_does_not_end_is_given_up(strict: Running, length: bytes) -> None:
    with connection(strict) as client:
        client.sendall(HEAD + b"Content-Type: application/json\r\n" + length + b"\r\n" + b"1\r\n{")
        said = until_closed(client)
    assert status(said) == 408
    told = msgspec.json.decode(said.partition(b"\r\n\r\n")[2])
    assert (told["params"]["err"], told["responseCode"]) == ("REQUEST_TIMEOUT", "CLIENT_ERROR")


def test_a_request_that_was_answered_before_its_body_came_is_not_waited_for(strict: Running) -> None:
    with connection(strict) as client:
        client.sendall(b"POST /v1/course/batch/create HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n{")
        said = until_closed(client)
    assert status(said) == 401
    assert said.count(b"HTTP/1.1") == 1


def test_a_second_request_on_a_connection_has_its_own_deadline(strict: Running) -> None:
    with connection(strict) as client:
        client.sendall(b"GET /livez HTTP/1.1\r\nHost: h\r\n\r\n")
        assert status(client.recv(65536)) == 200
        client.sendall(b"GET /livez HTT")
        assert status(until_closed(client)) == 408


def test_requests_in_a_row_on_one_connection_are_all_answered(strict: Running) -> None:
    with connection(strict) as client:
        client.sendall(b"GET /livez HTTP/1.1\r\nHost: h\r\n\r\n" * 20 + b"GET /livez HTTP/1.1\r\n")
        said = until_closed(client)
    assert said.count(b"HTTP/1.1 200") == 20
    assert said.count(b"HTTP/1.1 408") == 1


@pytest.mark.parametrize(
    "sent",
    [
        HEAD + b"X-Large: " + b"a" * 5000 + b"\r\n\r\n",
        HEAD + b"X-Large: " + b"a" * 5000,
        HEAD + b"".join(b"X-%d: abc\r\n" % number for number in range(1000)) + b"\r\n",
        b"GET /v1/course/batch/read/" + b"a" * 5000 + b" HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET /livez?" + b"a" * 5000 + b" HTTP/1.1\r\nHost: h\r\n\r\n",
    ],
)
def test_large_headers_are_refused(strict: Running, sent: bytes) -> None:
    with connection(strict) as client:
        client.sendall(sent)
        said = until_closed(client)
    assert status(said) == 431
    assert said.count(b"HTTP/1.1") == 1


def test_a_small_header_before_a_large_body_is_not_large(strict: Running) -> None:
    body = b'{"request":{"filters":{}}}' + b" " * 100_000
    assert httpx.post(strict.url + SEARCH, content=body, headers=JSON).status_code == 200


def test_an_answer_that_nobody_takes_is_given_up(strict: Running) -> None:
    address = urlsplit(strict.url)
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(PATIENCE_SECONDS)
        client.connect((address.hostname, address.port))
        with pytest.raises(OSError, match=r"reset|[Bb]roken"):
            flood(client, b"GET /openapi.json HTTP/1.1\r\nHost: h\r\n\r\n" * 100)


def test_a_body_has_the_bound_of_its_route(strict: Running) -> None:
    large = b'{"request":{"name":"' + b"a" * 400_000 + b'"}}'

    def post(path: str, **headers: str) -> int:
        sent = {**JSON, **strict.headers(VIKRAM), **headers}
        return httpx.post(strict.url + path, content=large, headers=sent, timeout=PATIENCE_SECONDS).status_code

    assert post(CREATE) == 413
    assert post(SEARCH) == 413
    assert post("/private/v1/user/account/delete") == 413
    assert post("/v1/batch/roster/plan") == 400
    assert post("/v1/batch/bulk/enrollment") == 500  # a JSON without `data`: the contract's E16


def test_without_a_token_a_body_is_not_waited_for(strict: Running) -> None:
    with connection(strict) as client:
        client.sendall(b"POST /v1/course/batch/create HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert status(client.recv(65536)) == 401
        with pytest.raises(OSError, match=r"reset|[Bb]roken"):
            flood(client, b"10000\r\n" + b" " * 65536 + b"\r\n")


def test_of_many_large_bodies_at_once_some_are_told_to_come_back(strict: Running) -> None:
    size = 290_000
    head = HEAD + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % size
    clients = [connection(strict) for _ in range(4)]
    try:
        for client in clients:
            client.sendall(head + b" " * (size - 1000))
        said = [until_closed(client) for client in clients]
    finally:
        for client in clients:
            client.close()
    assert sorted(map(status, said))[-1] == 503
    assert 408 in map(status, said)
    refused = next(each for each in said if status(each) == 503)
    assert b"retry-after: 1" in refused.lower()
    assert httpx.post(strict.url + SEARCH, content=b" " * size, headers=JSON).status_code != 503  # all is freed


def test_a_body_of_very_many_objects_is_not_decoded() -> None:
    for opening in (b"{}", b"[]", b'{"a":[]}'):
        body = b"[" + b",".join([opening] * envelope.MOST_CONTAINERS) + b",1]"
        with pytest.raises(envelope.MalformedJson):
            envelope.decode(body)
    assert len(envelope.decode(msgspec.json.encode(["u" * 36] * 100_000))) == 100_000


def test_a_body_of_very_many_values_is_not_decoded(service: Running) -> None:
    for value in (b'"a"', b"1.5", b"[]", b'"a":"b"'):
        many = b",".join([value] * (envelope.MOST_VALUES + 2))
        with pytest.raises(envelope.MalformedJson):
            envelope.decode(b"{" + many + b"}" if b":" in value else b"[" + many + b"]")
    assert len(envelope.decode(msgspec.json.encode(["a"] * envelope.MOST_VALUES))) == envelope.MOST_VALUES
    people = b'{"request":{"batchId":"1","userIds":[' + b",".join([b'"a"'] * 600_000) + b"]}}"
    for path in ("/v1/batch/roster/plan", "/v1/batch/roster/apply"):
        answer = httpx.post(service.url + path, content=people, headers={**JSON, **service.headers(ASHA)}, timeout=60)
        assert answer.status_code == 400
        assert answer.json()["params"]["errmsg"] == "The request body has more values than are read."


def test_of_a_file_in_json_nothing_but_the_file_is_made(service: Running) -> None:
    path, headers = "/v1/batch/bulk/enrollment", {**JSON, **service.headers(ASHA)}
    text = "batchId,userIds\\n" + "," * 600_000
    beside = b'"x":[' + b",".join([b"{}"] * 60_000) + b"],"
    body = b'{"params":{},' + beside + b'"request":{' + beside + b'"data":"' + text.encode() + b'"}}'
    answer = httpx.post(service.url + path, content=body, headers=headers, timeout=60)
    assert answer.json()["params"]["err"] == "INVALID_CSV_FILE"
    for wrong in (b"[]", b"{}", b'{"request":{}}', b'{"request":{"data":1}}', b'{"request":{"data":""}}'):
        answer = httpx.post(service.url + path, content=wrong, headers=headers)
        assert (answer.status_code, answer.json()["params"]["err"]) == (500, "INTERNAL_ERROR")
    assert httpx.post(service.url + path, content=b'{"request":', headers=headers).status_code == 400
    nul = b'{"request":{"data":"\\u0000"}}'
    assert httpx.post(service.url + path, content=nul, headers=headers).status_code == 400


def test_nothing_remembers_long_texts_of_callers(service: Running) -> None:
    def sizes() -> list[int]:
        caches: list[Any] = [progress._read_moment, enrolment._split, envelope._opening]
        return [cache.cache_info().currsize for cache in caches]

    batch_id = new_batch(service)
    learner = enrolled(service, batch_id)
    service.call("GET", f"/v1/user/courses/list/{learner.user_id}", learner)
    before = sizes()
    long = "2026-02-03 10:20:30:456+0530" + "x" * 50_000
    report = {"contents": [item(batch_id, lastAccessTime=long)]}
    assert service.call("PATCH", "/v1/content/state/update", learner, report).status_code == 400
    service.call("GET", f"/v1/user/courses/list/{learner.user_id}?fields={'name,' * 2000}", learner)
    service.call("GET", f"/v1/course/batch/read/{'9' * 5000}", VIKRAM)
    assert sizes() == before


def test_a_message_id_is_bounded_and_printable(service: Running) -> None:
    for given, shown in (("m" * 5000, "m" * 100), ("m-1", "m-1"), ("a\x85b", "internal")):
        answer = httpx.get(service.url + "/x", headers={b"X-msgId": given.encode("latin-1")})
        assert answer.json()["params"]["msgid"] == answer.headers["X-Request-ID"] == shown


def test_a_full_pool_is_503_with_when_to_come_back(strict: Running) -> None:
    async def held() -> list[asyncpg.Connection]:
        pool = strict.services.pool
        return [await asyncpg.Pool.acquire(pool) for _ in range(strict.config.pool_size)]

    async def give_back(connections: list[asyncpg.Connection]) -> None:
        for conn in connections:
            await strict.services.pool.release(conn)

    batch_id = new_batch(strict)
    learner = enrolled(strict, batch_id)
    connections = strict.run(held())
    try:
        answers = [
            strict.call("GET", "/v1/course/batch/read/0140", VIKRAM),
            strict.call("GET", f"/v1/user/courses/list/{learner.user_id}", learner),
            strict.call("PATCH", "/v1/content/state/update", learner, {"contents": [item(batch_id)]}),
        ]
        ready = strict.call("GET", "/readyz")
    finally:
        strict.run(give_back(connections))
    for answer in answers:
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert answer.json()["params"]["err"] == "SERVICE_UNAVAILABLE"
    assert ready.status_code == 503
    assert strict.call("GET", "/v1/course/batch/read/0140", VIKRAM).status_code == 200


def test_anonymous_callers_leave_half_the_pool_to_others(strict: Running) -> None:
    conn = strict.run(asyncpg.connect(strict.services.config.database_url or strict.services.pool._connect_args[0]))
    try:
        strict.run(conn.execute("BEGIN; LOCK TABLE batch IN ACCESS EXCLUSIVE MODE"))
        with ThreadPoolExecutor(6) as clients:
            searches = [clients.submit(strict.call, "POST", SEARCH, None, {"filters": {}}) for _ in range(5)]
            wait_for(strict.services.pool.anonymous_places.locked)
            answers = [strict.call("GET", "/readyz").status_code for _ in range(3)]
            wait_for(lambda: strict.services.pool.get_idle_size() == 1)
            strict.run(conn.execute("ROLLBACK"))
            statuses = sorted(search.result().status_code for search in searches)
    finally:
        strict.run(conn.close())
    assert answers == [200] * 3
    assert set(statuses) <= {200, 503}
    assert statuses[0] == 200


def test_a_search_has_one_deadline_for_all_its_statements(tmp_path_factory: Any, module_dsn: str) -> None:
    home = tmp_path_factory.mktemp("deadline")
    with running(home, module_dsn, search_seconds=0.000_001) as service:
        assert service.call("POST", SEARCH, None, {"filters": {}, "facets": [{"status": None}]}).status_code == 500


def test_a_job_waits_for_a_connection_as_long_as_it_takes(strict: Running) -> None:
    async def work() -> int:
        pool = strict.services.pool
        held = [await asyncpg.Pool.acquire(pool) for _ in range(strict.config.pool_size)]
        waiting = asyncio.ensure_future(pool.fetchval("SELECT 1"))
        done, _ = await asyncio.wait([waiting], timeout=strict.config.pool_wait_seconds * 2)
        assert not done
        for conn in held:
            await pool.release(conn)
        return int(await waiting)

    assert strict.run(work()) == 1
