"""What is true of a request before anybody compares: read or write, about whom, what it creates, what may be kept."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

OTHER = "other"  # routes that are none of ours
_CHANGING = frozenset(("POST", "PATCH", "PUT", "DELETE"))
# Calls with a body that change nothing.
_ASKING = frozenset(
    (
        "POST /v1/course/batch/search",
        "POST /v1/batch/participants/list",
        "POST /v1/course/batch/preview",
        "POST /v2/user/courses/list",
        "POST /v2/user/courses/admin/list",
        "POST /private/v2/user/courses/list",
        "POST /v1/batch/roster/plan",
        "POST /v1/content/state/read",
        "POST /private/v1/content/state/read",
        "POST /v1/group/activity/agg",
        "POST /v1/collection/summary",
        "POST /v1/course/batch/cert/template/preview",
        "POST /dataset/v1/request/search",
        "POST /api/rc/certificate/v1/search",
        "POST /certs/v1/registry/search",
        "POST /certs/v2/registry/search",
        "POST /certs/v1/registry/validate",
        "POST /certs/v1/registry/verify",
        "POST /certs/v1/registry/download",
        "POST /api/user/v1/certs/download",
    )
)
# Routes whose bodies name people by their ids alone, so that the journal may keep them: writes that catch-up and replay
# need, and reads of batches and progress. Of every other route, also of unknown ones, shapes and hashes are kept.
KEPT = frozenset(
    (
        "POST /v1/course/batch/create",
        "POST /private/v1/course/batch/create",
        "PATCH /v1/course/batch/update",
        "GET /v1/course/batch/read/{batch_id}",
        "POST /v1/course/batch/clone",
        "POST /v1/course/enroll",
        "POST /v1/course/unenroll",
        "POST /v1/user/courses/unenroll",
        "POST /v1/course/admin/enroll",
        "POST /v1/course/admin/unenroll",
        "POST /v1/course/batch/users/add/{batch_id}",
        "POST /v1/course/batch/users/remove/{batch_id}",
        "GET /v1/user/courses/list/{user_id}",
        "GET /private/v1/user/courses/list/{user_id}",
        "POST /v2/user/courses/list",
        "POST /private/v2/user/courses/list",
        "POST /v1/content/state/read",
        "POST /private/v1/content/state/read",
        "PATCH /v1/content/state/update",
        "PATCH /v1/user/content/state",
        "POST /v1/activity/agg",
        "POST /v1/assessment/agg",
        "POST /v1/collection/summary",
        "PATCH /v1/course/batch/cert/template/remove",
        "POST /v1/course/batch/cert/issue",
        "GET /health",
        "GET /service/health",
    )
)
# Where an answer names what the call has created.
CREATED: Mapping[str, str] = {
    "POST /v1/course/batch/create": "batchId",
    "POST /private/v1/course/batch/create": "batchId",
    "POST /v1/course/batch/clone": "batchId",
    "POST /v1/batch/bulk/enrollment": "processId",
    "POST /v1/batch/bulk/unenrollment": "processId",
}
# Lists whose order the contract leaves open.
_UNORDERED: Mapping[str, frozenset[str]] = {
    "POST /v1/collection/summary": frozenset(("$.result.metrics", "$.result.groupBy")),
    "POST /v1/batch/participants/list": frozenset(("$.result.batch.participants",)),
}
_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Called:
    """The call that a request is: `route` as `METHOD /path/{parameter}` of the service's own paths, or OTHER."""

    route: str
    parameters: Mapping[str, str]

    @property
    def keeps_bodies(self) -> bool:
        return self.route in KEPT

    @property
    def generated(self) -> frozenset[str]:
        """The paths of ids that each service makes up."""
        name = CREATED.get(self.route)
        return frozenset((f"$.result.{name}",)) if name else frozenset()

    @property
    def unordered(self) -> frozenset[str]:
        return _UNORDERED.get(self.route, frozenset())


class Calls:
    """Finds the call of a request. `routes`: method, the service's path, the gateway's path or None, of each."""

    def __init__(self, routes: Iterable[tuple[str, str, str | None]]) -> None:
        self._fixed: dict[tuple[str, str], Called] = {}
        self._patterns: list[tuple[str, re.Pattern[str], str]] = []
        for method, path, gateway in routes:
            name = f"{method} {path}"
            for each in filter(None, (path, gateway)):
                if "{" in each:
                    pattern = re.sub(r"\\{(\w+)(:path)?\\}", _segment, re.escape(each))
                    self._patterns.append((method, re.compile(pattern), name))
                else:
                    self._fixed[method, each] = Called(name, {})

    def find(self, method: str, path: str) -> Called:
        """The call of that method and path, which is without the query."""
        if fixed := self._fixed.get((method, path)):
            return fixed
        for of_method, pattern, name in self._patterns:
            if of_method == method and (match := pattern.fullmatch(path)):
                return Called(name, match.groupdict())
        return Called(OTHER, {})


def _segment(match: re.Match[str]) -> str:
    return f"(?P<{match.group(1)}>{'.+' if match.group(2) else '[^/]+'})"


def is_read(method: str, route: str) -> bool:
    """Whether the call changes nothing. What is unknown and has a body may change something."""
    return method not in _CHANGING or route in _ASKING


def learner_of(called: Called, body: bytes, subject: str) -> str:
    """Whom a call is about, so that calls about one learner stay in order (M51); "": nobody in particular.

    The body's `userId`, else the path's, else the caller.
    """
    request = _request(body)
    named = request.get("userId") or called.parameters.get("user_id")
    return named if isinstance(named, str) and named else subject


def is_about_many(called: Called, body: bytes) -> bool:
    """Whether a write concerns other people than its caller: it waits for all before it, and all after it for it.

    What is no route of ours changes nothing here.
    """
    if called.route == OTHER:
        return False
    request = _request(body)
    own = ("/content/state", "/course/enroll", "/course/unenroll", "/courses/unenroll")
    return not (any(part in called.route for part in own) or isinstance(request.get("userId"), str))


def created_id(route: str, status: int, answer: bytes) -> str:
    """The id of what a create has created, in its answer (M56); "": none."""
    name = CREATED.get(route)
    if name is None or status != 200:
        return ""
    result = _object(answer).get("result")
    value = result.get(name) if isinstance(result, dict) else None
    return value if isinstance(value, str) and _ID.fullmatch(value) else ""


def query_without_values(target: str) -> str:
    """The path and the names of the query: what a query's values say may be about people."""
    parts = urlsplit(target)
    names = "&".join(name for name, _ in parse_qsl(parts.query, keep_blank_values=True))
    return f"{parts.path}?{names}" if names else parts.path


def _request(body: bytes) -> Mapping[str, Any]:
    request = _object(body).get("request")
    return request if isinstance(request, dict) else {}


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
