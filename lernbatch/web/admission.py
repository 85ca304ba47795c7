"""Who may come in: tokens, private networks, roles, and calls that are about the caller alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hmac import compare_digest
from http import HTTPStatus
from typing import Any

from starlette.requests import Request

from lernbatch.config import Config
from lernbatch.errors import Forbidden, Refused
from lernbatch.services import Services
from lernbatch.web.caller import Caller
from lernbatch.web.headers import has_body, headers_of
from lernbatch.web.private import counted_address, is_inside
from lernbatch.web.routing import Access, Route

_JSON_TYPE = re.compile(r"\s*application/([\w.-]+\+)?json\s*(;|$)", re.IGNORECASE)


class Denied(Forbidden):
    """None of the roles that the call needs, or somebody else's name in a call about oneself: the gateway's words."""

    message = "You do not have permission to perform this operation"


class NotJson(Refused):
    """A body without a JSON content type, where a page of another origin could send it unasked."""

    http_status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    code = "UNSUPPORTED_MEDIA_TYPE"
    message = "The content type of the request must be application/json."


def admit(route: Route, request: Request, services: Services) -> Caller:
    """Who calls `route`. Raises: NotAuthenticated, Forbidden, NotJson."""
    if route.is_closed:
        check_no_page(headers_of(request.scope))
    if route.access is Access.PRIVATE:
        check_private(request, services.config)
    caller = services.tokens.caller(
        headers_of(request.scope),
        required=route.access in (Access.USER, Access.LATE_USER),
        accept_expired=route.access is Access.LATE_USER,
    )
    if route.access is Access.INTERNAL and not caller.administers((), services.config.administrator_roles):
        check_private(request, services.config)
    return caller


def lacks_role(route: Route, caller: Caller, config: Config, *, by_gateway: bool) -> bool:
    """Whether a user has none of the roles that the call needs. Systems with a key of their own need none."""
    enforced = config.roles_enforced == "everywhere" or (config.roles_enforced == "gateway" and by_gateway)
    return enforced and bool(route.roles) and caller.is_user and not caller.has_role(route.roles)


def names_another(body: Mapping[str, Any], parameters: Mapping[str, str], caller: Caller, config: Config) -> bool:
    """Whether a call about oneself names somebody else: a parent who forgot the child's header, for one.

    Source: contract enrolment §1.3, the gateway's policies.
    """
    if not config.subject_enforced or not caller.is_user:
        return False
    attempts = body.get("assessments")
    entries = [body, *(attempts if isinstance(attempts, list) else ())]
    names = [parameters.get("user_id"), *(entry.get("userId") for entry in entries if isinstance(entry, dict))]
    prefix = f"f:{config.federation_provider_id}:"
    return any(isinstance(name, str) and name.strip() and name.removeprefix(prefix) != caller.subject for name in names)


def is_anonymous(route: Route, caller: Caller) -> bool:
    """Whether it is a call of nobody who is known, of those that have a share of their own."""
    return route.access is Access.OPEN and caller.user_id is None and not route.vital


def check_rate(route: Route, request: Request, caller: Caller, services: Services) -> None:
    """Count a call that is dear, or anonymous; the private networks are not counted. Raises: TooOften."""
    if not is_anonymous(route, caller) and not route.is_dear:
        return
    config, now = services.config, services.clock.now()
    limit = config.dear_calls_per_minute if route.is_dear else config.anonymous_calls_per_minute
    what = "dear" if route.is_dear else "anonymous"
    if caller.user_id is not None:
        services.rates.check(what, caller.user_id, limit, now)
    elif not is_private(request, config):
        services.rates.check(what, counted_address(request, config), limit, now)


def is_private(request: Request, config: Config) -> bool:
    """Whether it comes from the private networks, or shows the service token."""
    try:
        check_private(request, config)
    except Forbidden:
        return False
    return True


def check_private(request: Request, config: Config) -> None:
    """Let in the private networks, and who shows the service token. Raises: Forbidden."""
    headers = headers_of(request.scope)
    token = headers.get("x-service-token", "").encode()
    if any(compare_digest(token, ours.encode()) for ours in config.service_tokens):
        return
    peer = request.client.host if request.client else ""
    if not is_inside(peer, request.scope["http_version"], headers, config):
        raise Forbidden


def check_no_page(headers: Mapping[str, str]) -> None:
    """Refuse what a page of another origin can make a browser send. Raises: Forbidden, NotJson."""
    if "origin" in headers or headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise Forbidden
    if has_body(headers) and not _JSON_TYPE.match(headers.get("content-type", "")):
        raise NotJson
