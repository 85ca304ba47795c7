"""M54: what is known to differ is what docs/differences.md says, and no more than that."""

from __future__ import annotations

from pathlib import Path

import pytest

from lernbatch.routes import ROUTES
from lernbatch.shadow import known
from lernbatch.shadow.model import AnswerDifference, Kind
from lernbatch.shadow.rules import OTHER

DIFFERENCES = (Path(__file__).parents[2] / "docs" / "differences.md").read_text("utf-8").splitlines()
READ, SEARCH = "GET /v1/course/batch/read/{batch_id}", "POST /v1/course/batch/search"
LIST = "GET /v1/user/courses/list/{user_id}"


@pytest.mark.parametrize("rule", known.rules(), ids=lambda rule: f"{rule.case} {rule.path}")
def test_m54_a_known_difference_is_a_row_of_the_differences_on_a_route_that_exists(rule: known.Rule) -> None:
    assert [line for line in DIFFERENCES if line.startswith(f"| {rule.row}")] != []
    assert set(rule.routes) <= {f"{route.method} {route.path}" for route in ROUTES} | {OTHER}
    assert rule.path.startswith("$")
    assert Kind.LATE not in rule.kinds
    assert Kind.KNOWN not in rule.kinds


def case(route: str, kind: Kind, path: str, primary: object = None, candidate: object = None) -> str:
    (told,) = known.explained(route, [AnswerDifference(kind, path, primary, candidate)], known.rules())
    return told.case


@pytest.mark.parametrize(
    ("route", "kind", "path", "primary", "candidate", "wanted"),
    [
        (READ, "value", "$.result.response.endDate", "2026-06-30T18:29:59.999Z", "2026-06-30", "batch-dates"),
        (READ, "value", "$.result.response.endDate", "2026-06-29T18:29:59.999Z", "2026-06-30", ""),
        (READ, "value", "$.result.response.endDate", "2026-06-29", "2026-06-30", ""),
        (READ, "missing", "$.result.response.endDate", "2026-06-30", None, ""),
        (SEARCH, "value", "$.result.response.content[].status", 0, 1, "batch-status"),
        (SEARCH, "value", "$.result.response.content[].status", 2, 1, ""),
        (SEARCH, "order", "$.result.response.content", None, None, "search-order"),
        (LIST, "order", "$.result.courses", None, None, ""),
        (LIST, "extra", "$.result.count", None, 3, "list-count"),
        (LIST, "missing", "$.result.count", 3, None, ""),
        ("POST /v1/course/enroll", "status", "$status", "200", "400 ENROLLMENT_TYPE_VALIDATION", "invite-only"),
        ("POST /v1/course/enroll", "status", "$status", "200", "400 COURSE_BATCH_ALREADY_COMPLETED", ""),
        ("POST /v1/course/enroll", "status", "$status", "200", "500", ""),
        (
            "POST /v1/course/unenroll",
            "status",
            "$status",
            "500 INTERNAL_ERROR",
            "400 USER_NOT_ENROLLED_COURSE",
            "never-enrolled",
        ),
        (SEARCH, "missing", "$.result.response.content[].cert_templates.*.notifyTemplate", 1, None, "template-texts"),
        (SEARCH, "missing", "$.result.response.content[].cert_templatesX", 1, None, ""),
        ("other", "status", "$status", "200", "404 RESOURCE_NOT_FOUND", "not-served"),
        ("other", "status", "$status", "200", "500", ""),
        (READ, "status", "$status", "200", "404 RESOURCE_NOT_FOUND", ""),
    ],
)
def test_m54_a_rule_explains_what_its_row_says_and_not_its_neighbour(
    route: str, kind: str, path: str, primary: object, candidate: object, wanted: str
) -> None:
    assert case(route, Kind(kind), path, primary, candidate) == wanted
