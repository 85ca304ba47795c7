"""Calls about batches, as the tests make them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx

from tests.people import HOME_ORG, VIKRAM, Person
from tests.running import Running
from tests.seeds import COURSE

CREATE = "/v1/course/batch/create"
CREATE_PRIVATELY = "/private/v1/course/batch/create"
UPDATE = "/v1/course/batch/update"
READ = "/v1/course/batch/read"
SEARCH = "/v1/course/batch/search"
PARTICIPANTS = "/v1/batch/participants/list"
GATEWAY = "/api/course/v1/batch"

LEFT_OUT: Any = object()


def day(service: Running, ahead: int = 0) -> str:
    """Today in the platform's zone, moved by `ahead` days."""
    return (service.clock.today() + timedelta(days=ahead)).isoformat()


def creation_request(service: Running, **changes: Any) -> dict[str, Any]:
    """A create request that is right, with `changes`; a value LEFT_OUT takes its key away."""
    request = {
        "courseId": COURSE,
        "name": "June cohort",
        "enrollmentType": "open",
        "startDate": day(service),
        "endDate": day(service, 30),
        "createdFor": [HOME_ORG],
        **changes,
    }
    return {key: value for key, value in request.items() if value is not LEFT_OUT}


def create(service: Running, person: Person = VIKRAM, **changes: Any) -> str:
    """The id of a new batch."""
    answer = service.call("POST", CREATE, person, creation_request(service, **changes))
    assert answer.status_code == 200, answer.text
    return str(answer.json()["result"]["batchId"])


def create_privately(service: Running, person: Person, **changes: Any) -> str:
    """The id of a new batch that the platform makes in the name of `person`, for whatever organisations."""
    answer = service.call(
        "POST", CREATE_PRIVATELY, None, creation_request(service, createdBy=person.user_id, **changes)
    )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["result"]["batchId"])


def creation(service: Running, **changes: Any) -> httpx.Response:
    """The answer to a create call with `changes`."""
    return service.call("POST", CREATE, VIKRAM, creation_request(service, **changes))


def read(service: Running, batch_id: str) -> dict[str, Any]:
    """The batch's document."""
    answer = service.call("GET", f"{READ}/{batch_id}", VIKRAM)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()["result"]["response"]
    return document


def change(service: Running, batch_id: str, person: Person = VIKRAM, **changes: Any) -> httpx.Response:
    """The answer to an update call: what is always needed, as stored, and `changes`."""
    stored = read(service, batch_id)
    request = {"courseId": COURSE, "id": batch_id, "startDate": stored.get("startDate", day(service)), **changes}
    request = {key: value for key, value in request.items() if value is not LEFT_OUT}
    return service.call("PATCH", UPDATE, person, request)


def stored(service: Running) -> int:
    """How many batches there are, to see that a refusal wrote nothing."""
    return int(service.sql("SELECT count(*) FROM batch")[0][0])


def refused(answer: httpx.Response, code: str | None, text: str | None, status: int = 400) -> None:
    """`answer` is the contract's form A (or B without `code`) with exactly this."""
    body = answer.json()
    names = {400: "CLIENT_ERROR", 401: "UNAUTHORIZED", 404: "RESOURCE_NOT_FOUND", 412: "CLIENT_ERROR"}
    assert (answer.status_code, body["params"]["err"], body["params"]["errmsg"]) == (status, code, text)
    assert body["params"]["status"] == (code or "SERVER_ERROR")
    assert body["responseCode"] == names.get(status, "SERVER_ERROR")
    assert body["result"] == {}


def missing(answer: httpx.Response, parameter: str) -> None:
    refused(answer, "MANDATORY_PARAMETER_MISSING", f"Mandatory parameter {parameter} is missing.")


def form_d(answer: httpx.Response) -> None:
    refused(answer, "INTERNAL_ERROR", "Process failed,please try again later.", 500)


def form_f(answer: httpx.Response) -> None:
    refused(answer, None, None, 500)
