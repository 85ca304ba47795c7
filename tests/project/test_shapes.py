"""JSON that is no object, sent to every route that takes JSON, on both paths: exactly the failure of its kind of route.

Which routes are the reference's is read from docs/routes.md, so a new one of ours is asked as well.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from lernbatch.errors import Malformed, NotAnObject
from lernbatch.routes import ROUTES
from lernbatch.web.openapi import Operation, operations
from lernbatch.web.schema import Shape, shape_of
from tests.project.test_odd_text import ask, filled, identity_of, no_bug
from tests.running import Running

OF_THE_REFERENCE = {
    (method, path)
    for method, path in re.findall(r"^\| (\w+) \| `(\S+)` \|", Path("docs/routes.md").read_text(), re.MULTILINE)
    if not path.startswith("/api/")  # of the registries, which were services of their own
} | {("POST", "/v1/activity/agg"), ("POST", "/v1/assessment/agg")}  # of a later version (contract enrolment §3.6)
BODIES = [b"[]", b'[{"request":{}}]', b"1", b"-1.5", b'"text"', b"null", b"true"]
REQUESTS = [b'{"request":[]}', b'{"request":null}', b'{"request":1}', b'{"request":"text"}']
FORM_D = ("/v1/course/batch/search", "/v1/data/sync")
ANALYTICS = ("/dataset/v1/request/submit", "/dataset/v1/request/search")


def expected(operation: Operation) -> tuple[int, Any, Any]:
    """Status, code and text of the failure (contract batches §1.1, §1.4)."""
    route = operation.route
    uploads = (shape_of(route.handler) or Shape()).uploads
    if route.path in FORM_D or uploads:  # uploads: contract enrolment §2.3, E16
        return 500, Malformed.code, Malformed.message
    if route.path in ANALYTICS:
        return 400, "CLIENT_ERROR", "The request should be an object, and its tag, dataset and key texts"
    if (route.method, route.path) in OF_THE_REFERENCE:
        return 500, None, None
    return 400, NotAnObject.code, NotAnObject.message


@pytest.mark.parametrize(
    "operation",
    [each for each in operations(ROUTES) if each.route.method in ("POST", "PATCH")],
    ids=identity_of,
)
def test_json_that_is_no_object_is_refused_as_the_contract_says(service: Running, operation: Operation) -> None:
    path = filled(operation, "01412345678901234567")
    # An event and a query of the registry are no envelopes: there `request` is any key.
    is_enveloped = not operation.path.startswith(("/private/v1/user/account", "/api/rc"))
    with no_bug():
        for body in [*BODIES, *(REQUESTS if is_enveloped else [])]:
            answer = ask(service, operation, path, content=body, headers={"Content-Type": "application/json"})
            params = answer.json()["params"]
            assert (answer.status_code, params.get("err"), params["errmsg"]) == expected(operation), body
