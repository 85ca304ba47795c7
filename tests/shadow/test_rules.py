"""M51, M54 and M56: what is true of a request before anybody compares."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lernbatch.routes import ROUTES
from lernbatch.shadow import rules
from lernbatch.shadow.comparer import Order
from lernbatch.shadow.rules import OTHER, Calls

CALLS = Calls([(route.method, route.path, route.gateway) for route in ROUTES])


def body(**request: Any) -> bytes:
    return json.dumps({"request": request}).encode()


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_m54_every_route_is_found_by_both_of_its_paths(route: Any) -> None:
    for path in filter(None, (route.path, route.gateway)):
        filled = path.replace("{path:path}", "a/b.csv")
        for name in (
            "batch_id",
            "user_id",
            "process_id",
            "tag",
            "name",
            "purpose",
            "number",
            "certificate_id",
            "key_id",
        ):
            filled = filled.replace("{" + name + "}", "x1")
        assert CALLS.find(route.method, filled).route in {f"{each.method} {each.path}" for each in ROUTES}


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/page/x"), ("POST", "/v1/course/enroll/"), ("PUT", "/health")]
)
def test_m54_what_is_no_route_of_ours_is_other(method: str, path: str) -> None:
    assert CALLS.find(method, path).route == OTHER


def test_m51_calls_that_ask_are_routes_of_ours() -> None:
    ours = {f"{route.method} {route.path}" for route in ROUTES}
    assert ours >= rules._ASKING
    assert ours >= set(rules.CREATED)
    assert ours >= set(rules._UNORDERED)


@pytest.mark.parametrize(
    ("method", "path", "reads"),
    [
        ("GET", "/v1/course/batch/read/1", True),
        ("HEAD", "/x", True),
        ("POST", "/v1/content/state/read", True),
        ("POST", "/api/course/v1/content/state/read", True),
        ("PATCH", "/v1/content/state/update", False),
        ("POST", "/v1/course/enroll", False),
        ("POST", "/v1/page/assemble", False),
        ("DELETE", "/v1/cache/clear/x", False),
    ],
)
def test_m51_what_is_not_known_to_ask_only_may_change_something(method: str, path: str, reads: bool) -> None:
    assert rules.is_read(method, CALLS.find(method, path).route) is reads


@pytest.mark.parametrize(
    ("method", "path", "sent", "learner"),
    [
        ("POST", "/v1/course/enroll", body(userId="asha"), "asha"),
        ("POST", "/v1/course/enroll", body(courseId="x"), "caller"),
        ("GET", "/v1/user/courses/list/asha", b"", "asha"),
        ("GET", "/v1/course/batch/read/1", b"", "caller"),
        ("POST", "/v1/course/enroll", b"no json", "caller"),
        ("POST", "/v1/course/enroll", body(userId=7), "caller"),
        ("POST", "/v1/course/enroll", b'{"request": []}', "caller"),
    ],
)
def test_m51_a_call_is_about_whom_its_body_names_else_its_path_else_the_caller(
    method: str, path: str, sent: bytes, learner: str
) -> None:
    assert rules.learner_of(CALLS.find(method, path), sent, "caller") == learner


@pytest.mark.parametrize(
    ("method", "path", "sent", "many"),
    [
        ("POST", "/v1/course/batch/create", body(name="June"), True),
        ("PATCH", "/v1/course/batch/update", body(id="1"), True),
        ("POST", "/v1/course/batch/users/add/1", body(userIds=["a"]), True),
        ("POST", "/v1/batch/bulk/enrollment", b"file", True),
        ("POST", "/v1/course/enroll", body(), False),
        ("PATCH", "/v1/content/state/update", body(contents=[]), False),
        ("POST", "/v1/course/admin/enroll", body(userId="a"), False),
        ("POST", "/v1/page/assemble", body(), False),
    ],
)
def test_m51_writes_about_many_people_are_told_apart(method: str, path: str, sent: bytes, many: bool) -> None:
    assert rules.is_about_many(CALLS.find(method, path), sent) is many


@pytest.mark.parametrize(
    ("status", "answer", "created"),
    [
        (200, {"result": {"batchId": "0140"}}, "0140"),
        (400, {"result": {"batchId": "0140"}}, ""),
        (200, {"result": {"batchId": "a b"}}, ""),
        (200, {"result": {"batchId": 7}}, ""),
        (200, {"result": None}, ""),
        (200, [], ""),
    ],
)
def test_m56_the_new_id_is_read_from_an_answer_that_created_something(status: int, answer: Any, created: str) -> None:
    told = json.dumps(answer).encode()
    assert rules.created_id("POST /v1/course/batch/create", status, told) == created
    assert rules.created_id("POST /v1/course/enroll", status, told) == ""


def test_m52_a_query_is_kept_by_its_names() -> None:
    assert rules.query_without_values("/v1/x?sig=secret&user=asha") == "/v1/x?sig&user"
    assert rules.query_without_values("/v1/x") == "/v1/x"


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c", ""]), st.booleans()), max_size=25), st.randoms())
def test_m51_calls_wait_for_those_before_them_and_for_no_others(calls: list[tuple[str, bool]], random: Any) -> None:
    async def work() -> list[int]:
        order, ended = Order(), list[int]()

        async def call(number: int, before: Any, done: Any) -> None:
            for earlier in before:
                await earlier
            for _ in range(random.randrange(4)):
                await asyncio.sleep(0)
            ended.append(number)
            done.set_result(None)

        tasks = [
            asyncio.create_task(call(number, *order.place(learner, about_many=many)))
            for number, (learner, many) in enumerate(calls)
        ]
        await asyncio.gather(*tasks)
        assert order._last == {} or all(future.done() for future in order._last.values())
        return ended

    ended = asyncio.run(work())
    place = {number: index for index, number in enumerate(ended)}
    for later, (learner, many) in enumerate(calls):
        for earlier in range(later):
            other, others_many = calls[earlier]
            if many or others_many or (learner and learner == other):
                assert place[earlier] < place[later]
