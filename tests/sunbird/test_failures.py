"""What goes wrong in other services, and what our callers see of it (contract batches §5.2)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from lernbatch.errors import Upstream
from lernbatch.sunbird import Sunbird
from lernbatch.sunbird.http import IN_JOB, Resting, Unreachable, UpstreamEmpty, UpstreamRefused
from lernbatch.sunbird.templates import TemplateUnreadable
from tests.sunbird.conftest import HANGS, Clients, Script


def failed(code: str, text: str | None = "Told by them.", reason: str | None = "ERR_X") -> dict[str, Any]:
    return {"responseCode": code, "params": {"err": reason, "errmsg": text}, "result": {}}


OK = {"responseCode": "OK", "result": {"content": {"identifier": "do_1", "status": "Live", "leafNodesCount": 3}}}


@pytest.mark.parametrize(
    ("status", "code", "http_status"),
    [
        (500, "SERVER_ERROR", 500),
        (400, "CLIENT_ERROR", 400),
        (401, "UNAUTHORIZED", 401),
        (404, "RESOURCE_NOT_FOUND", 404),
        (403, "FORBIDDEN", 403),
        (418, "TEAPOT", 500),
        (200, "SERVER_ERROR", 500),
    ],
)
def test_a_refusal_is_passed_on_with_its_text(
    clients: Clients, scripted: Script, status: int, code: str, http_status: int
) -> None:
    scripted.answer((status, failed(code)))
    with pytest.raises(UpstreamRefused) as refused:
        clients(lambda sunbird: sunbird.organisations.find(["org-1"]), upstream_attempts=1)
    failure = refused.value
    assert (failure.http_status, failure.code, failure.message) == (http_status, code, "Told by them.")
    assert (failure.status, failure.upstream_code) == (status, "ERR_X")


@pytest.mark.parametrize("body", [b"", b"  \n"])
def test_an_empty_answer_has_its_own_text(clients: Clients, scripted: Script, body: bytes) -> None:
    scripted.answer((200, body))
    with pytest.raises(UpstreamEmpty) as empty:
        clients(lambda sunbird: sunbird.users.profile("u-1"))
    assert (empty.value.http_status, empty.value.code) == (500, None)
    assert empty.value.message == "Something went wrong while Processing Request"


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"3", b"\xff\xfe", b'{"result"'])
def test_an_answer_that_cannot_be_read_has_neither_code_nor_text(
    clients: Clients, scripted: Script, body: bytes
) -> None:
    scripted.answer((200, body))
    with pytest.raises(Unreachable) as unreadable:
        clients(lambda sunbird: sunbird.users.profile("u-1"))
    assert (unreadable.value.http_status, unreadable.value.code, unreadable.value.message) == (500, None, None)


def test_nobody_listening_is_unreachable(clients: Clients) -> None:
    with pytest.raises(Unreachable):
        clients(lambda sunbird: sunbird.users.profile("u-1"), user_org_url="http://127.0.0.1:1")


def test_a_service_that_hangs_is_given_up_after_the_timeout(clients: Clients, scripted: Script) -> None:
    scripted.answer(HANGS)
    with pytest.raises(Unreachable):  # after that the service still hangs, until its caller is gone
        clients(lambda sunbird: sunbird.users.profile("u-1"), upstream_attempts=1)


def test_an_answer_that_is_too_large_is_not_taken(clients: Clients, scripted: Script) -> None:
    scripted.answer((200, {"result": {"response": {"firstName": "A" * 5000}}}))
    with pytest.raises(Unreachable) as unreachable:
        clients(lambda sunbird: sunbird.users.profile("u-1"), upstream_max_bytes=4000, upstream_attempts=1)
    assert "larger than 4000 bytes" in unreachable.value.detail


@pytest.mark.parametrize("hiccup", [(503, failed("SERVER_ERROR")), (429, failed("CLIENT_ERROR")), HANGS])
def test_a_read_is_repeated_when_the_service_hiccups(clients: Clients, scripted: Script, hiccup: Any) -> None:
    scripted.answer(hiccup, (200, OK))
    course = clients(lambda sunbird: sunbird.content.course("do_1"))
    assert course.leaf_nodes_count == 3
    assert len(scripted.requests) == 2


def test_a_search_is_repeated_and_gives_up_after_the_configured_attempts(clients: Clients, scripted: Script) -> None:
    scripted.answer((500, failed("SERVER_ERROR")))
    with pytest.raises(UpstreamRefused):
        clients(lambda sunbird: sunbird.search.courses({}, limit=1), upstream_attempts=3)
    assert len(scripted.requests) == 3


@pytest.mark.parametrize(
    "call",
    [
        lambda sunbird: sunbird.notify.email({"subject": "x"}),
        lambda sunbird: sunbird.content.write_batches("do_1", []),
        lambda sunbird: sunbird.content.create_course({"name": "x"}, "c"),
    ],
)
def test_a_call_that_changes_something_is_made_once(clients: Clients, scripted: Script, call: Any) -> None:
    scripted.answer(HANGS)
    with pytest.raises(Unreachable):
        clients(call)
    assert len(scripted.requests) == 1


def test_a_refusal_is_not_repeated(clients: Clients, scripted: Script) -> None:
    scripted.answer((400, failed("CLIENT_ERROR")))
    assert clients(lambda sunbird: sunbird.content.course("do_1")) is None
    assert len(scripted.requests) == 1


def test_a_service_that_keeps_failing_is_left_alone_then_tried_once_and_trusted_again(
    clients: Clients, scripted: Script
) -> None:
    async def work(sunbird: Sunbird) -> list[Any]:
        seen: list[Any] = []
        for _ in range(30_000):
            seen += await asyncio.gather(sunbird.content.course("do_1"), return_exceptions=True)
            if seen[-3:] == [course] * 3:
                break
            await asyncio.sleep(0.01)
        return [type(one) for one in seen]

    down = (500, failed("SERVER_ERROR"))
    scripted.answer(down, down, down, (200, OK))
    course = clients(lambda sunbird: sunbird.content.course("do_1"), upstream_attempts=4)
    scripted.answer(down, down, down, (200, OK))
    seen = clients(work, upstream_failures=3, upstream_breaker_seconds=2, upstream_attempts=1)
    assert seen[:4] == [*[UpstreamRefused] * 3, Resting]
    assert set(seen[4:-3]) == {Resting}
    assert seen[-3:] == [type(course)] * 3
    assert len(scripted.requests) == 6


def test_of_many_who_wait_for_a_resting_service_one_is_let_through(clients: Clients, scripted: Script) -> None:
    async def work(sunbird: Sunbird) -> list[Any]:
        with pytest.raises(Upstream):
            await sunbird.content.course("do_1")
        for _ in range(30_000):
            reads = (sunbird.content.course("do_1") for _ in range(10))
            seen = await asyncio.gather(*reads, return_exceptions=True)
            if not all(isinstance(one, Resting) for one in seen):
                break
            await asyncio.sleep(0.01)
        return seen

    scripted.answer((500, failed("SERVER_ERROR")), HANGS)
    seen = clients(work, upstream_failures=1, upstream_breaker_seconds=0.2, upstream_attempts=1)
    assert sum(isinstance(one, Resting) for one in seen) == 9
    assert len(scripted.requests) == 2


def test_what_fails_for_callers_does_not_stop_the_jobs_nor_the_other_way_round(
    clients: Clients, scripted: Script
) -> None:
    async def as_job(sunbird: Sunbird) -> Any:
        IN_JOB.set(True)
        return await sunbird.content.course("do_1")

    async def work(sunbird: Sunbird) -> list[Any]:
        with pytest.raises(Upstream):
            await sunbird.content.course("do_1")
        with pytest.raises(Resting):
            await sunbird.content.course("do_1")
        job = await asyncio.create_task(as_job(sunbird))
        return [job, *await asyncio.gather(sunbird.content.course("do_1"), return_exceptions=True)]

    scripted.answer((500, failed("SERVER_ERROR")), (200, OK))
    job, caller = clients(work, upstream_failures=1, upstream_breaker_seconds=60, upstream_attempts=1)
    assert (job.status, type(caller)) == ("Live", Resting)


def test_one_service_that_rests_does_not_hold_up_another(clients: Clients, scripted: Script) -> None:
    async def work(sunbird: Sunbird) -> Any:
        with pytest.raises(Upstream):
            await sunbird.users.profile("u-1")
        return await sunbird.content.course("do_1")

    scripted.answer((500, failed("SERVER_ERROR")), (200, OK))
    assert clients(work, upstream_failures=1, upstream_attempts=1).status == "Live"


@pytest.mark.parametrize(
    ("answers", "raised"),
    [
        ([(200, b"")], UpstreamEmpty),
        ([(404, failed("RESOURCE_NOT_FOUND")), (200, b"")], UpstreamEmpty),
        ([(400, failed("CLIENT_ERROR"))], UpstreamRefused),
        ([(404, failed("RESOURCE_NOT_FOUND")), (500, failed("SERVER_ERROR"))], UpstreamRefused),
        ([(200, b"<html>")], TemplateUnreadable),
        ([HANGS], TemplateUnreadable),
    ],
)
def test_each_failure_of_a_template_read_is_told_apart(
    clients: Clients, scripted: Script, answers: list[Any], raised: type[Upstream]
) -> None:
    scripted.answer(*answers)
    with pytest.raises(raised) as failure:
        clients(lambda sunbird: sunbird.templates.template("t-1"), upstream_attempts=1)
    assert type(failure.value) is raised
    if raised is TemplateUnreadable:
        assert failure.value.message == "Exception while validating template with cert service"
        assert (failure.value.http_status, failure.value.code) == (500, None)


def test_a_template_of_the_certificate_service_is_asked_for_second(clients: Clients, scripted: Script) -> None:
    template = {"identifier": "t-1", "name": "Old", "data": "no object", "issuer": {}, "signatoryList": "none"}
    scripted.answer(
        (404, failed("RESOURCE_NOT_FOUND")),
        (200, {"responseCode": "OK", "result": {"certificate": {"template": template}}}),
    )
    found = clients(lambda sunbird: sunbird.templates.template("t-1"))
    assert [request.url.path for request in scripted.requests] == ["/asset/v4/read/t-1", "/cert/v1/template/read/t-1"]
    assert (found.title, found.data, found.issuer, found.signatories) == ("Old", "no object", None, None)


def test_an_answer_without_the_template_is_told_apart_from_none(clients: Clients, scripted: Script) -> None:
    scripted.answer((200, {"responseCode": "OK", "result": {}}))
    found = clients(lambda sunbird: sunbird.templates.template("t-1"))
    assert found.template_id == ""


def test_a_blocked_person_is_told_apart_from_nobody(clients: Clients, scripted: Script) -> None:
    scripted.answer((400, failed("CLIENT_ERROR", reason="UOS_USRRED0006")))
    person = clients(lambda sunbird: sunbird.users.profile("u-1"))
    assert (person.user_id, person.status, person.name) == ("u-1", 0, "")
    scripted.answer((400, failed("CLIENT_ERROR", reason="USER_ACCOUNT_BLOCKED")))
    assert clients(lambda sunbird: sunbird.notify.notification({"body": "x"})) is False


def test_no_failure_names_a_person(clients: Clients, scripted: Script, capsys: pytest.CaptureFixture[str]) -> None:
    for answer in (
        (500, {}),
        (503, b""),
        (200, b"no JSON"),
        (200, b"[" * 20_000),
        (400, {"responseCode": "CLIENT_ERROR"}),
    ):
        scripted.answer(answer)
        with pytest.raises(Upstream) as failure:
            clients(lambda sunbird: sunbird.users.profile("5f1c7a3e-somebody"), upstream_attempts=2)
        assert "somebody" not in failure.value.detail
        assert "GET /private/user/v1/read/…" in failure.value.detail
    with pytest.raises(Upstream) as failure:
        clients(lambda sunbird: sunbird.users.profile("5f1c7a3e-somebody"), user_org_url="http://127.0.0.1:1")
    assert "somebody" not in failure.value.detail
    assert "somebody" not in capsys.readouterr().err


def test_health_of_the_search_is_an_answer_not_a_failure(clients: Clients, scripted: Script) -> None:
    scripted.answer((500, failed("SERVER_ERROR")))
    assert clients(lambda sunbird: sunbird.search.healthy(), upstream_attempts=1) is False
    scripted.answer((200, {"responseCode": "OK", "result": {}}))
    assert clients(lambda sunbird: sunbird.search.healthy()) is True
