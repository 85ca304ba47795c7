"""docs/routes.md tells the truth: what it calls served has a route, and the others answer 404 in the envelope."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lernbatch.routes import ROUTES
from tests.people import ADMIN
from tests.running import Running

DOCUMENT = Path(__file__).parents[2] / "docs" / "routes.md"
DOCUMENTED = [
    (method, path, here == "served")
    for method, paths, here in re.findall(
        r"^\| (GET|POST|PATCH|DELETE) \|(.*)\| (served|not served: \w+(?: \w+)*) \|$", DOCUMENT.read_text("utf-8"), re.M
    )
    for path in re.findall(r"`([^`]+)`", paths)
]
GONE = re.findall(r"^\| `(/api/[^`]+)` \| `[^`]+` \|$", DOCUMENT.read_text("utf-8"), re.M)


def test_every_route_that_is_called_served_is_a_route() -> None:
    ours = {(route.method, path) for route in ROUTES for path in (route.path, route.gateway)}
    served = [(method, path) for method, path, is_served in DOCUMENTED if is_served]
    assert len(served) > 50
    assert [route for route in served if route not in ours] == []


@pytest.mark.parametrize(
    ("method", "path"),
    [(method, path) for method, path, is_served in DOCUMENTED if not is_served] + [("GET", path) for path in GONE],
)
def test_every_other_route_is_404_in_the_envelope(service: Running, method: str, path: str) -> None:
    answer = service.call(method, re.sub(r"{\w+}", "1", path), ADMIN, {} if method != "GET" else None)
    assert (answer.status_code, answer.json()["responseCode"]) == (404, "RESOURCE_NOT_FOUND")
