"""The envelope over real HTTP: identity, ids, and the failure forms (contract batches §1)."""

from __future__ import annotations

import httpx

from tests.people import ASHA, VIKRAM
from tests.running import Running


def test_a_call_without_a_token_is_form_c(service: Running) -> None:
    answer = service.call("POST", "/v1/course/batch/create", None, {})
    assert answer.status_code == 401
    body = answer.json()
    assert body["params"]["err"] == "UNAUTHORIZED_USER"
    assert body["params"]["status"] == "SERVER_ERROR"
    assert body["responseCode"] == "CLIENT_ERROR"
    assert body["result"] == {}


def test_an_unknown_route_is_an_envelope_with_404(service: Running) -> None:
    answer = httpx.get(f"{service.url}/v1/nothing/here")
    assert answer.status_code == 404
    assert answer.json()["responseCode"] == "RESOURCE_NOT_FOUND"


def test_malformed_json_is_an_envelope_with_400(service: Running) -> None:
    answer = service.call(
        "POST", "/v1/course/batch/create", VIKRAM, headers={"Content-Type": "application/json"}, content=b"{oops"
    )
    assert answer.status_code == 400
    assert answer.json()["params"]["errmsg"] == "The request body is not valid JSON."


def test_the_message_id_of_the_caller_is_answered(service: Running) -> None:
    answer = service.call("GET", "/v1/course/batch/read/0140", ASHA, headers={"X-msgId": "m-1"})
    assert answer.json()["params"]["msgid"] == "m-1"
    assert answer.json()["id"] == "api.course.batch.read"
    assert answer.headers["X-Response-Length"] == str(len(b'{"response":{}}'))


def test_of_a_repeated_parameter_the_first_value_counts(service: Running) -> None:
    def shown(query: str) -> dict[str, object]:
        path = f"/v1/course/batch/search?{query}"
        answer = service.call("POST", path, None, {"filters": {"batchId": "none"}})
        result: dict[str, object] = answer.json()["result"]["response"]
        return result

    assert shown("fields=participants&fields=other") == shown("fields=participants")
