"""The sandbox' answers on the wire: the platform's envelope for success and for every failure."""

from __future__ import annotations

import httpx
import pytest

COURSE = "do_21400000000000001"


def test_an_answer_is_an_envelope(http: httpx.Client) -> None:
    answer = http.get(f"/content/v3/read/{COURSE}", params={"fields": "status,leafNodesCount"})
    body = answer.json()
    assert answer.headers["content-type"] == "application/json"
    assert (body["id"], body["responseCode"], body["params"]["status"]) == ("api.content.read", "OK", "successful")
    assert body["result"]["content"] == {"identifier": COURSE, "status": "Live", "leafNodesCount": 14}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/content/v3/read/do_nowhere", None, 404, "RESOURCE_NOT_FOUND"),
        ("GET", "/private/user/v1/read/nobody", None, 404, "RESOURCE_NOT_FOUND"),
        ("GET", "/nowhere", None, 404, "RESOURCE_NOT_FOUND"),
        ("DELETE", f"/content/v3/read/{COURSE}", None, 404, "RESOURCE_NOT_FOUND"),
        ("POST", "/v3/search", b"{", 400, "CLIENT_ERROR"),
        ("POST", "/v3/search", b"[]", 500, "SERVER_ERROR"),
        ("POST", "/v3/search", b'{"request":{"filters":[1]}}', 400, "CLIENT_ERROR"),
        ("POST", "/v1/user/consent/read", b"{}", 400, "CLIENT_ERROR"),
        ("PATCH", f"/content/v4/system/update/{COURSE}", b"{}", 400, "CLIENT_ERROR"),
        ("PATCH", "/content/v3/hierarchy/update", b'{"request":{"data":{}}}', 400, "CLIENT_ERROR"),
        ("GET", "/sandbox/template/do_nowhere.svg", None, 404, "RESOURCE_NOT_FOUND"),
    ],
)
def test_a_failure_is_an_envelope_too(
    http: httpx.Client, method: str, path: str, body: bytes | None, status: int, code: str
) -> None:
    answer = http.request(method, path, content=body)
    assert (answer.status_code, answer.json()["responseCode"], answer.json()["result"]) == (status, code, {})


def test_paths_by_which_the_platform_knows_the_same_calls_answer_too(http: httpx.Client) -> None:
    paths = ("/content/v4/read/", "/collection/v4/hierarchy/")
    assert [http.get(f"{path}{COURSE}").status_code for path in paths] == [200, 200]
    assert http.post("/composite/v3/search", json={"request": {"filters": {}}}).json()["result"]["count"] > 0
    assert http.get("/v5/user/read/u-asha").json()["result"]["response"]["firstName"] == "Asha"


def test_question_sets_are_not_among_the_contents_of_a_search(http: httpx.Client) -> None:
    filters = {"identifier": ["do_21400000000000131", COURSE]}
    result = http.post("/v3/search", json={"request": {"filters": filters}}).json()["result"]
    assert [hit["identifier"] for hit in result["content"]] == [COURSE]
    assert [hit["identifier"] for hit in result["QuestionSet"]] == ["do_21400000000000131"]


def test_the_questions_of_a_question_set_can_be_read(http: httpx.Client) -> None:
    result = http.get("/questionset/v2/hierarchy/do_21400000000000131").json()["result"]
    kinds = [question["qType"] for question in result["questionset"]["children"]]
    assert kinds == ["mcq", "mcq", "ftb", "mtf", "mmcq", "seq"]


def test_messages_can_be_looked_at(http: httpx.Client) -> None:
    http.post("/v1/notification/email", json={"request": {"subject": "Course Invitation"}})
    kept = http.get("/sandbox/messages", params={"kind": "email"}).json()["result"]["messages"]
    assert kept[0]["request"] == {"subject": "Course Invitation"}
