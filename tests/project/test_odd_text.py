"""Odd text wherever a text goes in: path, query, header, body, form, of every route and of the stand-ins. Never 500.

The routes and what they take come from the route table and the handlers, so a new one is asked as well.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from starlette.routing import Route as StarletteRoute

from lernbatch import metrics
from lernbatch.errors import Unstorable
from lernbatch.routes import ROUTES
from lernbatch.web import envelope
from lernbatch.web.openapi import Operation, operations
from lernbatch.web.routing import Route
from lernbatch.web.schema import Components, Schema, Shape, shape_of
from sandbox.app import application
from tests.learning import new_batch
from tests.people import HOME_ORG, Person
from tests.running import Running
from tests.seeds import COURSE

EVERYTHING = Person(
    "0b1e3c5a-0000-4000-8000-0000000000dd",
    "Odd",
    "Text",
    roles=("PUBLIC", "CONTENT_CREATOR", "COURSE_MENTOR", "COURSE_CREATOR", "ORG_ADMIN", "SYSTEM_ADMINISTRATION"),
)
ODD = {
    "NUL": "a\x00b",
    "surrogate": "a\ud800b",
    "control": "\x01\x1f\x7f\x85",
    "direction": "\u202ea\u200b\ufeff",
    "outside the plane": "\U0001f9ff\U0010ffff\uffff",
    "long": "x" * 3000,
    "long and wide": "\U0001f9ff" * 400,
    "SQL": "'; DROP TABLE batch; --\\",
    "path": "../../etc/passwd%00",
    "format": "{0}%s%n${x}",
    "blank": " \t\n",
    "number": "9" * 5000,  # more digits than Python reads
}
# What is no name of anything: the contract answers a wrong form of it with 500 (form D).
FORMS = re.compile(r"(granularity|date|time|zone|type|format|status|sort|operation|version|kind|by$)", re.IGNORECASE)
CALLS = list(operations(ROUTES))
COMPONENTS = Components()


def whole(schema: Schema) -> Any:
    """A value of that shape with everything in it."""
    schema = COMPONENTS.resolve(schema)
    if "anyOf" in schema:
        return whole(schema["anyOf"][0])
    if "properties" in schema:
        return {name: whole(field) for name, field in schema["properties"].items()}
    if "items" in schema:
        return [whole(schema["items"])]
    if isinstance(schema.get("additionalProperties"), dict):
        return {"k": whole(schema["additionalProperties"])}
    if "examples" in schema:
        return schema["examples"][0]
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) else kind
    return {"string": "text", "integer": 1, "number": 1.0, "boolean": True, "array": [], "object": {}}[kind]


def spoilt(value: Any, text: str, key: str = "") -> Iterator[tuple[str, Any]]:
    """`value` with one of its texts replaced, for each of them; with the key it stands under."""
    if isinstance(value, dict):
        for name, inner in value.items():
            for where, changed in spoilt(inner, text, name):
                yield where, {**value, name: changed}
    elif isinstance(value, list):
        for where, changed in spoilt(value[0], text, key) if value else ():
            yield where, [changed]
    elif isinstance(value, str):
        yield key, text


def encoded(text: str) -> str:
    """As in a URL; a lone surrogate as the three bytes that some clients send."""
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


@contextmanager
def no_bug() -> Iterator[None]:
    before = metrics.BUGS._value.get(), metrics.DATABASE_FAILURES._value.get()
    yield
    assert (metrics.BUGS._value.get(), metrics.DATABASE_FAILURES._value.get()) == before


@pytest.fixture(scope="module")
def ids(shared_service: Running) -> dict[str, str]:
    """Names of things that exist, so that what is odd is reached."""
    return {"batchId": new_batch(shared_service), "courseId": COURSE, "organisationId": HOME_ORG}


def named(value: Any, ids: dict[str, str]) -> Any:
    """`value` about things that exist."""
    if isinstance(value, dict):
        return {name: ids.get(name) or named(inner, ids) for name, inner in value.items()}
    return [named(inner, ids) for inner in value] if isinstance(value, list) else value


def ask(service: Running, operation: Operation, path: str, **more: Any) -> httpx.Response:
    headers = {} if operation.path.startswith(("/private", "/api/course/private")) else service.headers(EVERYTHING)
    more["headers"] = {**headers, **more.get("headers", {})}
    return service.http.request(operation.route.method, service.url + path, **more)


def body_of(operation: Operation, ids: dict[str, str]) -> dict[str, Any]:
    shape = operation.shape.request
    return {} if shape is None else {"json": {"request": named(whole(COMPONENTS.schema(shape)), ids)}}


def takes_json(operation: Operation) -> bool:
    return operation.shape.request is not None


def filled(operation: Operation, text: str) -> str:
    return re.sub(r"{\w+(:\w+)?}", lambda _: text, operation.path)


def identity_of(operation: Operation) -> str:
    return f"{operation.route.method} {operation.path}"


@pytest.mark.parametrize("operation", [each for each in CALLS if "{" in each.path], ids=identity_of)
def test_odd_text_in_a_path(service: Running, operation: Operation, ids: dict[str, str]) -> None:
    with no_bug():
        for name, text in ODD.items():
            answer = ask(service, operation, filled(operation, encoded(text)), **body_of(operation, ids))
            assert answer.status_code < 500, (name, answer.text[:300])


@pytest.mark.parametrize("operation", CALLS, ids=identity_of)
def test_odd_text_in_query_and_headers(service: Running, operation: Operation, ids: dict[str, str]) -> None:
    path, usual = filled(operation, "01412345678901234567"), body_of(operation, ids)
    expected = ask(service, operation, path, **usual).status_code
    headers = ("X-msgId", "X-Channel-ID", "X-App-Id", "X-Device-ID", "X-Consumer-ID", "Accept", "If-Match", "Host2")
    with no_bug():
        for name, text in ODD.items():
            query = "&".join(f"{key}={encoded(text)}" for key in (*operation.shape.query, "fields", "token", "limit"))
            answer = ask(service, operation, f"{path}?{query}", **usual)
            assert answer.status_code < 500 or answer.status_code == expected, (name, answer.text[:300])
            sent = text.encode("utf-8", "surrogatepass")
            if not re.search(rb"[\x00-\x1f\x7f]", sent):  # no server takes these
                more: dict[str, Any] = {**usual, "headers": dict.fromkeys(map(str.encode, headers), sent)}
                answer = ask(service, operation, path, **more)
                assert answer.status_code < 500 or answer.status_code == expected, (name, answer.text[:300])


@pytest.mark.parametrize(
    "operation", [each for each in CALLS if each.shape.request and not each.by_gateway], ids=identity_of
)
def test_odd_text_in_a_body(service: Running, operation: Operation, ids: dict[str, str]) -> None:
    path, usual = filled(operation, ids["batchId"]), body_of(operation, ids)
    with no_bug():
        for name, text in {**ODD, "longer than an address": "x" * 70_000}.items():
            for key, changed in spoilt(usual["json"], text):
                written = escaped(changed)
                answer = ask(service, operation, path, content=written, headers={"Content-Type": "application/json"})
                by_contract = (
                    FORMS.search(key)
                    or key in ("activityId", "activityType", "groupId")
                    or (name == "blank" and key in ("userId", "userIds"))
                )
                assert answer.status_code < 500 or by_contract, (name, key, answer.text[:300])


@pytest.mark.parametrize(
    "route", [each for each in ROUTES if (shape_of(each.handler) or Shape()).uploads], ids=lambda each: each.path
)
def test_odd_text_in_a_form(service: Running, route: Route) -> None:
    headers = service.headers(EVERYTHING)
    with no_bug():
        for name, text in ODD.items():
            raw = text.encode("utf-8", "surrogatepass")
            for file in (raw, b"batchId,userIds\n" + raw + b"," + raw, b"\xff\xfe" + raw, raw * 50):
                for files in ({"data": ("f.csv", file)}, {quote(raw)[:300]: (quote(raw)[:300], file)}):
                    answer = service.http.post(service.url + route.path, headers=headers, files=files)
                    assert answer.status_code < 500, (name, file[:40], answer.text[:300])
            for kind_of_body in ("multipart/form-data; boundary=b", "multipart/form-data", "application/json"):
                more = {**headers, "Content-Type": kind_of_body}
                answer = service.http.post(service.url + route.path, headers=more, content=raw)
                assert answer.status_code in (400, 500), name  # 500: the contract's E16 for what is no form
                assert answer.json()["params"]["status"]


def test_odd_text_at_the_stand_ins(service: Running) -> None:
    services = service.services
    stand_ins = application(services.pool, services.config, services.clock)

    async def ask_all() -> None:
        transport = httpx.ASGITransport(stand_ins, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://stand-ins") as client:
            for route in stand_ins.routes:
                assert isinstance(route, StarletteRoute)
                (method,) = set(route.methods or ()) - {"HEAD"}
                for name, text in ODD.items():
                    path = route.path.replace("{identifier}", encoded(text))
                    ids = dict.fromkeys(("userId", "identifier", "name", "code", "query"), text)
                    request = {"request": {**ids, "filters": {**ids, "id": [text]}, "consent": {"filters": ids}}}
                    for content in (escaped(request), b"", b"{}", b"[" * 20_000, b'{"request":"\xff"}'):
                        answer = await client.request(method, f"{path}?fields={encoded(text)}", content=content)
                        assert answer.status_code < 500, (method, path[:80], name, content[:80], answer.text[:200])

    service.run(ask_all())


@pytest.mark.parametrize(
    "body", [b'{"request":"\xff"}', b"[" * 20_000, b'{"a":' * 20_000, b"\xed\xa0\x80", b'"\\ud800"']
)
@pytest.mark.parametrize("operation", [each for each in CALLS if takes_json(each)], ids=identity_of)
def test_what_is_no_json_is_the_callers_mistake(service: Running, operation: Operation, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    with no_bug():
        answer = ask(service, operation, filled(operation, "01412345678901234567"), content=body, headers=headers)
        assert answer.status_code == 400, answer.text[:300]


def test_a_backslash_before_u0000_is_no_nul() -> None:
    assert envelope.decode(rb'{"a":"\\u0000"}') == {"a": "\\u0000"}
    for body in (rb'"\u0000"', rb'"a\\\u0000"', rb'{"\u0000":1}'):
        with pytest.raises(Unstorable):
            envelope.decode(body)


def escaped(value: Any) -> bytes:
    """JSON in ASCII, where a lone surrogate can be written."""
    return json.dumps(value).encode()
