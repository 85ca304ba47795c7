"""Every route, every caller, by request: allowed, or exactly this refusal; and a new route needs its row."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest

from lernbatch.routes import ROUTES
from lernbatch.web.admission import Denied
from tests.rights.table import CALLERS, ROWS
from tests.rights.world import SERVICE_PATHS, World, world

SERVICE_PATHS |= {route.gateway: route.path for route in ROUTES if route.gateway}
PATHS = [
    (route.method, path, f"{route.method} {route.path}")
    for route in ROUTES
    for path in (route.path, route.gateway)
    if path
]
NO_SUCH_REQUEST = "no job available with the given request_id and tag"


@pytest.fixture(scope="module")
def seeded(new_dsn: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("rights"), new_dsn()) as made:
        yield made


def letter(answer: httpx.Response) -> str:
    """What an answer says of who asks; the letters are those of table.py."""
    is_json = answer.headers.get("content-type", "").startswith("application/json")
    body = answer.json() if is_json else {}
    body = body if isinstance(body, dict) else {}
    params, code = body.get("params") or {}, body.get("responseCode")
    match answer.status_code, params.get("err"), params.get("errmsg"), code:
        case 401, "UNAUTHORIZED_USER", "You are not authorized.", "CLIENT_ERROR":
            return "-"
        case 401, "UNAUTHORIZED_USER", "You are not authorized.", "UNAUTHORIZED":
            return "u"
        case 403, "FORBIDDEN", text, "FORBIDDEN" if str(text).startswith("Given X-Consumer-ID="):
            return "k"
        case 403, "FORBIDDEN", Denied.message, _:
            return "r"
        case 403, "FORBIDDEN", "You are not authorized.", _:
            return "f"
        case 400, "INVALID_USER_ID", "User Id does not exists in our records", _:
            return "i"
        case 404, "RESOURCE_NOT_FOUND", _, _ if any(
            part in str(answer.request.url) for part in ("/v1/upload/", "/v1/webhook/")
        ):
            return "n"
        case 200, _, text, _ if text == NO_SUCH_REQUEST:
            return "j"
        case status, _, _, _ if status < 500 and status not in (401, 403):
            return "+"
    return f"<{answer.status_code} {answer.text[:200]}>"


def test_every_route_has_its_row_and_every_row_a_letter_for_each_caller() -> None:
    assert list(ROWS) == [f"{route.method} {route.path}" for route in ROUTES]
    assert {len(row.split()) for row in ROWS.values()} == {len(CALLERS)}


@pytest.mark.parametrize(("method", "path", "row"), PATHS, ids=[f"{method} {path}" for method, path, _ in PATHS])
def test_who_may_is_who_the_table_says(seeded: World, method: str, path: str, row: str) -> None:
    told = {name: letter(seeded.call(method, path, seeded.callers[name])) for name in CALLERS}
    assert told == dict(zip(CALLERS, ROWS[row].split(), strict=True))
